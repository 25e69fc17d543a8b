// SPDX-License-Identifier: Apache-2.0
#include "guard/recovery.hpp"

#include <nlohmann/json.hpp>

#include "guard/audit/log.hpp"

namespace mixguard::guard {

Result<Store> open_store_of(const Project& project) {
  return project.found() ? Store::open(project.root) : Store::open_without_project();
}

Result<HeldStore> hold_and_recover(const Store& store, const Console& console,
                                   Unfinished unfinished) {
  Result<sandbox::UniqueFd> lock =
      store.lock([&] { console.say("waiting for another guarded command in this project"); });
  if (!lock) return propagate(lock);
  Result<std::vector<Recovery>> recovered = recover(store);
  if (!recovered && unfinished == Unfinished::kStops) return propagate(recovered);
  if (!recovered) {
    console.warn(printable(recovered.error().message));
    recovered.emplace();
  }
  HeldStore held{std::move(*lock), std::move(*recovered)};
  if (held.recovered.empty()) return held;
  Result<AuditLog> log = AuditLog::open(store);
  if (!log) return propagate(log);
  for (const Recovery& one : held.recovered) {
    const bool forward = one.outcome == Recovery::Outcome::kRolledForward;
    console.say(
        forward
            ? "recovered run " + one.run_id + ": its commit is finished, the project is as after it"
            : "recovered run " + one.run_id + ": it was dropped, the project is as before it" +
                  (one.unseen.empty() ? "" : ", but for what is named below") +
                  (one.can_return ? "; to have back what was there: mixguard rollback " + one.run_id
                                  : ""));
    for (const std::string& what : one.unseen)
      console.warn("stays as that run left it: " + printable(what));
    const nlohmann::ordered_json body{{"run_id", one.run_id},
                                      {"outcome", forward ? "rolled_forward" : "discarded"}};
    if (auto appended = log->append("recovered", body); !appended) return propagate(appended);
  }
  return held;
}

}  // namespace mixguard::guard
