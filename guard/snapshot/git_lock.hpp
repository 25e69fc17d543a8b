// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "guard/snapshot/journal.hpp"
#include "guard/snapshot/roots.hpp"
#include "policy/result.hpp"

namespace mixguard::guard {

// Fails when an operation would change a repository in which git is at work: its index.lock is
// there, and is not what the operations take away themselves. Git would write its own version over
// what is put back, or the repository would be made of two states.
Result<void> refuse_while_git_works(const LiveTrees& trees, const std::vector<Op>& ops);

}  // namespace mixguard::guard
