// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a server or a console finds changed when it ends is not all its own: other runs were
// committed, or rolled back, meanwhile, and have their own undo sets.

#include <set>
#include <string>
#include <vector>

#include "guard/snapshot/journal.hpp"
#include "guard/snapshot/store.hpp"
#include "policy/result.hpp"

namespace mixguard::guard {

// `ops`: what differs since the run began at `since` (tree::moment()), as its changes. What others
// did afterwards is taken off: an operation then ends with the object that they found, and goes
// where the run had done nothing to it. Returns the paths that went.
Result<std::set<std::string>> leave_to_others(const Store& store, const std::string& run_id,
                                              std::int64_t since, std::vector<Op>& ops);

}  // namespace mixguard::guard
