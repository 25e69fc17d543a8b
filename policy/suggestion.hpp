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

// A flag that the task is known to take.
struct KnownFlag {
  std::string_view name;
  std::string_view alias;
  bool is_bool = false;
};

// `known` is the catalogue's entry for the task, or nothing; `flags` are those of the entry, or of
// the rules that speak of the task. Empty when the words cannot be written down as a rule.
// `for_project`: whether a project's own policy may give it.
[[nodiscard]] std::string suggest_task(const TaskCall& call, std::string_view env,
                                       const catalog::Task* known,
                                       const std::vector<KnownFlag>& flags, bool for_project);

[[nodiscard]] std::string suggest_program(const std::vector<std::string>& argv,
                                          std::string_view program_path);

}  // namespace mixguard::policy
