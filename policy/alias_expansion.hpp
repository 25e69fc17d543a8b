// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a Mix command runs once the aliases of mix.exs are followed, as Mix.Task.run/2 follows them
// (lib/mix/lib/mix/task.ex of Elixir 1.14 to 1.18). It judges nothing.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/mix_command.hpp"
#include "policy/mix_exs.hpp"

namespace mixguard::policy {

// OptionParser.split/1: words between spaces, quotes of both kinds, a backslash before a quote or a
// space. Nothing for a quote that is never closed, where Elixir raises.
[[nodiscard]] std::optional<std::vector<std::string>> split_words(std::string_view text);

// A task that runs, or a function that does. Of a function the call's task is the alias it is a
// step of.
struct Leaf {
  TaskCall call;
  std::vector<std::string> via;  // the aliases that led here, outermost first
  std::string function;          // its source, shortened; empty for a task
};

// An alias that is entered, with the words it is given.
struct AliasUse {
  TaskCall call;
  std::vector<std::string> via;  // the aliases around it, outermost first
};

struct Expansion {
  std::vector<Leaf> leaves;       // in the order they run, each once
  std::vector<AliasUse> aliases;  // those entered, each once
  // Whether the call at that place of the command is an alias: what is typed is then spelled as it
  // is.
  std::vector<bool> is_alias;
  std::optional<Refusal> refusal;
};

// The tasks behind `command`. `files` is what mix.exs says: first the file that Mix would load,
// then an umbrella's apps'.
//
// An alias goes before a task of its name. Its own name among its steps is the task. The words of
// the caller go to the last step, and to the first that is the alias's own name; after such a one
// no step gets any. An alias that is already being followed is the task, as in Mix. In an umbrella
// a task may run in every app, where the app's aliases count, and a task of an app at the root.
// What Mix runs by itself on the way to any task (`loadconfig`, `compile`, …) is followed when it
// is an alias.
//
// Refused (E_ALIAS): a typed `do` that is an alias, more than eight aliases inside one another,
// more than 64 tasks or 1,000 steps, a step that cannot be split. Tables that could not be read
// have no aliases here; see unknown_aliases().
[[nodiscard]] Expansion expand(const MixCommand& command, const std::vector<MixExs>& files);

// The first of the tables that could not be read, as "FILE:LINE: why".
[[nodiscard]] std::optional<std::string> unknown_aliases(const std::vector<MixExs>& files);

}  // namespace mixguard::policy
