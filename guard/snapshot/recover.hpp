// SPDX-License-Identifier: Apache-2.0
#pragma once

// Finishing what a crash left half done.

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
  } outcome = Outcome::kDiscarded;
  bool can_return = false;  // what was in the project until then is kept as what the run undoes
  // What stays as the run left it, and why: it could not be looked at, or has no sound copy.
  std::vector<std::string> unseen;
};

// Finishes or discards every run that a crash left behind. The store must be locked, so no live run
// is touched. Idempotent; a crash during it is recovered by the next call. EBADMSG: what was
// written down of a run is damaged, so that nobody knows what it was doing.
Result<std::vector<Recovery>> recover(const Store& store);

}  // namespace mixguard::guard
