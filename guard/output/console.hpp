// SPDX-License-Identifier: Apache-2.0
#pragma once

// What mixguard itself says, on standard error and marked "mixguard:", so that it cannot be taken
// for the command's own words. Results go to standard output.

#include <string>
#include <string_view>

#include "guard/snapshot/change.hpp"

namespace mixguard::guard {

class Console {
 public:
  Console(bool verbose, bool quiet) : verbose_(verbose), quiet_(quiet) {}

  void error(std::string_view text) const;     // always
  void warn(std::string_view text) const;      // always
  void say(std::string_view text) const;       // not with -q
  void note(std::string_view text) const;      // with -v
  void plain(std::string_view text) const;     // an error of several lines, as it is
  void document(std::string_view text) const;  // to standard output, with a newline

 private:
  bool verbose_;
  bool quiet_;
};

// `text` with control characters and broken UTF-8 escaped (\n, \x1b): names come from the disk and
// must not drive the terminal.
[[nodiscard]] std::string printable(std::string_view text);

// "1 path", "3 paths".
[[nodiscard]] std::string counted(std::size_t count, std::string_view noun);

// One line a change ("created   lib/a.ex"), after a heading with the count.
[[nodiscard]] std::string describe_changes(const ChangeSet& set, std::string_view heading);

}  // namespace mixguard::guard
