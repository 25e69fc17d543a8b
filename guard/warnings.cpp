// SPDX-License-Identifier: Apache-2.0
#include "guard/warnings.hpp"

#include <algorithm>
#include <optional>

namespace mixguard::guard {
namespace {

constexpr std::string_view kMark = "warning:";

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\r')) text.remove_suffix(1);
  return text;
}

// Colours, which Mix prints where it takes its output for a terminal.
std::string plain(std::string_view line) {
  std::string text;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '\x1b') {
      i = std::min(line.find('m', i), line.size());
    } else {
      text += line[i];
    }
  }
  return text;
}

// The file of "lib/a.ex:12: A.b/1", with "└─ " before it from Elixir 1.16 on; nothing for other
// lines.
std::optional<std::string> place_in(std::string_view line) {
  std::string_view text = trimmed(line);
  constexpr std::string_view kArrow = "└─ ";
  if (text.starts_with(kArrow)) text.remove_prefix(kArrow.size());
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos || colon + 1 >= text.size()) return std::nullopt;
  const std::string_view file = text.substr(0, colon);
  const bool has_line = text[colon + 1] >= '0' && text[colon + 1] <= '9';
  const bool is_file =
      file.find('.') != std::string_view::npos && file.find(' ') == std::string_view::npos;
  if (!has_line || !is_file) return std::nullopt;
  return std::string(file);
}

}  // namespace

std::set<std::string> warnings_in(std::string_view output) {
  std::set<std::string> found;
  std::string message;  // whose place is still to come
  while (!output.empty()) {
    const std::size_t end = std::min(output.find('\n'), output.size());
    const std::string line = plain(output.substr(0, end));
    output.remove_prefix(std::min(end + 1, output.size()));
    const std::string_view text = trimmed(line);
    if (text.starts_with(kMark)) {
      if (!message.empty()) found.insert(message);
      message = trimmed(text.substr(kMark.size()));
    } else if (const auto place = place_in(line); place && !message.empty()) {
      found.insert(*place + ": " + message);
      message.clear();
    }
  }
  if (!message.empty()) found.insert(message);
  return found;
}

}  // namespace mixguard::guard
