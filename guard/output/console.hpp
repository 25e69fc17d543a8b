// SPDX-License-Identifier: Apache-2.0
#pragma once

// What mixguard itself says, on standard error and marked "mixguard:", so that it cannot be taken
// for the command's own words. Results go to standard output.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "guard/snapshot/change.hpp"
#include "sandbox/network_report.hpp"

namespace mixguard::guard {

class Console {
 public:
  // `json`: standard output gets one JSON document, see close().
  Console(bool json, bool verbose, bool quiet) : json_(json), verbose_(verbose), quiet_(quiet) {}

  void error(std::string_view text);          // always
  void warn(std::string_view text) const;     // always
  void say(std::string_view text) const;      // not with -q
  void note(std::string_view text) const;     // with -v
  void plain(std::string_view text) const;    // a refusal of several lines, as it is
  void listing(std::string_view text) const;  // lines from the disk, each made printable
  void document(std::string_view text);       // to standard output, with a newline
  void bytes(std::string_view content);       // to standard output, as they are

  [[nodiscard]] bool json() const { return json_; }
  [[nodiscard]] bool quiet() const { return quiet_; }

  // The end of what is said; returns the exit code to end with. Under --json without a document so
  // far, the errors are one: {"exit_code":N,"errors":["…"]}. Output that could not be written (a
  // full disk, a closed descriptor) is an error of its own, kExitInternal in place of success.
  [[nodiscard]] int close(int code);

 private:
  bool json_;
  bool verbose_;
  bool quiet_;
  bool documented_ = false;
  std::vector<std::string> errors_;
};

// `text` with control characters and broken UTF-8 escaped (\n, \x1b), and what cannot be seen named
// (U+202E): names come from the disk and
// must not drive the terminal.
[[nodiscard]] std::string printable(std::string_view text);

// "1 path", "3 paths".
[[nodiscard]] std::string counted(std::size_t count, std::string_view noun);

// "17 B", "1.4 MiB".
[[nodiscard]] std::string readable_size(std::uint64_t bytes);

// One line a change ("created   lib/a.ex"), after a heading with the count.
[[nodiscard]] std::string describe_changes(const ChangeSet& set, std::string_view heading);

// A line for each path that was not committed, with the reason; what lies in a directory that was
// not committed is counted, not listed, and so is what would be too long a list. Empty when
// everything was.
[[nodiscard]] std::vector<std::string> describe_withheld(const ChangeSet& set);

// A line for each destination that was refused, with what would allow it, and for each listed one
// that could not be reached. Empty when there is nothing to say.
[[nodiscard]] std::vector<std::string> describe_network(const sandbox::NetworkReport& report);

}  // namespace mixguard::guard
