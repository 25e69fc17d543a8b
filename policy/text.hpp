// SPDX-License-Identifier: Apache-2.0
#pragma once

// Small questions about text that several parts of the judgement ask: what a byte sequence holds,
// how to show it to a person, which known word a mistyped one probably was.

#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mixguard::policy {

// Takes the first code point off `text`. Empty when `text` is empty or does not begin with
// well-formed UTF-8 (overlong forms and surrogates are not well formed).
[[nodiscard]] std::optional<char32_t> take_code_point(std::string_view& text);

[[nodiscard]] bool is_valid_utf8(std::string_view text);
[[nodiscard]] bool is_ascii(std::string_view text);
// Printable ASCII and nothing else: what needs no closer look.
[[nodiscard]] bool is_plain_text(std::string_view text);

// C0, DEL and C1.
[[nodiscard]] bool is_control(char32_t code_point);
// Format characters (Cf), fillers, variation selectors, tags, and every blank but the ASCII space:
// what a reader of the command would not see or would take for something else.
[[nodiscard]] bool is_invisible(char32_t code_point);
// The dashes that look like "-" and are not.
[[nodiscard]] bool is_lookalike_dash(char32_t code_point);

// A set of bytes that is asked about many.
class ByteSet {
 public:
  constexpr explicit ByteSet(std::string_view members) {
    for (const char c : members) holds_[static_cast<unsigned char>(c)] = true;
  }
  [[nodiscard]] constexpr bool contains(char c) const {
    return holds_[static_cast<unsigned char>(c)];
  }

 private:
  std::array<bool, 256> holds_{};
};

// First byte of `text` that a shell gives a meaning to, if any.
[[nodiscard]] std::optional<char> find_metacharacter(std::string_view text);

[[nodiscard]] constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
[[nodiscard]] constexpr bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
[[nodiscard]] constexpr bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }

// Of ASCII; other bytes as they are.
[[nodiscard]] constexpr char to_lower(char c) {
  return is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c;
}
[[nodiscard]] std::string to_lower(std::string_view text);

// "U+200B"
[[nodiscard]] std::string code_point_name(char32_t code_point);

// `text` in double quotes for a message: what cannot be printed is escaped, what is long is cut.
[[nodiscard]] std::string quoted(std::string_view text);

// `text` as a TOML value: a literal string where that is possible, a basic string elsewhere.
[[nodiscard]] std::string toml_string(std::string_view text);

// All of `pieces`, one after the other, allocated once.
[[nodiscard]] std::string concat(std::initializer_list<std::string_view> pieces);

// `items` between commas: "a, b, c".
[[nodiscard]] std::string comma_list(const std::vector<std::string>& items);

// Known words, looked at once so that mistyped ones are soon compared with them.
class Dictionary {
 public:
  // The texts must outlive the result.
  explicit Dictionary(const std::vector<std::string_view>& words);

  // The word that `typed` was probably meant to be, or empty when none is near.
  [[nodiscard]] std::string nearest(std::string_view typed) const;

 private:
  struct Entry {
    std::string_view word;
    std::uint64_t bytes;
  };
  std::vector<Entry> entries_;
};

// The same for a few words that are asked about once.
[[nodiscard]] std::string nearest(std::string_view word,
                                  const std::vector<std::string_view>& candidates);

// And for the name of a flag, of which a beginning ("st") is a near miss too.
[[nodiscard]] std::string nearest_flag(std::string_view name,
                                       const std::vector<std::string_view>& candidates);

}  // namespace mixguard::policy
