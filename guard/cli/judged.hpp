// SPDX-License-Identifier: Apache-2.0
#pragma once

// What several verbs share: `check` and `explain` ask and print the answer; `rollback`, `recover`
// and `audit` open the project's store.

#include <functional>
#include <vector>

#include "guard/cli/verb.hpp"
#include "guard/output/console.hpp"
#include "guard/recovery.hpp"
#include "guard/request.hpp"
#include "policy/explain.hpp"

namespace CLI {
class Validator;
}

namespace mixguard::guard::cli {

// The exit code that `run` would have for the decision: 0, 120, 121 or 126; trouble on the way has
// its own.
int with_judgement(const Invocation& invocation, policy::Detail detail, Console& console,
                   const std::function<void(const Judgement&)>& print);

// Opens the store of the project that --project or the working directory names and hands it to
// `use`, whose exit code it returns; an Error is printed and is kExitInternal.
int with_store(const Invocation& invocation, Console& console,
               const std::function<Result<int>(const Store&)>& use);

// The same, locked and recovered first (hold_and_recover()).
int with_held_store(
    const Invocation& invocation, Console& console,
    const std::function<Result<int>(const Store&, const std::vector<Recovery>&)>& use,
    Unfinished unfinished = Unfinished::kStops);

// For an option that takes a path: a project-relative one as a person writes it ("lib/", "./lib")
// becomes "lib", an absolute one is normalised.
[[nodiscard]] CLI::Validator written_path();
// An absolute path in the project, relative to it; others as they are.
[[nodiscard]] std::string in_project(const Store& store, const std::string& path);

// Colour on a terminal only, and not with NO_COLOR.
[[nodiscard]] policy::ExplainStyle terminal_style();

}  // namespace mixguard::guard::cli
