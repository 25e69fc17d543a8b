// SPDX-License-Identifier: Apache-2.0
#pragma once

// TOML text as a tree that remembers where everything stands. It knows the syntax of TOML and
// nothing of policies; the TOML library stays behind it.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "policy/ruleset.hpp"

namespace mixguard::policy {

struct Position {
  std::uint32_t line = 0;
  std::uint32_t column = 0;
};

struct Member;

struct Node {
  enum class Kind { kString, kInteger, kBoolean, kOther, kArray, kTable };

  Kind kind = Kind::kTable;
  Position at;
  std::string string;           // kString
  std::int64_t integer = 0;     // kInteger
  bool boolean = false;         // kBoolean
  std::vector<Node> items;      // kArray
  std::vector<Member> members;  // kTable, in the order of the file

  [[nodiscard]] const Node* find(std::string_view key) const;
  // "a string", "a table", …, for messages.
  [[nodiscard]] std::string_view kind_name() const;
};

struct Member {
  std::string key;
  Position at;
  Node value;
};

// Fails with the first mistake of syntax, and on more than 1 MiB of text.
[[nodiscard]] tl::expected<Node, PolicyError> parse_document(std::string_view text,
                                                             std::string_view file);

}  // namespace mixguard::policy
