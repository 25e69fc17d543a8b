// SPDX-License-Identifier: Apache-2.0
#pragma once

// Whether the project is sound, above all after a rollback: what was put back is there, the
// dependencies are those of mix.lock, it compiles without new warnings, its tests pass, its
// migrations can be listed, the endpoints that the policy names answer as it says. Every step that
// runs Mix is a guarded command like any other, decided by the policy, on an overlay of which
// nothing is kept: to verify changes nothing.

#include <chrono>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "guard/snapshot/store.hpp"
#include "policy/result.hpp"
#include "policy/ruleset.hpp"

namespace mixguard::guard {

struct VerifyStep {
  std::string name;
  enum class Outcome { kOk, kFailed, kSkipped } outcome = Outcome::kOk;
  std::string why;                   // of what failed or was skipped; of others what was found
  std::vector<std::string> details;  // a line each: paths, new warnings, the end of the output
  std::chrono::milliseconds took{0};
};
[[nodiscard]] std::string_view to_string(VerifyStep::Outcome outcome);

struct VerifyOptions {
  std::string policy;  // --policy, for the guarded commands
  std::string run_id;  // the rollback that was just made; empty: the last run, if it is one
  bool tests = false;
};

// Whether what the rollback put back is there. Cheap: a look at each path.
[[nodiscard]] VerifyStep verify_restored(const Store& store, const std::string& run_id);

// All steps, in order; `before` is called with the name of each. The store must not be locked: the
// guarded commands lock it themselves. What a verification without a failure found is what the next
// one compares with: its warnings, and the endpoints that answered. Where nothing listens, and
// nothing did then, no rollback is at fault.
// `endpoints`: of the policy's layers.
[[nodiscard]] std::vector<VerifyStep> verify(const Store& store, const VerifyOptions& options,
                                             const std::vector<policy::HttpEndpoint>& endpoints,
                                             const std::function<void(const char*)>& before);

// No step failed; skipped ones do not count.
[[nodiscard]] bool has_passed(const std::vector<VerifyStep>& steps);

}  // namespace mixguard::guard
