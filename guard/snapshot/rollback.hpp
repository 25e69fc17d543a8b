// SPDX-License-Identifier: Apache-2.0
#pragma once

// Undoing committed runs, and finishing what a crash left half done.

#include <string>
#include <vector>

#include "guard/snapshot/change.hpp"
#include "guard/snapshot/store.hpp"

namespace mixguard::guard {

struct RollbackOptions {
  bool dry_run = false;
  bool force =
      false;  // also undo paths that somebody changed since; what they had is captured first
  std::vector<std::string>
      paths;  // only these project-relative paths and what is below them; empty: all
};

struct RollbackReport {
  std::string run_id;   // the run that was undone
  std::string undo_id;  // the run that this rollback is (it can be rolled back in turn); empty for
                        // a dry run
  ChangeSet
      undone;  // what changed in the project, as seen from now (a created file undone is kDeleted)
  std::vector<std::string> skipped;  // edited since, left alone
};

// Undoes the run `run_id`, or with "last" the newest run that is committed and not rolled back yet.
// The store must be locked. Fails without having changed anything when there is no such run.
Result<RollbackReport> rollback(const Store& store, const std::string& run_id,
                                const RollbackOptions& options);

struct Recovery {
  std::string run_id;
  enum class Outcome {
    kDiscarded,      // the run had not begun to commit, or wrote through and was restored: the
                     // project is as before
    kRolledForward,  // the commit or rollback had begun: it is finished now, the project is as
                     // after
  } outcome = Outcome::kDiscarded;
};

// Finishes or discards every run that a crash left behind. The store must be locked, so no live run
// is touched. Idempotent; a crash during it is recovered by the next call.
Result<std::vector<Recovery>> recover(const Store& store);

}  // namespace mixguard::guard
