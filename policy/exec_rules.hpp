// SPDX-License-Identifier: Apache-2.0
#pragma once

// [[exec]] rules against one argument vector: for programs that a person asks for, and for children
// that a command starts. Which file a path is, the caller has found out.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/engine.hpp"
#include "policy/values.hpp"

namespace mixguard::policy {

// Whether `argv` is what the rule's pattern describes (a rule without one describes everything).
// The first element of a pattern may also be the last component of argv[0].
[[nodiscard]] bool argv_matches(const ExecRule& rule, const std::vector<std::string>& argv,
                                const PathScope& scope, std::vector<PathArgument>& paths);

// What the policy says of a child process; `rules` are those that decided.
struct ChildVerdict {
  Verdict verdict = Verdict::kDeny;
  std::string because;
  std::vector<RuleRef> rules;
  std::vector<std::string> env_drop;  // of every rule that matched
};

// `same_files` are the paths of [[exec]] rules that are the file being executed; `tasks` are the
// tasks of the command it runs under. Nothing when no rule speaks of it. The strictest rule of all
// layers wins.
[[nodiscard]] std::optional<ChildVerdict> judge_child(const Policy& policy,
                                                      const std::vector<std::string>& tasks,
                                                      const std::vector<std::string>& same_files,
                                                      const std::vector<std::string>& argv,
                                                      const PathScope& scope);

// Paths written in [[exec]] rules for children, as Policy::command_paths() lists those for
// commands. They may begin with "${root}".
[[nodiscard]] std::vector<std::string> child_paths(const Policy& policy);

}  // namespace mixguard::policy
