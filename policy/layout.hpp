// SPDX-License-Identifier: Apache-2.0
#pragma once

// Text for a terminal of a given width: words wrapped under a hanging indent, colour where it is
// wanted. Only explain and show use it.

#include <string>
#include <string_view>
#include <vector>

#include "policy/decision.hpp"
#include "policy/explain.hpp"

namespace mixguard::policy {

class Layout {
 public:
  explicit Layout(const ExplainStyle& style) : style_(style) {}

  // Writes `text` after `first`, further lines after `rest`. A word that is too long for a line has
  // one to itself.
  void paragraph(std::string_view first, std::string_view rest, std::string_view text);
  // Writes `text` as it is, `indent` before each of its lines.
  void verbatim(std::string_view indent, std::string_view text);
  // `left`, and `right` at the end of the same line, or of the next one if there is no room.
  void ends(std::string_view left, std::string_view right);

  [[nodiscard]] std::string coloured(Verdict verdict, std::string_view text) const;
  [[nodiscard]] std::string dim(std::string_view text) const;
  [[nodiscard]] std::string bold(std::string_view text) const;

  [[nodiscard]] std::string take() { return std::move(out_); }

 private:
  [[nodiscard]] std::string paint(std::string_view code, std::string_view text) const;

  ExplainStyle style_;
  std::string out_;
};

// How many columns `text` takes; colour codes take none.
[[nodiscard]] std::size_t columns(std::string_view text);

// The words of a command line as a person would type them; what is not plain is quoted.
[[nodiscard]] std::string command_line(const std::vector<std::string>& words);

// The same as a shell takes it: whole, however long, and each word told from the next.
[[nodiscard]] std::string shell_line(const std::vector<std::string>& words);

// "file:line", or the file alone when there is no line.
[[nodiscard]] std::string place(std::string_view file, std::uint32_t line);

}  // namespace mixguard::policy
