// SPDX-License-Identifier: Apache-2.0
#pragma once

// One run over an overlay of the project, and over one of each other directory that it may write:
// begin, look at what changed, commit or discard. Until commit() has written its intent nothing has
// changed in any of them; after that, recover() rolls forward whatever a crash left.

#include <string>
#include <vector>

#include "guard/snapshot/change.hpp"
#include "guard/snapshot/durability.hpp"
#include "guard/snapshot/journal.hpp"
#include "guard/snapshot/roots.hpp"
#include "guard/snapshot/run.hpp"
#include "guard/snapshot/store.hpp"
#include "guard/snapshot/write_policy.hpp"
#include "policy/result.hpp"

namespace mixguard::guard {

// A directory outside of the project that the run may write. No two of them, nor one of them and
// the project, contain each other.
struct OutsideRoot {
  std::string path;                   // absolute real path
  std::vector<std::string> patterns;  // what may be committed; these and `hidden` relative to it
  std::vector<std::string> hidden;
  std::string checkouts = {};              // WritePolicy::checkouts
  std::vector<std::string> linkable = {};  // WritePolicy::linkable
};

class Transaction {
 public:
  // The directories of one overlay.
  struct Overlay {
    std::string root;  // absolute; of the project as well
    std::string upper;
    std::string work;
  };

  // Makes runs/ID/{upper,work} and remembers the moment by the file system's own clock (the ctime
  // of a probe). `hidden` are project-relative paths that must not exist for the command: they
  // become whiteouts in the upper directory (the store itself is always one of them when it is
  // inside the project). Each of `outside` gets runs/ID/roots/N/{upper,work}. EXDEV: the store, or
  // one of those, is on another file system, so that nothing could be committed. `build` is what a
  // rollback of the build means (Journal::build).
  static Result<Transaction> begin(const Store& store, const std::string& run_id,
                                   const std::vector<std::string>& hidden,
                                   const std::vector<OutsideRoot>& outside = {},
                                   const std::string& build = "_build");

  [[nodiscard]] const std::string& upper() const { return trees_.front().overlay.upper; }
  [[nodiscard]] const std::string& work() const { return trees_.front().overlay.work; }
  // Of the directories outside, in the order of begin().
  [[nodiscard]] std::vector<Overlay> overlays_outside() const;
  // The directory outside, pinned since begin(); it belongs to this object.
  [[nodiscard]] Result<int> fd_of(const std::string& root) const { return live_.of(root); }

  // Lists each upper directory once and judges every entry: the write policy (its patterns are for
  // the project), the never-commit list, conflicts with the live tree. Changes nothing.
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
  // The project is the first.
  struct Tree {
    std::string name;  // Op::root
    std::string area;  // Op::area
    Overlay overlay;
    std::vector<std::string> patterns;
    std::vector<std::string> hidden;
    std::string checkouts;
    std::vector<std::string> linkable;
    sandbox::UniqueFd upper;
  };
  // A path of a ChangeSet, taken apart.
  struct Spot {
    const Tree* tree;
    std::string path;
  };
  struct Sides {
    Sides(int upper_dir, int live_dir) : upper(upper_dir), live(live_dir) {}
    tree::Parents upper, live;
  };

  explicit Transaction(Run run);
  Result<void> prepare(const Store& store, const std::vector<OutsideRoot>& outside);
  Result<void> add_tree(const std::string& home, const std::string& name, const std::string& root);
  Result<void> seed(const Tree& tree);
  [[nodiscard]] Spot spot_of(const std::string& full) const;
  [[nodiscard]] Result<ChangeSet> changes_in(const Tree& tree, const WritePolicy& policy) const;
  Result<void> plan(const ChangeSet& set);
  Result<void> plan_change(const Change& change, const Spot& spot, Sides& sides);
  Result<void> set_rest_aside(const ChangeSet& set);
  void remember_reasons(std::vector<Change> held);
  Result<void> remove_seeds(const Tree& tree);
  Result<void> clean(const Tree& tree, Durability& durability);
  Result<void> make_durable(const ChangeSet& set);

  Run run_;
  Journal journal_;
  LiveTrees live_;
  std::vector<Tree> trees_;
  std::vector<Change> late_conflicts_;
};

}  // namespace mixguard::guard
