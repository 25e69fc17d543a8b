// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the crash tests interrupt: a small project, commits with every kind of change, rollbacks of
// one run, of several and of some paths, and recovery.

#include <functional>
#include <string>
#include <vector>

#include "guard/snapshot/recover.hpp"
#include "guard/snapshot/rollback.hpp"
#include "guard/snapshot/transaction.hpp"
#include "guard/snapshot/write_policy.hpp"
#include "tests/guard/snapshot/project_fixture.hpp"

namespace mixguard::testing {

// A project, and a directory outside of it that some runs write as well.
struct World : Project {
  Project outside;
  [[nodiscard]] TreeState state(Times times = Times::kCompared) const;
};

struct Scenario {
  std::function<void(const World&)> prepare;
  std::function<bool(const World&)> act;  // in the victim; calls start_counting()
  Times times = Times::kCompared;
};

void fill(const Project& project);
void settle_times(const std::string& root);  // files and symlinks get one and the same time

// The mark of something deleted, as an overlay makes it.
void whiteout(const std::string& path);

// One run, whose upper directories `fill` makes as a command over overlays would; `before_commit`
// comes before the run looks at them. False when it fails, or leaves out what changed meanwhile.
using Fill = std::function<void(const guard::Transaction&)>;
bool commit_filled(
    const Project& project, const guard::WritePolicy& policy, const Fill& fill,
    const std::function<void()>& before_commit = [] {},
    const std::vector<guard::OutsideRoot>& outside = {});

// A commit of every kind of change, all but `before_commit` as one step.
bool commit(const Project& project, const std::function<void()>& before_commit);
void committed(const Project& project);
// A snapshot, and changes of every kind since.
void captured(const Project& project);
void write_through(const Project& project);
// Two runs, of which the newer one moves a directory away that the older one changed inside.
void committed_twice(const Project& project);

bool roll_back(const Project& project, const guard::RollbackOptions& options = {});
// The newest run there is, which is a rollback.
bool undo_rollback(const Project& project);
bool recover_all(const Project& project);

// The same in the project and outside.
bool commit_both(const World& world, const std::function<void()>& before_commit);

Scenario commits();
Scenario commits_in_two_places();
Scenario rollback_in_two_places();
Scenario rollback_of_one();
Scenario rollback_of_paths();
Scenario rollback_of_rollback();
Scenario rollback_of_several();
Scenario undoing_of_several();
// Going back to a snapshot.
Scenario restoring();

// What the scenario makes of its project when nothing interferes.
TreeState finished_state(const Scenario& scenario);

// Recovers and checks that the project is one of the two, that recovering again does nothing and
// that nothing is left over.
void check_sound(const World& project, const TreeState& before, const TreeState& after,
                 Times times);

// Most of this does not depend on the disk, and in memory it is ten times as fast.
void use_memory();

}  // namespace mixguard::testing
