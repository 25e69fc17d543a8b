// SPDX-License-Identifier: Apache-2.0
#include "policy/document.hpp"

// toml++ 3.3 asserts that a table header begins with a key before it looks whether it does
// ("[= 1]"); without the assertion it reports the mistake.
#undef NDEBUG
#define TOML_ASSERT(expr) static_assert(true)
#include <toml++/toml.h>

#include <algorithm>
#include <tuple>

#include "policy/text.hpp"
#include "policy/toml_scan.hpp"

namespace mixguard::policy {
namespace {

constexpr std::size_t kLongestText = 1 << 20;

Position position_of(const toml::source_region& region) {
  return {region.begin.line, region.begin.column};
}

Node convert(const toml::node& source);

void convert_table(const toml::table& source, Node& node) {
  node.members.reserve(source.size());
  for (const auto& [key, value] : source) {
    node.members.push_back({std::string(key.str()), position_of(key.source()), convert(value)});
  }
  std::sort(node.members.begin(), node.members.end(), [](const Member& a, const Member& b) {
    return std::tie(a.at.line, a.at.column) < std::tie(b.at.line, b.at.column);
  });
}

Node convert(const toml::node& source) {
  Node node;
  node.at = position_of(source.source());
  if (const auto* table = source.as_table()) {
    node.kind = Node::Kind::kTable;
    convert_table(*table, node);
  } else if (const auto* array = source.as_array()) {
    node.kind = Node::Kind::kArray;
    node.items.reserve(array->size());
    for (const toml::node& item : *array) node.items.push_back(convert(item));
  } else if (const auto* string = source.as_string()) {
    node.kind = Node::Kind::kString;
    node.string = string->get();
  } else if (const auto* integer = source.as_integer()) {
    node.kind = Node::Kind::kInteger;
    node.integer = integer->get();
  } else if (const auto* boolean = source.as_boolean()) {
    node.kind = Node::Kind::kBoolean;
    node.boolean = boolean->get();
  } else {
    node.kind = Node::Kind::kOther;
  }
  return node;
}

}  // namespace

const Node* Node::find(std::string_view key) const {
  for (const Member& member : members) {
    if (member.key == key) return &member.value;
  }
  return nullptr;
}

std::string_view Node::kind_name() const {
  switch (kind) {
    case Kind::kString:
      return "a string";
    case Kind::kInteger:
      return "an integer";
    case Kind::kBoolean:
      return "a boolean";
    case Kind::kArray:
      return "a list";
    case Kind::kTable:
      return "a table";
    case Kind::kOther:
      break;
  }
  return "a float or a date";
}

tl::expected<Node, PolicyError> parse_document(std::string_view text, std::string_view file) {
  if (text.size() > kLongestText) {
    return tl::unexpected(PolicyError{std::string(file), 1, 1, "more than 1 MiB of text"});
  }
  if (const auto stray = find_stray_character(text)) {
    const bool is_quote = stray->code_point < 0x80;
    const std::string what = is_quote ? "a quote" : code_point_name(stray->code_point);
    return tl::unexpected(PolicyError{std::string(file), stray->line, stray->column,
                                      concat({what, " ", stray->where})});
  }
  const toml::parse_result result = toml::parse(text);
  if (!result) {
    const toml::parse_error& error = result.error();
    const Position at = position_of(error.source());
    return tl::unexpected(
        PolicyError{std::string(file), at.line, at.column, std::string(error.description())});
  }
  return convert(result.table());
}

}  // namespace mixguard::policy
