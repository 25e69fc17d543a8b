// SPDX-License-Identifier: Apache-2.0
#pragma once

// The words after a task's name against one rule's `flags` and `args`: read as Elixir's
// OptionParser reads them, and stricter: nothing unknown, repeated, empty or abbreviated gets
// through.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/refusal.hpp"
#include "policy/ruleset.hpp"
#include "policy/values.hpp"

namespace mixguard::policy {

// A flag or an argument that was found in order. It refers to the rule and the words.
struct Check {
  const FlagRule* flag = nullptr;  // of an argument: nothing
  const ValueType* type = nullptr;
  std::string_view value;  // of a boolean too: "true" or "false"
};

// "--step 2 is an integer from 1 to 20"
[[nodiscard]] std::string to_string(const Check& check);

struct Fit {
  std::optional<Refusal> refusal;      // nothing: the words fit
  std::size_t understood = 0;          // words read before the refusal
  std::vector<std::string> canonical;  // the words with long flag names, values apart
  std::vector<Check> checked;
  std::vector<PathArgument> paths;
};

// `flags_first`: the task stops looking for flags at its first positional argument.
[[nodiscard]] Fit fit_words(const TaskRule& rule, const std::vector<std::string>& words,
                            bool flags_first, const PathScope& scope);

// Whether the flag appears among the words, in any spelling that Mix or a task might take for it,
// after "--" too, whatever its value.
[[nodiscard]] bool mentions_flag(const FlagRule& flag, const std::vector<std::string>& words);

}  // namespace mixguard::policy
