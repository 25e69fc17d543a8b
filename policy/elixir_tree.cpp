// SPDX-License-Identifier: Apache-2.0
#include "policy/elixir_tree.hpp"

#include <tree_sitter/api.h>

#include <algorithm>
#include <memory>

// The one symbol of the grammar's library.
extern "C" const TSLanguage* tree_sitter_elixir(void);

namespace mixguard::policy {
namespace {

// What parses takes a thousandth of this; mending mistakes takes time in the square of their number
// ("->" as often as fits: 5 s). Given up, a source is a mistake. Long enough for a machine that is
// busy.
constexpr std::uint64_t kMostMicroseconds = 2'000'000;

struct ParserDeleter {
  void operator()(TSParser* parser) const { ts_parser_delete(parser); }
};
struct TreeDeleter {
  void operator()(TSTree* tree) const { ts_tree_delete(tree); }
};
using Parser = std::unique_ptr<TSParser, ParserDeleter>;
using Tree = std::unique_ptr<TSTree, TreeDeleter>;

// Walks by cursor and not by recursion: how deep a source nests is up to its author.
class Copier {
 public:
  Copier(const TSTree& tree, std::string_view source, std::deque<SyntaxNode>& nodes)
      : cursor_(ts_tree_cursor_new(ts_tree_root_node(&tree))), source_(source), nodes_(nodes) {}
  Copier(const Copier&) = delete;
  Copier& operator=(const Copier&) = delete;
  ~Copier() { ts_tree_cursor_delete(&cursor_); }

  std::optional<std::uint32_t> copy() {
    std::vector<SyntaxNode*> above = {add()};
    bool descends = true;
    while (!above.empty()) {
      if (descends && ts_tree_cursor_goto_first_child(&cursor_)) {
        above.push_back(take(*above.back()));
      } else if (ts_tree_cursor_goto_next_sibling(&cursor_)) {
        above.pop_back();
        above.push_back(take(*above.back()));
        descends = true;
      } else {
        above.pop_back();
        descends = false;
        if (!ts_tree_cursor_goto_parent(&cursor_)) break;
      }
    }
    return first_mistake_;
  }

 private:
  SyntaxNode* add() {
    const TSNode node = ts_tree_cursor_current_node(&cursor_);
    const std::size_t start = std::min<std::size_t>(ts_node_start_byte(node), source_.size());
    const std::size_t end = std::min<std::size_t>(ts_node_end_byte(node), source_.size());
    SyntaxNode& copy = nodes_.emplace_back();
    copy.kind = ts_node_type(node);
    copy.text = source_.substr(start, end - start);
    copy.line = ts_node_start_point(node).row + 1;
    copy.is_named = ts_node_is_named(node);
    const bool is_mistake = ts_node_is_missing(node) || copy.kind == "ERROR";
    if (is_mistake && !first_mistake_) first_mistake_ = copy.line;
    return &copy;
  }

  SyntaxNode* take(SyntaxNode& parent) {
    SyntaxNode* child = add();
    if (child->kind != "comment") parent.children.push_back(child);
    return child;
  }

  TSTreeCursor cursor_;
  std::string_view source_;
  std::deque<SyntaxNode>& nodes_;
  std::optional<std::uint32_t> first_mistake_;
};

}  // namespace

std::vector<const SyntaxNode*> SyntaxNode::named_children() const {
  std::vector<const SyntaxNode*> named;
  std::copy_if(children.begin(), children.end(), std::back_inserter(named),
               [](const SyntaxNode* child) { return child->is_named; });
  return named;
}

ElixirTree::ElixirTree(std::string_view source) {
  const Parser parser(ts_parser_new());
  ts_parser_set_timeout_micros(parser.get(), kMostMicroseconds);
  Tree tree;
  const bool fits = source.size() <= kMaxElixirSource;
  if (fits && ts_parser_set_language(parser.get(), tree_sitter_elixir())) {
    tree.reset(ts_parser_parse_string(parser.get(), nullptr, source.data(),
                                      static_cast<std::uint32_t>(source.size())));
  }
  if (!tree) {
    nodes_.emplace_back();
    first_mistake_ = 1;
    return;
  }
  first_mistake_ = Copier(*tree, source, nodes_).copy();
  const bool has_error = ts_node_has_error(ts_tree_root_node(tree.get()));
  if (has_error && !first_mistake_) first_mistake_ = 1;
}

}  // namespace mixguard::policy
