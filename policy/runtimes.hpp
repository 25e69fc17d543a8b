// SPDX-License-Identifier: Apache-2.0
#pragma once

// The front ends of what runs Erlang code besides `mix` and `iex`: `elixir`, `erl`, `rebar3`, their
// kin, and the scripts of releases. None of them is guarded task by task; [[exec]] rules decide on
// them as on any program. Here is what such a rule must not be able to let through, what needs
// none, and what to say when there is none.

#include <optional>
#include <string>
#include <vector>

#include "policy/facts.hpp"
#include "policy/refusal.hpp"

namespace mixguard::policy {

struct Runtime {
  std::string note;     // why it is refused without a rule
  std::string instead;  // the guarded command that does the same, as far as there is one
  // Prints its version or its help and runs nothing else: `elixir --version`, `rebar3 version`.
  bool is_query = false;
  // Mix by another door (`elixir -S mix …`, `erl … -extra /usr/bin/mix …`), which no rule for tasks
  // would see: refused whatever the policy says.
  std::optional<Refusal> refusal;
};

// Nothing when `argv` names none of them. A release's script is one by what guard found beside it
// (Facts::program_is_release).
[[nodiscard]] std::optional<Runtime> read_runtime(const std::vector<std::string>& argv,
                                                  const Facts& facts);

}  // namespace mixguard::policy
