// SPDX-License-Identifier: Apache-2.0
#pragma once

// The smallest rule that would allow exactly the commands it is asked for, as TOML to paste: for
// explanations and for `learn`, never applied by itself. The values of one command are pinned to
// what was typed; of several, integers become the range seen, paths the one directory that holds
// them all, and other words a list.

#include <string>
#include <string_view>
#include <vector>

#include "policy/catalog_table.hpp"
#include "policy/mix_command.hpp"
#include "policy/ruleset.hpp"

namespace mixguard::policy {

// A flag that the task is known to take.
struct KnownFlag {
  std::string_view name;
  std::string_view alias;
  bool is_bool = false;
};

// A command that the rule has to allow, and the directory it was typed in.
struct SeenCall {
  const TaskCall* call = nullptr;
  std::string_view cwd;
};

struct TaskSuggestion {
  std::vector<SeenCall> calls;           // of one task, at least one
  std::vector<std::string> envs;         // at least one
  const catalog::Task* known = nullptr;  // the catalogue's entry, if there is one
  std::vector<KnownFlag> flags;          // see known_flags()
  const Grant* like = nullptr;  // a rule that nearly fits: what it grants is needed here too
  std::string_view root;        // of the project; empty outside one
  std::string id;               // empty for suggested_id()
};

// Empty when the words cannot be written down as one rule.
[[nodiscard]] std::string suggest_task(const TaskSuggestion& wanted);

// The flags of the entry, or without one those of the rules that speak of the task.
[[nodiscard]] std::vector<KnownFlag> known_flags(const catalog::Task* known,
                                                 const std::vector<const TaskRule*>& rules);

[[nodiscard]] std::string suggested_id(std::string_view name, const std::vector<std::string>& envs);

// Argument vectors of one program that differ in one place at most; empty for others. `id` may be
// empty.
[[nodiscard]] std::string suggest_program(const std::vector<std::vector<std::string>>& argvs,
                                          std::string_view program_path, std::string id = "");

// The same for a program that commands of `tasks` start.
[[nodiscard]] std::string suggest_child(const std::vector<std::string>& argv,
                                        std::string_view program_path,
                                        const std::vector<std::string>& tasks);

// What a project's own policy may allow a task in.
[[nodiscard]] bool is_development(std::string_view env);

}  // namespace mixguard::policy
