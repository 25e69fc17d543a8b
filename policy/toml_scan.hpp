// SPDX-License-Identifier: Apache-2.0
#pragma once

// A look at TOML text before the parser sees it: outside of strings and comments, TOML is ASCII,
// and toml++ 3.3 has undefined behaviour on some of what is not.

#include <cstdint>
#include <optional>
#include <string_view>

namespace mixguard::policy {

struct StrayCharacter {
  std::uint32_t line = 1;
  std::uint32_t column = 1;
  char32_t code_point = 0;  // U+FFFD when it is not well-formed UTF-8
  std::string_view where;   // for people: "outside of strings and comments"
};

// The first character outside of strings and comments that is not ASCII, a quote where no string
// can begin, or what is not ASCII after a backslash in a string, if there is one before the first
// mistake of syntax in a string.
[[nodiscard]] std::optional<StrayCharacter> find_stray_character(std::string_view text);

}  // namespace mixguard::policy
