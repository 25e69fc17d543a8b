// SPDX-License-Identifier: Apache-2.0
#pragma once

// The shape of the builtin catalogue: constant tables, written by policy/catalog/generator.cpp from
// policy/catalog/*.toml at build time. Nothing of it is parsed or allocated when the program
// starts.

#include <array>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>

#include "policy/decision.hpp"
#include "policy/ruleset.hpp"

namespace mixguard::policy::catalog {

constexpr std::int64_t kNoMin = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t kNoMax = std::numeric_limits<std::int64_t>::max();

struct Type {
  ValueKind kind = ValueKind::kBool;
  std::int64_t min = kNoMin;
  std::int64_t max = kNoMax;
  std::uint32_t max_len = 0;  // 0: none
  std::string_view match;
  std::string_view under;
  std::span<const std::string_view> choices;
};

struct Flag {
  std::string_view name;
  std::string_view alias;
  Type type;
  bool repeat = false;
  bool asks = false;  // its presence makes an allowed command one to ask for
};

struct Arg {
  Type type;
  std::uint32_t min_count = 1;
  std::uint32_t max_count = 1;
};

// The environments that the catalogue speaks of, in the order of Task::verdicts.
constexpr std::array<std::string_view, 4> kEnvironments = {"dev", "test", "staging", "prod"};

struct Task {
  std::string_view name;
  std::array<Verdict, 4> verdicts{};
  std::string_view because;
  std::string_view instead;
  std::string_view inverse;  // the command that undoes it, for people
  std::string_view preferred_env;
  bool flags_first = false;  // the task stops looking for flags at its first argument
  bool live = false;
  bool keeps_build = false;  // when it fails, too
  std::span<const Flag> flags;
  std::span<const Arg> args;
  std::span<const std::string_view> write;
  std::span<const std::string_view> net;
  std::span<const std::string_view> snapshot;
};

// Sorted by name.
extern const std::span<const Task> kTasks;

}  // namespace mixguard::policy::catalog
