// SPDX-License-Identifier: Apache-2.0
#include "guard/recovery.hpp"

#include <nlohmann/json.hpp>

#include "guard/audit/log.hpp"

namespace mixguard::guard {

namespace {

void say(const Recovery& one, const Console& console) {
  const bool forward = one.outcome == Recovery::Outcome::kRolledForward;
  console.say(
      forward
          ? "recovered run " + one.run_id + ": its commit is finished, the project is as after it"
          : "recovered run " + one.run_id + ": it was dropped, the project is as before it" +
                (one.left.empty() ? "" : ", but for what is named below") +
                (one.can_return ? "; to have back what was there: mixguard rollback " + one.run_id
                                : ""));
  for (const std::string& what : one.left)
    console.warn("stays as that run left it: " + printable(what));
}

nlohmann::ordered_json record_of(const Recovery& one) {
  const bool forward = one.outcome == Recovery::Outcome::kRolledForward;
  nlohmann::ordered_json record{{"run_id", one.run_id},
                                {"outcome", forward ? "rolled_forward" : "discarded"}};
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
