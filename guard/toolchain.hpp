// SPDX-License-Identifier: Apache-2.0
#pragma once

// Which Elixir and Erlang a guarded command runs on, and how their virtual machine is started
// without the chain of shell scripts in between. `mix` is a script for `elixir`, `elixir` a shell
// script that runs `erl`, `erl` a shell script that runs `erlexec`; they fork nine times to arrive
// at one command line. mixguard computes that line itself for scripts whose last lines it
// recognises word by word (Elixir 1.13 to 1.20, bin/elixir), and runs the scripts for all others.

#include <string>
#include <vector>

#include "policy/result.hpp"
#include "sandbox/sandbox.hpp"

namespace mixguard::guard {

// A program of the toolchain, pinned: found in the standard directories first, so that a PATH of
// the caller's making does not choose it, and refused when anybody but root and the caller could
// have written it.
struct PinnedProgram {
  std::string path;  // as it is found: "/usr/bin/mix"
  std::string real;  // what it is: "/usr/lib/elixir/bin/mix"
};

struct Toolchain {
  PinnedProgram mix, iex, elixir, erl;  // `path` empty when there is none
  std::string elixir_root;              // "/usr/lib/elixir": what the command must be able to read
  std::string erlang_root;              // "/usr/lib/erlang"
  std::string
      search_path;  // PATH for the command: the toolchain's directories, then the standard ones

  // True when the virtual machine can be started directly.
  bool recognised = false;
  std::string why_not;                 // when not: one clause
  std::string erts_bin;                // "/usr/lib/erlang/erts-13.1.5/bin"
  std::vector<std::string> code_path;  // the arguments that name Elixir's libraries
  bool root_flag = false;  // 1.15 and later: -noshell comes first, iex is started by -user elixir
  bool ansi_flag =
      false;  // until 1.18: `-elixir ansi_enabled true` when both outputs are terminals
};

// Looks for mix, iex, elixir and erl. Never fails: what is absent is empty. `project_root` may be
// empty; programs inside the project are never part of the toolchain.
[[nodiscard]] Toolchain find_toolchain(const std::string& project_root);

// The program and arguments that run `argv` ("mix" or "iex" with its arguments) inside the sandbox,
// and the variables that the scripts would have exported. `terminal`: standard output and standard
// error are both terminals.
struct Launch {
  std::string program;
  std::vector<std::string> argv;
  std::vector<std::string> environment;  // "NAME=value"
};
[[nodiscard]] Launch launch(const Toolchain& toolchain, const std::vector<std::string>& argv,
                            bool terminal, bool no_color);

}  // namespace mixguard::guard
