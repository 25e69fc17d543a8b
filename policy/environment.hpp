// SPDX-License-Identifier: Apache-2.0
#pragma once

// The environment that a command gets, made from nothing by the [env] rules of all layers, and the
// MIX_ENV that its rules are chosen by.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/facts.hpp"
#include "policy/refusal.hpp"
#include "policy/ruleset.hpp"

namespace mixguard::policy {

// The [env] rules of all layers for one name, from the system's down to the project's. A value must
// satisfy every one of them; the last that has a default gives it.
struct VariableRules {
  std::string_view name;
  std::vector<const EnvRule*> rules;
};

class EnvironmentRules {
 public:
  // `layers` must outlive the result, and be in order.
  explicit EnvironmentRules(const std::vector<Ruleset>& layers);

  [[nodiscard]] const VariableRules* find(std::string_view name) const;
  [[nodiscard]] const std::vector<VariableRules>& all() const { return variables_; }

 private:
  std::vector<VariableRules> variables_;  // sorted by name
};

struct Environment {
  std::string mix_env;  // empty for a plain program
  std::string source;   // "given", "preferred by test", "default"
  // Why it is not known what the project prefers, where that would have counted.
  std::optional<Unreadable> unknown;
  std::vector<EnvVariable> variables;
  std::vector<DroppedVariable> dropped;
  std::optional<Refusal> refusal;
};

// `first_task` is the task whose preferred environment counts; empty for a plain program, which has
// no MIX_ENV of its own.
[[nodiscard]] Environment make_environment(const EnvironmentRules& rules, const Facts& facts,
                                           std::string_view first_task);

}  // namespace mixguard::policy
