// SPDX-License-Identifier: Apache-2.0
#pragma once

// The tables of a policy that hold rules: [[task]], [[exec]], and the value types inside them. Each
// function reads what it can and leaves its complaints with the reader.

#include <cstddef>
#include <optional>

#include "policy/policy_reader.hpp"

namespace mixguard::policy {

inline constexpr std::size_t kLongestId = 64;  // of a rule, in characters

[[nodiscard]] TaskRule parse_task(PolicyReader& reader, const Node& node);
[[nodiscard]] ExecRule parse_exec(PolicyReader& reader, const Node& node);

// A type where a rule writes one: "int", or a table such as { type = "int", min = 1 }. `name` is
// what the type is for. Keys that describe the flag or argument itself (alias, repeat) are left to
// the caller.
[[nodiscard]] std::optional<ValueType> parse_value_type(PolicyReader& reader, const Node& node,
                                                        std::string_view name);

// A list of endpoints, each checked for its spelling.
[[nodiscard]] std::vector<std::string> parse_endpoints(PolicyReader& reader, const Node& node,
                                                       std::string_view name);

// The words of an `env` or `required` list, each checked as a name of an environment.
[[nodiscard]] std::vector<std::string> parse_environments(PolicyReader& reader, const Node& node,
                                                          std::string_view name);

[[nodiscard]] std::optional<Verdict> parse_verdict(PolicyReader& reader, const Node& node,
                                                   std::string_view name);

}  // namespace mixguard::policy
