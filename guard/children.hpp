// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a command may start inside: the policy's [[exec]] rules as the sandbox takes them, and what
// was refused as people read it.

#include <string>
#include <vector>

#include "guard/request.hpp"
#include "sandbox/exec_rules.hpp"

namespace mixguard::guard {

// The judge of what the judged command starts. `environment` is what the command is given. Holds
// copies of all it needs.
[[nodiscard]] sandbox::ExecRules exec_rules(const Judgement& judgement,
                                            const std::vector<std::string>& environment);

// One paragraph a refused program: what, why, and the rule that would allow it. Printable.
[[nodiscard]] std::vector<std::string> describe_refusals(const sandbox::ExecReport& report);

}  // namespace mixguard::guard
