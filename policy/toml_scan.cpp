// SPDX-License-Identifier: Apache-2.0
#include "policy/toml_scan.hpp"

#include <algorithm>
#include <string>

#include "policy/text.hpp"

namespace mixguard::policy {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {
    if (rest_.starts_with(kByteOrderMark)) rest_.remove_prefix(kByteOrderMark.size());
  }

  std::optional<StrayCharacter> scan() {
    while (!rest_.empty()) {
      const char c = rest_.front();
      if (static_cast<unsigned char>(c) >= 0x80) return stray("outside of strings and comments");
      if (c == '#') {
        skip(std::min(rest_.find('\n'), rest_.size()));
      } else if (c == '"' || c == '\'') {
        if (!can_begin_string()) return stray("in the middle of a value or key");
        if (!skip_string(c)) return escaped_;
      } else {
        follow(c);
        skip(1);
      }
    }
    return std::nullopt;
  }

 private:
  void skip(std::size_t count) {
    for (const char c : rest_.substr(0, count)) {
      if (c == '\n') {
        ++line_;
        column_ = 1;
      } else if ((static_cast<unsigned char>(c) & 0xC0U) != 0x80U) {
        ++column_;
      }
    }
    const std::size_t skipped = std::min(count, rest_.size());
    if (skipped != 0) before_ = rest_[skipped - 1];
    rest_.remove_prefix(skipped);
  }

  // Keeps track of whether a key or a value stands here.
  void follow(char c) {
    if (c == '\n' && open_.empty()) {
      in_value_ = false;
    } else if (c == '=') {
      in_value_ = true;
    } else if (in_value_ && (c == '[' || c == '{')) {
      open_ += c;
      in_value_ = c == '[';
    } else if (c == ',' && !open_.empty()) {
      in_value_ = open_.back() == '[';
    } else if ((c == ']' || c == '}') && !open_.empty()) {
      open_.pop_back();
      in_value_ = true;
    }
  }

  // Where a key or a value may begin. To toml++ a quote elsewhere (`2"α"`) is part of what stands
  // before it.
  [[nodiscard]] bool can_begin_string() const {
    if (before_ == '.') return !in_value_;
    return std::string_view(" \t\r\n=,[{").find(before_) != std::string_view::npos;
  }

  // Answers no when the string does not end, which the parser will say better, and at what TOML
  // knows no escape for.
  bool skip_string(char quote) {
    const bool is_long = rest_.starts_with(quote == '"' ? "\"\"\"" : "'''");
    const std::size_t length = is_long ? 3 : 1;
    skip(length);
    while (!rest_.empty()) {
      const char c = rest_.front();
      if (c == '\n' && !is_long) return false;
      if (c == '\\' && quote == '"') {
        skip(1);
        if (!rest_.empty() && static_cast<unsigned char>(rest_.front()) >= 0x80) {
          escaped_ = stray("after a backslash");
          return false;
        }
        skip(1);
      } else if (c != quote) {
        skip(1);
      } else if (close(quote, length)) {
        return true;
      }
    }
    return false;
  }

  // A long string may end in two quotes of its own before the three that close it.
  bool close(char quote, std::size_t length) {
    const std::size_t run = std::min(rest_.find_first_not_of(quote), rest_.size());
    skip(length == 1 ? 1 : std::min<std::size_t>(run, 5));
    return run >= length;
  }

  [[nodiscard]] StrayCharacter stray(std::string_view where) const {
    std::string_view rest = rest_;
    return {line_, column_, take_code_point(rest).value_or(0xFFFD), where};
  }

  std::string_view rest_;
  std::optional<StrayCharacter> escaped_;
  char before_ = '\n';
  bool in_value_ = false;
  std::string open_;  // brackets of the value so far
  std::uint32_t line_ = 1;
  std::uint32_t column_ = 1;
};

}  // namespace

std::optional<StrayCharacter> find_stray_character(std::string_view text) {
  return Scanner(text).scan();
}

}  // namespace mixguard::policy
