// SPDX-License-Identifier: Apache-2.0
#pragma once

// The first word of a command line: which front end reads the rest, if any does.

#include <string>
#include <vector>

#include "policy/facts.hpp"
#include "policy/refusal.hpp"

namespace mixguard::policy {

enum class Program { kMix, kIex, kPlain, kRefused };

struct Launcher {
  Program program = Program::kRefused;
  std::string note;  // for a plain program that has rules of its own: why it is refused without one
  Refusal refusal;   // kRefused
};

// `mix` and `iex` are a bare name or the pinned toolchain's own file; wrappers (`env`, `timeout`,
// `sh`, …) are refused whatever the policy says; all else is for [[exec]] rules.
[[nodiscard]] Launcher read_launcher(const std::vector<std::string>& argv, const Facts& facts);

}  // namespace mixguard::policy
