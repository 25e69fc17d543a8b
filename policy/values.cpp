// SPDX-License-Identifier: Apache-2.0
#include "policy/values.hpp"

#include <algorithm>
#include <charconv>

#include "policy/text.hpp"

namespace mixguard::policy {
namespace {

constexpr std::size_t kLongestName = 255;
constexpr std::size_t kVersionDigits = 14;
constexpr std::size_t kUsualDescription = 64;  // bytes

bool is_word_char(char c) { return is_lower(c) || is_upper(c) || is_digit(c) || c == '_'; }

std::optional<std::int64_t> parse_integer(std::string_view text) {
  std::int64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end) return std::nullopt;
  return value;
}

bool is_module(std::string_view text) {
  while (true) {
    const std::size_t dot = text.find('.');
    const std::string_view part = text.substr(0, dot);
    if (part.empty() || !is_upper(part[0]) ||
        !std::all_of(part.begin(), part.end(), is_word_char)) {
      return false;
    }
    if (dot == std::string_view::npos) return true;
    text.remove_prefix(dot + 1);
  }
}

bool is_function(std::string_view text) {
  if (text.empty() || !(is_lower(text[0]) || text[0] == '_')) return false;
  if (text.size() > 1 && (text.back() == '!' || text.back() == '?')) text.remove_suffix(1);
  return std::all_of(text.begin(), text.end(), is_word_char);
}

// Module, Module.function or Module.function/arity.
bool is_mfa(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash != std::string_view::npos) {
    const std::string_view arity = text.substr(slash + 1);
    const bool counts =
        !arity.empty() && arity.size() <= 3 && std::all_of(arity.begin(), arity.end(), is_digit);
    if (!counts) return false;
    text = text.substr(0, slash);
  }
  if (slash == std::string_view::npos && is_module(text)) return true;
  const std::size_t dot = text.rfind('.');
  return dot != std::string_view::npos && is_module(text.substr(0, dot)) &&
         is_function(text.substr(dot + 1));
}

bool is_name(std::string_view text) {
  return !text.empty() && is_lower(text[0]) && std::all_of(text.begin(), text.end(), [](char c) {
    return is_lower(c) || is_digit(c) || c == '_';
  });
}

bool is_duration(std::string_view text) {
  for (const std::string_view unit : {"ms", "s", "m", "h", "d"}) {
    if (text.ends_with(unit)) {
      text.remove_suffix(unit.size());
      break;
    }
  }
  return !text.empty() && text.size() <= 12 && std::all_of(text.begin(), text.end(), is_digit);
}

bool is_bool(std::string_view text) { return text == "true" || text == "false"; }

std::optional<Misfit> misfit(const ValueType& type, std::string_view text) {
  if (const auto meta = find_metacharacter(text)) {
    return Misfit{Reason::kMeta, quoted(text) + " holds " + quoted(std::string(1, *meta)) +
                                     ", which shells give a meaning to"};
  }
  return Misfit{Reason::kFlagType, quoted(text) + " is not " + describe(type)};
}

bool within_bounds(const ValueType& type, std::string_view text) {
  if (type.max_len && text.size() > *type.max_len) return false;
  if (type.kind != ValueKind::kInt) return true;
  const auto value = parse_integer(text);
  return value && (!type.min || *value >= *type.min) && (!type.max || *value <= *type.max);
}

bool is_listed(const ValueType& type, std::string_view text) {
  return type.choices.empty() ||
         std::find(type.choices.begin(), type.choices.end(), text) != type.choices.end();
}

// "test/a_test.exs:42:51" names the file "test/a_test.exs" as well as itself.
std::string_view without_line_numbers(std::string_view path) {
  while (true) {
    const std::size_t colon = path.rfind(':');
    if (colon == std::string_view::npos || colon == 0 || colon + 1 == path.size()) return path;
    const std::string_view digits = path.substr(colon + 1);
    if (!std::all_of(digits.begin(), digits.end(), is_digit)) return path;
    path = path.substr(0, colon);
  }
}

std::optional<Misfit> check_path(const ValueType& type, std::string_view text,
                                 const PathScope& scope, std::vector<PathArgument>& paths) {
  const std::string_view wanted = type.under.empty() ? "${root}" : std::string_view(type.under);
  if (scope.root.empty() && wanted.starts_with("${root}")) {
    return Misfit{Reason::kPath, quoted(text) + " needs a project: there is no mix.exs above"};
  }
  std::string under = with_root(wanted, scope.root);
  std::string path = expand_path(text, scope.cwd);
  if (!is_beneath(path, under)) {
    const std::string meaning = path == text ? "" : ", which is " + quoted(path) + ",";
    return Misfit{Reason::kPath, quoted(text) + meaning + " is not under " + quoted(under)};
  }
  const std::string_view file = without_line_numbers(text);
  if (file.size() != text.size()) {
    paths.push_back({std::string(text), expand_path(file, scope.cwd), under});
  }
  paths.push_back({std::string(text), std::move(path), std::move(under)});
  return std::nullopt;
}

