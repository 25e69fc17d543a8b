// SPDX-License-Identifier: Apache-2.0
#pragma once

// The first word of a command line: which front end reads the rest, if any does.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/facts.hpp"
#include "policy/refusal.hpp"
#include "policy/runtimes.hpp"

namespace mixguard::policy {

enum class Program { kMix, kIex, kPlain, kRefused };

struct Launcher {
  Program program = Program::kRefused;
  std::optional<Runtime> runtime;  // of a plain program that runs Erlang code
  Refusal refusal;                 // kRefused
};

// Whether argv[0] names mix or iex, by its last component.
[[nodiscard]] bool names_mix(std::string_view program);

// `mix` and `iex` are a bare name or the pinned toolchain's own file; wrappers (`env`, `timeout`,
// `sh`, …) and other doors to Mix are refused whatever the policy says; all else is for [[exec]]
// rules.
[[nodiscard]] Launcher read_launcher(const std::vector<std::string>& argv, const Facts& facts);

}  // namespace mixguard::policy
