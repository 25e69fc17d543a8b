// SPDX-License-Identifier: Apache-2.0
#include "policy/layout.hpp"

#include <algorithm>

#include "policy/text.hpp"

namespace mixguard::policy {
namespace {

std::string_view take_word(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  const std::size_t space = text.find(' ');
  const std::string_view word = text.substr(0, space);
  text.remove_prefix(word.size());
  return word;
}

bool is_plain(std::string_view word) {
  return !word.empty() && std::all_of(word.begin(), word.end(), [](char c) {
    return c > ' ' && c < 0x7F && c != '"' && c != '\'' && c != '\\';
  });
}

}  // namespace

void Layout::paragraph(std::string_view first, std::string_view rest, std::string_view text) {
  std::string line(first);
  std::size_t used = columns(first);
  bool is_empty = true;
  for (std::string_view word = take_word(text); !word.empty(); word = take_word(text)) {
    const std::size_t length = columns(word);
    if (!is_empty && used + 1 + length > style_.width) {
      out_ += line + "\n";
      line = rest;
      used = columns(rest);
      is_empty = true;
    }
    if (!is_empty) {
      line += ' ';
      ++used;
    }
    line += word;
    used += length;
    is_empty = false;
  }
  out_ += line + "\n";
}

void Layout::verbatim(std::string_view indent, std::string_view text) {
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    out_.append(indent).append(text.substr(0, end)) += '\n';
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
}

void Layout::ends(std::string_view left, std::string_view right) {
  const std::size_t used = columns(left) + columns(right) + 2;
  out_ += left;
  if (!right.empty()) {
    if (used > style_.width) {
      out_ += '\n';
      out_.append(style_.width - std::min<std::size_t>(columns(right), style_.width), ' ');
    } else {
      out_.append(style_.width - used + 2, ' ');
    }
    out_ += dim(right);
  }
  out_ += '\n';
}

std::string Layout::paint(std::string_view code, std::string_view text) const {
  if (!style_.colour) return std::string(text);
  return "\x1b[" + std::string(code) + "m" + std::string(text) + "\x1b[0m";
}

std::string Layout::coloured(Verdict verdict, std::string_view text) const {
  switch (verdict) {
    case Verdict::kAllow:
      return paint("1;32", text);
    case Verdict::kAsk:
      return paint("1;33", text);
    case Verdict::kDeny:
      break;
  }
  return paint("1;31", text);
}

std::string Layout::dim(std::string_view text) const { return paint("2", text); }

std::string Layout::bold(std::string_view text) const { return paint("1", text); }

std::size_t columns(std::string_view text) {
  std::size_t count = 0;
  while (!text.empty()) {
    if (text.starts_with("\x1b[")) {
      text.remove_prefix(std::min(text.find('m'), text.size() - 1) + 1);
    } else {
      if (!take_code_point(text)) text.remove_prefix(1);
      ++count;
    }
  }
  return count;
}

std::string command_line(const std::vector<std::string>& words) {
  std::string line;
  for (const std::string& word : words) {
    if (!line.empty()) line += ' ';
    line += is_plain(word) ? word : quoted(word);
  }
  return line;
}

std::string shell_line(const std::vector<std::string>& words) {
  constexpr std::string_view kSafe = "-_./:=@%+,";
  std::string line;
  for (const std::string& word : words) {
    const bool is_plain = !word.empty() && std::all_of(word.begin(), word.end(), [&](char c) {
      return is_lower(c) || is_upper(c) || is_digit(c) || kSafe.find(c) != kSafe.npos;
    });
    if (!line.empty()) line += ' ';
    if (!is_plain) line += '\'';
    for (const char c : word) line += c == '\'' ? "'\\''" : std::string(1, c);
    if (!is_plain) line += '\'';
  }
  return line;
}

std::string place(std::string_view file, std::uint32_t line) {
  std::string text(file);
  if (line != 0) text += ":" + std::to_string(line);
  return text;
}

}  // namespace mixguard::policy
