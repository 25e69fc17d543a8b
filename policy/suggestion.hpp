// SPDX-License-Identifier: Apache-2.0
#pragma once

// The smallest rule that would allow exactly one command, as TOML to paste: for explanations and
// for `learn`, never applied by itself. Every value is pinned to what was typed.

#include <string>
#include <string_view>
#include <vector>

#include "policy/catalog_table.hpp"
#include "policy/mix_command.hpp"

namespace mixguard::policy {

// `known` is the catalogue's entry for the task, or nothing. Empty when the words cannot be written
// down as a rule. `for_project`: whether a project's own policy may give it.
[[nodiscard]] std::string suggest_task(const TaskCall& call, std::string_view env,
                                       const catalog::Task* known, bool for_project);

[[nodiscard]] std::string suggest_program(const std::vector<std::string>& argv,
                                          std::string_view program_path);

}  // namespace mixguard::policy
