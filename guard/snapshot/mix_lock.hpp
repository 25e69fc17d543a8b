// SPDX-License-Identifier: Apache-2.0
#pragma once

// mix.lock as text, dependency by dependency: a map literal with one entry for each. Mix evaluates
// the file; here it is only cut into entries, and what holds anything beyond names, strings,
// numbers, lists, tuples and keywords is refused, a conflict marker above all. Pure: no file is
// looked at.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/result.hpp"

namespace mixguard::guard {

// `"jason": {:hex, :jason, …}`
struct LockEntry {
  std::string name;
  std::string text;  // key and value as they are written, without the comma
};

struct MixLock {
  std::vector<LockEntry> entries;  // as they stand in the file
  std::string newline = "\n";

  // Nothing when the dependency is not locked.
  [[nodiscard]] std::optional<std::string> text_of(std::string_view name) const;
  // Replaces the entry, adds it where it belongs by its name, or removes it.
  void set(const std::string& name, const std::optional<std::string>& text);
  // The file: one entry a line, as Mix writes it.
  [[nodiscard]] std::string text() const;
};

// The error names the line and what was found there.
Result<MixLock> parse_mix_lock(std::string_view text);

}  // namespace mixguard::guard
