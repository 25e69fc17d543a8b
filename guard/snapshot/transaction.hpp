// SPDX-License-Identifier: Apache-2.0
#pragma once

// One run over an overlay of the project: begin, look at what changed, commit or discard. Until
// commit() has written its intent nothing in the project has changed; after that, recover() rolls
// forward whatever a crash left.

#include <string>
#include <vector>

#include "guard/snapshot/change.hpp"
#include "guard/snapshot/durability.hpp"
#include "guard/snapshot/journal.hpp"
#include "guard/snapshot/run.hpp"
#include "guard/snapshot/store.hpp"
#include "guard/snapshot/write_policy.hpp"
#include "policy/result.hpp"

namespace mixguard::guard {

class Transaction {
 public:
  // Makes runs/ID/{upper,work} and remembers the moment by the file system's own clock (the ctime
  // of a probe). `hidden` are project-relative paths that must not exist for the command: they
  // become whiteouts in the upper directory (the store itself is always one of them when it is
  // inside the project).
  static Result<Transaction> begin(const Store& store, const std::string& run_id,
                                   const std::vector<std::string>& hidden);

  [[nodiscard]] const std::string& upper() const { return upper_; }
  [[nodiscard]] const std::string& work() const { return work_; }

  // Lists the upper directory once and judges every entry: the write policy, the never-commit list,
  // conflicts with the live tree. Changes nothing.
  Result<ChangeSet> changes(const WritePolicy& policy) const;

  // Applies what is kCommit, moves the rest to the quarantine. Durable when it returns: data and
  // directories are synced, the journal says done. Afterwards upper() holds the previous versions:
  // the undo set. A run without any change is discarded. An Error before the intent was written
  // leaves the project untouched; see intended().
  Result<void> commit(const ChangeSet& set);

  // True once commit() has written its intent: whatever it returned, the run will be finished, by
  // recover() if need be.
  [[nodiscard]] bool intended() const { return journal_.state != RunState::kBegun; }

  // What commit() had to leave out although the set said kCommit, because the project's own copy
  // changed at the last moment; kConflict, kept in the quarantine.
  [[nodiscard]] const std::vector<Change>& late_conflicts() const { return late_conflicts_; }

  // Forgets the run's changes. Nothing of them is left but what waits in the store's trash. Refused
  // once intended().
  Result<void> discard();

 private:
  Result<void> seed();
  Result<void> plan(const ChangeSet& set);
  Result<void> plan_change(const Change& change, tree::Parents& upper, tree::Parents& project);
  Result<void> set_rest_aside(const ChangeSet& set);
  Result<void> remove_seeds();
  Result<void> clean(Durability& durability);
  Result<void> make_durable(const ChangeSet& set);

  Run run_;
  Journal journal_;
  std::string upper_;
  std::string work_;
  std::string project_root_;
  sandbox::UniqueFd upper_fd_;
  std::vector<Change> late_conflicts_;
};

}  // namespace mixguard::guard
