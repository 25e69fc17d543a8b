// SPDX-License-Identifier: Apache-2.0
#pragma once

// Elixir source as a syntax tree: what is written, not what it would do. Nothing is evaluated and
// no macro is expanded. The kinds of nodes are those of the tree-sitter grammar for Elixir.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string_view>
#include <vector>

namespace mixguard::policy {

// Longest source that is parsed. tree-sitter 0.20.7 frees wild pointers once a node has 65,536
// children ("[" as often), which a source of half as many bytes cannot make.
inline constexpr std::size_t kMaxElixirSource = 32U * 1024;

struct SyntaxNode {
  std::string_view kind;  // "call", "list", "string", …; of a token its text: "[", "do"
  std::string_view text;  // of the source
  std::uint32_t line = 0;
  bool is_named = false;                    // false for tokens
  std::vector<const SyntaxNode*> children;  // comments are left out

  [[nodiscard]] std::vector<const SyntaxNode*> named_children() const;
};

// Does not move once parsed: nodes point at each other and into the source, which has to outlive
// them.
class ElixirTree {
 public:
  // At most kMaxElixirSource bytes: a longer source is nothing but a mistake.
  explicit ElixirTree(std::string_view source);
  ElixirTree(const ElixirTree&) = delete;
  ElixirTree& operator=(const ElixirTree&) = delete;

  // The node of the whole file. There is always one: what cannot be parsed is skipped over.
  [[nodiscard]] const SyntaxNode& root() const { return nodes_.front(); }
  // The line of the first thing that is not Elixir; nothing for a file without mistakes.
  [[nodiscard]] std::optional<std::uint32_t> first_mistake() const { return first_mistake_; }

 private:
  std::deque<SyntaxNode> nodes_;
  std::optional<std::uint32_t> first_mistake_;
};

}  // namespace mixguard::policy
