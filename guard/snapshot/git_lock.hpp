// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "guard/snapshot/journal.hpp"
#include "guard/snapshot/roots.hpp"
#include "policy/result.hpp"

namespace mixguard::guard {

// Whose a lock is that the operations take away themselves.
enum class GoingLock {
  kOfTheRun,  // that is undone: it left the lock, and git is not at work
  kOfGit,
};

// Fails when an operation would change a repository in which git is at work: its index.lock is
// there. Git would write its own version over what is put back, or the repository would be made of
// two states.
Result<void> refuse_while_git_works(const LiveTrees& trees, const std::vector<Op>& ops,
                                    GoingLock going);

}  // namespace mixguard::guard
