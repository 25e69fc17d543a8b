// SPDX-License-Identifier: Apache-2.0
#pragma once

// What `check` and `explain` share: ask, let the caller print the answer, turn it into an exit
// code.

#include <functional>
#include <string>
#include <vector>

#include "guard/cli/verb.hpp"
#include "guard/output/console.hpp"
#include "guard/request.hpp"
#include "policy/explain.hpp"

namespace mixguard::guard::cli {

// The exit code that `run` would have for the decision: 0, 120, 121 or 126; trouble on the way has
// its own.
int with_judgement(const CommonOptions& common, const std::vector<std::string>& command,
                   const Console& console, const std::function<void(const Judgement&)>& print);

// Colour on a terminal only, and not with NO_COLOR.
[[nodiscard]] policy::ExplainStyle terminal_style();

}  // namespace mixguard::guard::cli
