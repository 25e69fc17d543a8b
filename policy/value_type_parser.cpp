// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include "policy/rule_parser.hpp"
#include "policy/text.hpp"
#include "policy/values.hpp"

namespace mixguard::policy {
namespace {

constexpr std::array kKinds = {ValueKind::kBool,    ValueKind::kInt,    ValueKind::kEnum,
                               ValueKind::kVersion, ValueKind::kModule, ValueKind::kMfa,
                               ValueKind::kPath,    ValueKind::kName,   ValueKind::kDuration,
                               ValueKind::kString,  ValueKind::kCode};

constexpr std::int64_t kLongestArgument = 4096;

bool applies(std::string_view key, ValueKind kind) {
  using K = ValueKind;
  if (key == "min" || key == "max") return kind == K::kInt;
  if (key == "under") return kind == K::kPath;
  if (key == "max_len") return kind == K::kString || kind == K::kCode || kind == K::kPath;
  if (key == "enum") return kind != K::kBool && kind != K::kCode;
  if (key == "match") return kind != K::kBool && kind != K::kEnum && kind != K::kInt;
  return true;
}

std::optional<ValueKind> parse_kind(PolicyReader& reader, const Node& node, std::string_view name) {
  const std::optional<std::string> word = reader.text(node, name);
  if (!word) return std::nullopt;
  std::vector<std::string_view> known;
  for (const ValueKind kind : kKinds) {
    if (to_string(kind) == *word) return kind;
    known.push_back(to_string(kind));
  }
  const std::string near = nearest(*word, known);
  std::string all;
  for (const std::string_view kind : known) all.append(all.empty() ? "" : ", ").append(kind);
  reader.error(node.at, "unknown type " + quoted(*word) +
                            (near.empty() ? "; expected one of " + all
                                          : "; did you mean " + quoted(near) + "?"));
  return std::nullopt;
}

void parse_int_bounds(PolicyReader& reader, const Node& node, ValueType& type) {
  if (const Node* min = node.find("min")) type.min = reader.integer(*min, "min");
  if (const Node* max = node.find("max")) type.max = reader.integer(*max, "max");
  if (type.min && type.max && *type.min > *type.max) {
    reader.error(node.find("min")->at, "\"min\" is " + std::to_string(*type.min) +
                                           ", more than \"max\", which is " +
                                           std::to_string(*type.max));
  }
}

void parse_choices(PolicyReader& reader, const Node& node, ValueType& type) {
  const std::vector<Located> choices = reader.texts(node, "enum");
  if (node.kind == Node::Kind::kArray && node.items.empty()) {
    reader.error(node.at, "\"enum\" is empty; expected the words that are allowed");
  }
  for (const auto& [choice, at] : choices) {
    type.choices.push_back(choice);
    if (has_shape(type.kind, choice)) continue;
    reader.error(
        at, quoted(choice) + " in \"enum\" is not a value of type " + quoted(to_string(type.kind)));
  }
}

void parse_max_len(PolicyReader& reader, const Node& node, ValueType& type) {
  const auto length = reader.integer(node, "max_len");
  if (!length) return;
  if (*length < 1 || *length > kLongestArgument) {
    reader.error(node.at, "\"max_len\" is " + std::to_string(*length) + "; expected 1 to 4096");
    return;
  }
  type.max_len = static_cast<std::size_t>(*length);
}

void parse_under(PolicyReader& reader, const Node& node, ValueType& type) {
  const auto under = reader.text(node, "under");
  if (!under) return;
  const bool rooted =
      under->starts_with('/') || *under == "${root}" || under->starts_with("${root}/");
  if (!rooted) {
    reader.error(node.at, "\"under\" is " + quoted(*under) +
                              "; expected an absolute path or one that begins with ${root}");
    return;
  }
  type.under = *under;
  while (type.under.size() > 1 && type.under.ends_with('/')) type.under.pop_back();
}

// A bare type without the keys that its kind insists on is a hole, not a type.
void check_complete(PolicyReader& reader, Position at, std::string_view name, const ValueType& type,
                    bool has_match) {
  if (type.kind == ValueKind::kEnum && type.choices.empty()) {
    reader.error(at, quoted(name) + " of type \"enum\" has no \"enum\" list");
  }
  if (type.kind != ValueKind::kString || !type.choices.empty()) return;
  if (!has_match) reader.error(at, quoted(name) + " of type \"string\" needs \"match\"");
  if (!type.max_len) reader.error(at, quoted(name) + " of type \"string\" needs \"max_len\"");
}

void check_applicable(PolicyReader& reader, const Node& node, ValueKind kind) {
  for (const Member& member : node.members) {
    if (applies(member.key, kind)) continue;
    reader.error(member.at,
                 quoted(member.key) + " does not apply to type " + quoted(to_string(kind)));
  }
}

std::optional<ValueKind> kind_of_table(PolicyReader& reader, const Node& node,
                                       std::string_view name) {
  if (const Node* kind = node.find("type")) return parse_kind(reader, *kind, "type");
  if (node.find("enum") != nullptr) return ValueKind::kEnum;
  reader.error(node.at, quoted(name) + " has no \"type\", which it needs");
  return std::nullopt;
}

}  // namespace

std::optional<ValueType> parse_value_type(PolicyReader& reader, const Node& node,
                                          std::string_view name) {
  ValueType type;
  if (node.kind == Node::Kind::kString) {
    const auto kind = parse_kind(reader, node, name);
    if (!kind) return std::nullopt;
    type.kind = *kind;
    check_complete(reader, node.at, name, type, false);
    return type;
  }
  if (node.kind != Node::Kind::kTable) {
    reader.error(node.at, quoted(name) + " is " + std::string(node.kind_name()) +
                              "; expected a type such as \"int\" or { type = \"int\", min = 1 }");
    return std::nullopt;
  }
  const auto kind = kind_of_table(reader, node, name);
  if (!kind) return std::nullopt;
  type.kind = *kind;
  check_applicable(reader, node, *kind);
  parse_int_bounds(reader, node, type);
  if (const Node* choices = node.find("enum")) parse_choices(reader, *choices, type);
  if (const Node* length = node.find("max_len")) parse_max_len(reader, *length, type);
  if (const Node* under = node.find("under")) parse_under(reader, *under, type);
  const Node* match = node.find("match");
  if (match != nullptr) type.match = reader.pattern(*match, "match");
  check_complete(reader, node.at, name, type, match != nullptr);
  return type;
}

}  // namespace mixguard::policy
