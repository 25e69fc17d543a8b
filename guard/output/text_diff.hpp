// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace mixguard::guard {

// True for what a person can read: UTF-8 without NUL and most other control characters.
[[nodiscard]] bool is_text(std::string_view content);

// What changed between two texts, as diff -u has it (diffutils; Debian: essential), with `path` in
// both heads and every line made printable. Nothing when it takes too long, is longer than 1 MiB or
// there is no diff to run.
[[nodiscard]] std::optional<std::string> text_diff(const std::string& path, std::string_view before,
                                                   std::string_view after);

}  // namespace mixguard::guard
