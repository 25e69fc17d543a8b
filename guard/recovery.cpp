// SPDX-License-Identifier: Apache-2.0
#include "guard/recovery.hpp"

#include <array>
#include <nlohmann/json.hpp>
#include <string_view>

#include "guard/audit/log.hpp"

namespace mixguard::guard {

namespace {

std::string what_became(const Recovery& one) {
  const std::string command = "mixguard rollback " + one.run_id;
  switch (one.outcome) {
    case Recovery::Outcome::kRolledForward:
      return "its commit is finished, the project is as after it";
    case Recovery::Outcome::kKept:
      return one.can_return
                 ? "it wrote in place, and what it wrote stays; to take it back: " + command
                 : "it wrote in place, and had changed nothing";
    case Recovery::Outcome::kDiscarded:
      return std::string("it was dropped, the project is as before it") +
             (one.left.empty() ? "" : ", but for what is named below") +
             (one.can_return ? "; to have back what was there: " + command : "");
  }
  return "";
}

void say(const Recovery& one, const Console& console) {
  console.say("recovered run " + one.run_id + ": " + what_became(one));
  for (const std::string& what : one.left)
    console.warn("stays as that run left it: " + printable(what));
}

nlohmann::ordered_json record_of(const Recovery& one) {
  constexpr std::array<std::string_view, 3> kOutcomes = {"discarded", "rolled_forward", "kept"};
  nlohmann::ordered_json record{{"run_id", one.run_id},
                                {"outcome", kOutcomes.at(static_cast<std::size_t>(one.outcome))}};
  if (!one.left.empty()) {
    nlohmann::ordered_json left = nlohmann::ordered_json::array();
    for (const std::string& what : one.left) left.push_back(printable(what));
    record["left"] = std::move(left);
  }
  return record;
}

}  // namespace

Result<Store> open_store_of(const Project& project) {
  return project.found() ? Store::open(project.root) : Store::open_without_project();
}

Result<HeldStore> hold_and_recover(const Store& store, const Console& console,
                                   Unfinished unfinished) {
  Result<sandbox::UniqueFd> lock =
      store.lock([&] { console.say("waiting for another guarded command in this project"); });
  if (!lock) return propagate(lock);
  Result<void> told;
  const auto tell = [&](const Recovery& one) {
    say(one, console);
    auto log = AuditLog::open(store);
    auto appended = log ? log->append("recovered", record_of(one)) : propagate(log);
    if (told && !appended) told = propagate(appended);
  };
  Result<std::vector<Recovery>> recovered = recover(store, tell);
  if (!told) return propagate(told);
  if (recovered) return HeldStore{std::move(*lock), std::move(*recovered)};
  if (unfinished == Unfinished::kStops) return propagate(recovered);
  console.warn(printable(recovered.error().message));
  return HeldStore{std::move(*lock), {}};
}

}  // namespace mixguard::guard
