// SPDX-License-Identifier: Apache-2.0
#pragma once

// What mixguard knows of Mix tasks without being told: which flags they take, which environment
// they prefer, and what a sensible policy says of them. The facts hold for every policy; the
// verdicts only where the builtin policy is underneath.

#include <string_view>
#include <vector>

#include "policy/catalog_table.hpp"
#include "policy/ruleset.hpp"

namespace mixguard::policy {

// How rules of the catalogue name their file.
constexpr std::string_view kBuiltinFile = "builtin:elixir";

// Nothing when the catalogue does not know the task. Logarithmic.
[[nodiscard]] const catalog::Task* find_builtin(std::string_view name);

// The catalogue's entry as rules: one for each verdict it gives, and one for the flags that ask.
[[nodiscard]] std::vector<TaskRule> builtin_rules(const catalog::Task& task);

[[nodiscard]] std::vector<std::string_view> builtin_names();

// The task that `name` was probably meant to be, or empty when none is near.
[[nodiscard]] std::string nearest_builtin(std::string_view name);

}  // namespace mixguard::policy
