// SPDX-License-Identifier: Apache-2.0
#pragma once

// The two ways that policy text matches strings: whole-string regular expressions (RE2, linear
// time, no look-around, no back-references) and path globs. Neither ever searches: both match all
// of the input.

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "policy/result.hpp"

namespace mixguard::policy {

// A regular expression from a policy. Checked when made, compiled when first matched; copies share
// it.
class Pattern {
 public:
  // Fails with what RE2 says, or when `text` is longer than 512 bytes or repeats something more
  // than 1,000 times (RE2's own bound).
  static Result<Pattern> make(std::string_view text);

  // True when all of `input` matches. Never throws; linear in input.size().
  [[nodiscard]] bool matches(std::string_view input) const;
  [[nodiscard]] const std::string& text() const;
  // Some printable text that matches, to show or to try. Nothing where none is found soon.
  [[nodiscard]] std::optional<std::string> sample() const;

 private:
  struct Compiled;
  explicit Pattern(std::shared_ptr<const Compiled> compiled) : compiled_(std::move(compiled)) {}
  std::shared_ptr<const Compiled> compiled_;
};

// True when `path` matches `glob`: `**` stands for any number of whole components (none too), `*`
// for any run of bytes inside a component, `?` for one byte, everything else for itself. Both are
// compared component by component, so "_build/**" matches "_build" and "_build/dev/x" but not
// "_builds". Linear in time for each `*`.
[[nodiscard]] bool glob_matches(std::string_view glob, std::string_view path);

}  // namespace mixguard::policy
