// SPDX-License-Identifier: Apache-2.0
#include "policy/policy_reader.hpp"

#include <algorithm>
#include <tuple>

#include "policy/text.hpp"

namespace mixguard::policy {
namespace {

std::string expected(std::string_view name, const Node& found, std::string_view what) {
  return quoted(name) + " is " + std::string(found.kind_name()) + "; expected " + std::string(what);
}

std::string either_of(std::initializer_list<std::string_view> words) {
  std::vector<std::string> all;
  for (const std::string_view word : words) all.push_back(quoted(word));
  return comma_list(all);
}

bool is_variable_name(std::string_view name) {
  return !name.empty() && (is_lower(name[0]) || is_upper(name[0])) &&
         std::all_of(name.begin(), name.end(),
                     [](char c) { return is_lower(c) || is_upper(c) || is_digit(c) || c == '_'; });
}

}  // namespace

std::vector<std::string> without_places(std::vector<Located> texts) {
  std::vector<std::string> result;
  result.reserve(texts.size());
  for (Located& located : texts) result.push_back(std::move(located.text));
  return result;
}

void PolicyReader::error(Position at, std::string what) {
  errors_.push_back({file_, at.line, at.column, std::move(what)});
}

std::vector<PolicyError> PolicyReader::take_errors() {
  std::sort(errors_.begin(), errors_.end(), [](const PolicyError& a, const PolicyError& b) {
    return std::tie(a.line, a.column, a.what) < std::tie(b.line, b.column, b.what);
  });
  return std::move(errors_);
}

void PolicyReader::define(const Member& variable) {
  if (!is_variable_name(variable.key)) {
    error(variable.at, quoted(variable.key) +
                           " is not a variable name; expected letters, digits and underscores");
    return;
  }
  if (variable.key == "root") {
    error(variable.at, "\"root\" is builtin: it is the project's directory");
    return;
  }
  if (variable.value.kind != Node::Kind::kString) {
    error(variable.value.at, expected(variable.key, variable.value, "a string"));
    return;
  }
  const std::string& value = variable.value.string;
  for (std::size_t at = value.find("${"); at != std::string::npos; at = value.find("${", at + 2)) {
    if (value.compare(at, 7, "${root}") == 0) continue;
    error(variable.value.at, "variables cannot hold other variables but ${root}");
    return;
  }
  variables_.emplace(variable.key, value);
}

std::optional<std::string> PolicyReader::expand(const std::string& text, Position at) {
  std::string out;
  std::size_t done = 0;
  for (std::size_t open = text.find("${"); open != std::string::npos;
       open = text.find("${", done)) {
    const std::size_t close = text.find('}', open);
    if (close == std::string::npos) {
      error(at, "\"${\" without \"}\" in " + quoted(text));
      return std::nullopt;
    }
    const std::string name = text.substr(open + 2, close - open - 2);
    out.append(text, done, open - done);
    if (name == "root") {
      out += "${root}";
    } else if (const auto found = variables_.find(name); found != variables_.end()) {
      out += found->second;
    } else {
      std::vector<std::string_view> known = {"root"};
      for (const auto& [key, value] : variables_) known.push_back(key);
      const std::string near = nearest(name, known);
      error(at, "unknown variable " + quoted("${" + name + "}") +
                    (near.empty() ? "; define it under [vars]"
                                  : "; did you mean " + quoted("${" + near + "}") + "?"));
      return std::nullopt;
    }
    done = close + 1;
  }
  return out.append(text, done);
}

std::optional<std::string> PolicyReader::text(const Node& node, std::string_view name) {
  if (node.kind != Node::Kind::kString) {
    error(node.at, expected(name, node, "a string"));
    return std::nullopt;
  }
  if (node.string.find("${") == std::string::npos) return node.string;
  return expand(node.string, node.at);
}

std::optional<std::int64_t> PolicyReader::integer(const Node& node, std::string_view name) {
  if (node.kind == Node::Kind::kInteger) return node.integer;
  error(node.at, expected(name, node, "an integer"));
  return std::nullopt;
}

std::optional<bool> PolicyReader::boolean(const Node& node, std::string_view name) {
  if (node.kind == Node::Kind::kBoolean) return node.boolean;
  error(node.at, expected(name, node, "true or false"));
  return std::nullopt;
}

std::vector<Located> PolicyReader::texts(const Node& node, std::string_view name) {
  if (node.kind != Node::Kind::kArray) {
    error(node.at, expected(name, node, "a list of strings"));
    return {};
  }
  std::vector<Located> result;
  for (const Node& item : node.items) {
    if (auto value = text(item, name)) result.push_back({std::move(*value), item.at});
  }
  return result;
}

std::vector<Located> PolicyReader::text_or_texts(const Node& node, std::string_view name) {
  if (node.kind == Node::Kind::kArray) return texts(node, name);
  if (node.kind != Node::Kind::kString) {
    error(node.at, expected(name, node, "a string or a list of strings"));
    return {};
  }
  auto value = text(node, name);
  if (!value) return {};
  return {{std::move(*value), node.at}};
}

std::optional<Pattern> PolicyReader::pattern(const Node& node, std::string_view name) {
  if (node.kind != Node::Kind::kString) {
    error(node.at, expected(name, node, "a regular expression in a string"));
    return std::nullopt;
  }
  if (const auto known = patterns_.find(node.string); known != patterns_.end()) {
    return known->second;
  }
  Result<Pattern> made = Pattern::make(node.string);
  if (!made) {
    error(node.at, made.error().message);
    return std::nullopt;
  }
  return patterns_.emplace(node.string, std::move(*made)).first->second;
}

bool PolicyReader::table(const Node& node, std::string_view name) {
  if (node.kind == Node::Kind::kTable) return true;
  error(node.at, expected(name, node, "a table"));
  return false;
}

std::optional<std::size_t> PolicyReader::one_of(const Node& node, std::string_view name,
                                                std::initializer_list<std::string_view> words) {
  if (node.kind != Node::Kind::kString) {
    error(node.at, expected(name, node, "one of " + either_of(words)));
    return std::nullopt;
  }
  const auto* const found = std::find(words.begin(), words.end(), node.string);
  if (found != words.end()) return static_cast<std::size_t>(found - words.begin());
  error(node.at,
        quoted(name) + " is " + quoted(node.string) + "; expected one of " + either_of(words));
  return std::nullopt;
}

void PolicyReader::only_keys(const Node& node, std::string_view where,
                             std::initializer_list<std::string_view> keys) {
  for (const Member& member : node.members) {
    if (std::find(keys.begin(), keys.end(), member.key) != keys.end()) continue;
    const std::string near = nearest(member.key, keys);
    error(member.at, "unknown key " + quoted(member.key) + " in " + std::string(where) +
                         (near.empty() ? "; expected one of " + either_of(keys)
                                       : "; did you mean " + quoted(near) + "?"));
  }
}

const Node* PolicyReader::required(const Node& node, std::string_view key, std::string_view where) {
  const Node* found = node.find(key);
  if (found == nullptr) {
    error(node.at, std::string(where) + " has no " + quoted(key) + ", which it needs");
  }
  return found;
}

}  // namespace mixguard::policy
