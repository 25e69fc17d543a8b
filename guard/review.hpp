// SPDX-License-Identifier: Apache-2.0
#pragma once

// A person goes through proposed rules on the terminal: yes, no, edit or quit. What comes back was
// said yes to, word by word; nothing is applied here.

#include <string>
#include <vector>

#include "guard/output/console.hpp"
#include "policy/proposal.hpp"

namespace mixguard::guard {

// "3 times, 2026-11-20 to 2026-11-22"
[[nodiscard]] std::string evidence(const policy::Proposal& proposal);

// The tables that were taken, as they were or as they were edited. Asks on standard error and reads
// standard input; its end is "quit". An edit is taken when the whole policy with it can be built;
// an empty one is a "no".
[[nodiscard]] std::vector<std::string> review(const policy::PolicySource& source,
                                              const std::vector<policy::Proposal>& proposals,
                                              const Console& console);

}  // namespace mixguard::guard
