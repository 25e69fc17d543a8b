// SPDX-License-Identifier: Apache-2.0
#pragma once

// Finishing what a crash left half done.

#include <functional>
#include <string>
#include <vector>

#include "guard/snapshot/store.hpp"
#include "policy/result.hpp"

namespace mixguard::guard {

struct Recovery {
  std::string run_id;
  enum class Outcome {
    kDiscarded,      // the run had not begun to commit, or wrote through and was restored: the
                     // project is as before
    kRolledForward,  // the commit or rollback had begun: it is finished now, the project is as
                     // after
    kKept,           // a server or a console: what it had written stays
  } outcome = Outcome::kDiscarded;
  bool can_return = false;  // a rollback of the run undoes the outcome, or what is kept
  // What stays as the run left it, and why: it could not be looked at or put back, or has no sound
  // copy.
  std::vector<std::string> left;
};

using OnRecovery = std::function<void(const Recovery&)>;

// Finishes or discards every run that a crash left behind. The store must be locked, so no live run
// is touched. Idempotent; a crash during it is recovered by the next call. `on_recovery` is told of
// each that is over, also when another cannot be finished, which is the Error; EBADMSG: what was
// written down of that one is damaged, so that nobody knows what it was doing.
Result<std::vector<Recovery>> recover(const Store& store, const OnRecovery& on_recovery = {});

}  // namespace mixguard::guard
