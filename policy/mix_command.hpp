// SPDX-License-Identifier: Apache-2.0
#pragma once

// The Mix front end: what a command line asks Mix to do. It splits `mix do` exactly as Mix splits
// it and knows the one spelling of each task name that is accepted; it does not know which tasks
// exist and judges nothing.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/refusal.hpp"

namespace mixguard::policy {

// One task that Mix would run, with the words that follow its name. The pseudo-task "iex" stands
// for the interactive shell of `iex -S mix`.
struct TaskCall {
  std::string task;
  std::vector<std::string> words;
  // What stands in the place of a task name: "--version" or "--help"; nothing for "iex".
  std::optional<std::vector<std::string>> typed;
  std::optional<Refusal> refusal;
};

struct MixCommand {
  std::vector<TaskCall> calls;
  std::vector<std::string> do_options;  // of the outermost `do`: {"--app", "shop"}
  bool is_do = false;
  bool is_iex = false;
  std::optional<Refusal> refusal;  // of the command as a whole; `calls` may be incomplete
};

// Reads the words after `mix`. Nothing at all means the task `run`; `--help` and `--version`, when
// alone, are judged as the task `help`. At most 16 parts, `do` at most three deep.
[[nodiscard]] MixCommand read_mix(const std::vector<std::string>& words);

// One task with its words, `do` not split.
[[nodiscard]] TaskCall read_task(const std::vector<std::string>& words);

// Reads the words after `iex`: `-S mix [task …]` is the task and the pseudo-task "iex"; everything
// else is refused.
[[nodiscard]] MixCommand read_iex(const std::vector<std::string>& words);

// The whole command, spelled out from the canonical words of its parts.
[[nodiscard]] std::vector<std::string> spell(const MixCommand& command,
                                             const std::vector<Part>& parts);

// Lowercase words between underscores, between dots: "phx.gen.live". Mix would also take "Phx.Gen",
// "_phx.gen" and more for the same module.
[[nodiscard]] bool is_canonical_task(std::string_view name);

// The module that Mix would look for, without "Mix.Tasks.": "Ecto.Drop". Two canonical names can
// share one ("a_1" and "a1").
[[nodiscard]] std::string task_module(std::string_view name);

// The canonical name of the task that Mix would run for `name`, or empty when Mix would find none.
[[nodiscard]] std::string canonical_task(std::string_view name);

}  // namespace mixguard::policy