// Goes from `place`, which is empty for "/", along `path`.
void descend(std::string_view path, std::string& place) {
  while (!path.empty()) {
    const std::size_t slash = path.find('/');
    const std::string_view part = path.substr(0, slash);
    path = slash == std::string_view::npos ? std::string_view() : path.substr(slash + 1);
    if (part == "..") {
      place.erase(place.empty() ? 0 : place.rfind('/'));
    } else if (!part.empty() && part != ".") {
      place.append("/").append(part);
    }
  }
}

std::string bounds(const ValueType& type) {
  if (type.min && type.max) {
    return concat({" from ", std::to_string(*type.min), " to ", std::to_string(*type.max)});
  }
  if (type.min) return " of at least " + std::to_string(*type.min);
  if (type.max) return " of at most " + std::to_string(*type.max);
  return "";
}

std::string_view noun(ValueKind kind) {
  switch (kind) {
    case ValueKind::kBool:
      return "true or false";
    case ValueKind::kInt:
      return "an integer";
    case ValueKind::kEnum:
      return "one of the listed words";
    case ValueKind::kVersion:
      return "a migration version of 14 digits";
    case ValueKind::kModule:
      return "a module name such as MyApp.Repo";
    case ValueKind::kMfa:
      return "a function such as MyApp.run/1";
    case ValueKind::kPath:
      return "a path";
    case ValueKind::kName:
      return "a lowercase name";
    case ValueKind::kDuration:
      return "a duration such as 30s";
    case ValueKind::kString:
      return "a text";
    case ValueKind::kCode:
      return "Elixir code";
  }
  return "a value";
}

}  // namespace

std::string_view to_string(ValueKind kind) {
  switch (kind) {
    case ValueKind::kBool:
      return "bool";
    case ValueKind::kInt:
      return "int";
    case ValueKind::kEnum:
      return "enum";
    case ValueKind::kVersion:
      return "version";
    case ValueKind::kModule:
      return "module";
    case ValueKind::kMfa:
      return "mfa";
    case ValueKind::kPath:
      return "path";
    case ValueKind::kName:
      return "name";
    case ValueKind::kDuration:
      return "duration";
    case ValueKind::kString:
      return "string";
    case ValueKind::kCode:
      return "code";
  }
  return "string";
}

std::string describe(const ValueType& type) {
  if (!type.choices.empty()) {
    return (type.choices.size() == 1 ? "" : "one of ") + comma_list(type.choices);
  }
  std::string text;
  text.reserve(kUsualDescription);
  text = noun(type.kind);
  if (type.kind == ValueKind::kInt) text += bounds(type);
  if (type.kind == ValueKind::kPath && !type.under.empty())
    text.append(" under ").append(type.under);
  if (type.match) text.append(" matching ").append(type.match->text());
  if (type.max_len) text.append(concat({" of at most ", std::to_string(*type.max_len), " bytes"}));
  return text;
}

bool has_shape(ValueKind kind, std::string_view text) {
  if (text.empty()) return false;
  switch (kind) {
    case ValueKind::kBool:
      return is_bool(text);
    case ValueKind::kInt:
      return parse_integer(text).has_value();
    case ValueKind::kVersion:
      return text.size() == kVersionDigits && std::all_of(text.begin(), text.end(), is_digit);
    case ValueKind::kModule:
      return text.size() <= kLongestName && is_module(text);
    case ValueKind::kMfa:
      return text.size() <= kLongestName && is_mfa(text);
    case ValueKind::kPath:
      return text[0] != '-' && !find_metacharacter(text);
    case ValueKind::kName:
      return text.size() <= kLongestName && is_name(text);
    case ValueKind::kDuration:
      return is_duration(text);
    case ValueKind::kEnum:
    case ValueKind::kString:
    case ValueKind::kCode:
      return true;
  }
  return false;
}

std::optional<Misfit> check_value(const ValueType& type, std::string_view text,
                                  const PathScope& scope, std::vector<PathArgument>& paths) {
  const bool fits = has_shape(type.kind, text) && within_bounds(type, text) &&
                    is_listed(type, text) && (!type.match || type.match->matches(text));
  if (!fits) return misfit(type, text);
  if (type.kind != ValueKind::kPath) return std::nullopt;
  return check_path(type, text, scope, paths);
}

std::string expand_path(std::string_view path, std::string_view directory) {
  std::string result;
  result.reserve(directory.size() + path.size() + 2);
  if (!path.starts_with('/')) descend(directory, result);
  descend(path, result);
  return result.empty() ? "/" : result;
}

bool is_beneath(std::string_view path, std::string_view root) {
  if (root == "/") return true;
  return path.starts_with(root) && (path.size() == root.size() || path[root.size()] == '/');
}

std::string with_root(std::string_view text, std::string_view root) {
  constexpr std::string_view kRoot = "${root}";
  std::string out;
  out.reserve(text.size() + root.size());
  for (std::size_t at = text.find(kRoot); at != std::string_view::npos; at = text.find(kRoot)) {
    out.append(text.substr(0, at)).append(root);
    text.remove_prefix(at + kRoot.size());
  }
  return out.append(text);
}

}  // namespace mixguard::policy
