// SPDX-License-Identifier: Apache-2.0
#include "policy/text.hpp"

#include <algorithm>
#include <array>
#include <bit>

namespace mixguard::policy {
namespace {

constexpr std::size_t kLongestQuote = 60;

struct Range {
  char32_t first;
  char32_t last;
};

// Sorted. Cf, Zl, Zp and Zs of Unicode 15 without U+0020, and the letters and marks that have no
// ink of their own.
constexpr std::array kInvisible = {
    Range{0x00A0, 0x00A0},   Range{0x00AD, 0x00AD},   Range{0x034F, 0x034F},
    Range{0x0600, 0x0605},   Range{0x061C, 0x061C},   Range{0x06DD, 0x06DD},
    Range{0x070F, 0x070F},   Range{0x0890, 0x0891},   Range{0x08E2, 0x08E2},
    Range{0x115F, 0x1160},   Range{0x1680, 0x1680},   Range{0x17B4, 0x17B5},
    Range{0x180B, 0x180F},   Range{0x2000, 0x200F},   Range{0x2028, 0x202F},
    Range{0x205F, 0x206F},   Range{0x2800, 0x2800},   Range{0x3000, 0x3000},
    Range{0x3164, 0x3164},   Range{0xFE00, 0xFE0F},   Range{0xFEFF, 0xFEFF},
    Range{0xFFA0, 0xFFA0},   Range{0xFFF0, 0xFFFB},   Range{0x110BD, 0x110BD},
    Range{0x110CD, 0x110CD}, Range{0x13430, 0x1343F}, Range{0x1BCA0, 0x1BCA3},
    Range{0x1D173, 0x1D17A}, Range{0xE0000, 0xE0FFF},
};

constexpr std::array kDashes = {
    Range{0x2010, 0x2015}, Range{0x2212, 0x2212}, Range{0xFE58, 0xFE58},
    Range{0xFE63, 0xFE63}, Range{0xFF0D, 0xFF0D},
};

template <std::size_t N>
bool in_ranges(const std::array<Range, N>& ranges, char32_t code_point) {
  return std::any_of(ranges.begin(), ranges.end(), [&](const Range& range) {
    return code_point >= range.first && code_point <= range.last;
  });
}

std::size_t sequence_length(unsigned char lead) {
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead < 0xE0) return 2;
  if (lead >= 0xE0 && lead < 0xF0) return 3;
  if (lead >= 0xF0 && lead < 0xF5) return 4;
  return 0;
}

bool is_well_formed(char32_t code_point, std::size_t length) {
  if (length == 3) return code_point >= 0x800 && (code_point < 0xD800 || code_point > 0xDFFF);
  if (length == 4) return code_point >= 0x10000 && code_point <= 0x10FFFF;
  return true;
}

constexpr std::size_t kLongestWord = 64;  // a longer one is near nothing

// Optimal string alignment: edits, with a swap of neighbours counted once. Only as far as it
// matters: more than `most` is told as `most` + 1. Neither word may be longer than kLongestWord.
std::size_t edit_distance(std::string_view a, std::string_view b, std::size_t most) {
  using Row = std::array<std::uint8_t, kLongestWord + 1>;
  const auto too_far = static_cast<std::uint8_t>(most + 1);
  std::array<Row, 3> rows;
  for (Row& row : rows) row.fill(too_far);
  for (std::size_t j = 0; j <= std::min(most, b.size()); ++j)
    rows[0][j] = static_cast<std::uint8_t>(j);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    const Row& last = rows[(i - 1) % 3];
    const Row& before_last = rows[(i + 1) % 3];
    Row& row = rows[i % 3];
    // No cell further than `most` from the diagonal can count.
    const std::size_t first = i > most ? i - most : 1;
    const std::size_t end = std::min(b.size(), i + most);
    row[first - 1] = i <= most ? static_cast<std::uint8_t>(i) : too_far;
    std::uint8_t least = row[first - 1];
    for (std::size_t j = first; j <= end; ++j) {
      int cell = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      cell = std::min({cell, last[j] + 1, row[j - 1] + 1});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) cell = std::min(cell, before_last[j - 2] + 1);
      row[j] = static_cast<std::uint8_t>(std::min(cell, static_cast<int>(too_far)));
      least = std::min(least, row[j]);
    }
    if (end < b.size()) row[end + 1] = too_far;
    if (least == too_far) return too_far;
  }
  return rows[a.size() % 3][b.size()];
}

// The bytes of `text`, as bits.
std::uint64_t byte_set(std::string_view text) {
  std::uint64_t set = 0;
  for (const char c : text) set |= std::uint64_t{1} << (static_cast<unsigned char>(c) % 64U);
  return set;
}

// At least so many edits: each takes away or brings in one byte at most.
std::size_t least_distance(std::uint64_t a, std::uint64_t b) {
  return static_cast<std::size_t>(std::max(std::popcount(a & ~b), std::popcount(b & ~a)));
}

// At least four digits.
std::string hexadecimal(char32_t value) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string digits;
  for (; value != 0 || digits.size() < 4; value >>= 4U) {
    digits.insert(digits.begin(), kDigits[value & 0xFU]);
  }
  return digits;
}

std::string escaped(char32_t code_point) {
  switch (code_point) {
    case U'\n':
      return "\\n";
    case U'\r':
      return "\\r";
    case U'\t':
      return "\\t";
    default:
      return "<" + code_point_name(code_point) + ">";
  }
}

}  // namespace

std::optional<char32_t> take_code_point(std::string_view& text) {
  if (text.empty()) return std::nullopt;
  const auto lead = static_cast<unsigned char>(text[0]);
  const std::size_t length = sequence_length(lead);
  if (length == 0 || length > text.size()) return std::nullopt;
  constexpr std::array<unsigned char, 5> kLeadBits = {0, 0x7F, 0x1F, 0x0F, 0x07};
  char32_t code_point = lead & kLeadBits[length];
  for (std::size_t i = 1; i < length; ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if ((byte & 0xC0U) != 0x80U) return std::nullopt;
    code_point = (code_point << 6U) | (byte & 0x3FU);
  }
  if (!is_well_formed(code_point, length)) return std::nullopt;
  text.remove_prefix(length);
  return code_point;
}

bool is_valid_utf8(std::string_view text) {
  while (!text.empty()) {
    if (!take_code_point(text)) return false;
  }
  return true;
}

bool is_plain_text(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c < 0x7F; });
}

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

bool is_control(char32_t code_point) {
  return code_point < 0x20 || (code_point >= 0x7F && code_point < 0xA0);
}

bool is_invisible(char32_t code_point) {
  return code_point >= 0xA0 && in_ranges(kInvisible, code_point);
}

bool is_lookalike_dash(char32_t code_point) { return in_ranges(kDashes, code_point); }

std::optional<char> find_metacharacter(std::string_view text) {
  static constexpr ByteSet kMetacharacters(";|&$`<>(){}*?[]!~#\n\r\\");
  const auto found =
      std::find_if(text.begin(), text.end(), [](char c) { return kMetacharacters.contains(c); });
  return found == text.end() ? std::nullopt : std::optional<char>(*found);
}

std::string to_lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = to_lower(c);
  return lower;
}

std::string code_point_name(char32_t code_point) { return "U+" + hexadecimal(code_point); }

std::string quoted(std::string_view text) {
  if (text.size() <= kLongestQuote && is_plain_text(text)) return concat({"\"", text, "\""});
  std::string out = "\"";
  while (!text.empty()) {
    if (out.size() > kLongestQuote) return out + "…\"";
    const auto code_point = take_code_point(text);
    if (!code_point) {
      out += "<invalid UTF-8>";
      break;
    }
    if (is_control(*code_point) || is_invisible(*code_point)) {
      out += escaped(*code_point);
    } else if (*code_point < 0x80) {
      out += static_cast<char>(*code_point);
    } else {
      const std::size_t length = *code_point < 0x800 ? 2 : *code_point < 0x10000 ? 3 : 4;
      out.append(text.data() - length, length);
    }
  }
  return out + "\"";
}

std::string toml_string(std::string_view text) {
  const bool is_literal = std::all_of(text.begin(), text.end(),
                                      [](char c) { return c != '\'' && c >= 0x20 && c != 0x7F; });
  if (is_literal) return "'" + std::string(text) + "'";
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      out += "\\u" + hexadecimal(static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string concat(std::initializer_list<std::string_view> pieces) {
  std::size_t size = 0;
  for (const std::string_view piece : pieces) size += piece.size();
  std::string out;
  out.reserve(size);
  for (const std::string_view piece : pieces) out += piece;
  return out;
}

std::string comma_list(const std::vector<std::string>& items) {
  std::string out;
  for (const std::string& item : items) {
    if (!out.empty()) out += ", ";
    out += item;
  }
  return out;
}

Dictionary::Dictionary(const std::vector<std::string_view>& words) {
  entries_.reserve(words.size());
  for (const std::string_view word : words) {
    if (word.size() <= kLongestWord) entries_.push_back({word, byte_set(word)});
  }
}

std::string Dictionary::nearest(std::string_view typed) const {
  if (typed.size() > kLongestWord) return {};
  std::size_t furthest = typed.size() <= 3 ? 1 : typed.size() <= 8 ? 2 : 3;
  const std::uint64_t bytes = byte_set(typed);
  std::string_view found;
  for (const auto& [word, word_bytes] : entries_) {
    const std::size_t gap =
        word.size() > typed.size() ? word.size() - typed.size() : typed.size() - word.size();
    if (gap > furthest || least_distance(bytes, word_bytes) > furthest) continue;
    const std::size_t distance = edit_distance(typed, word, furthest);
    if (distance > furthest) continue;
    found = word;
    if (distance == 0) break;
    furthest = distance - 1;  // the first of the nearest
  }
  return std::string(found);
}

std::string nearest(std::string_view word, const std::vector<std::string_view>& candidates) {
  return Dictionary(candidates).nearest(word);
}

std::string nearest_flag(std::string_view name, const std::vector<std::string_view>& candidates) {
  std::string word(name);
  std::replace(word.begin(), word.end(), '_', '-');
  std::string_view shortest;
  for (const std::string_view candidate : candidates) {
    const bool is_longer = word.size() >= 2 && candidate.starts_with(word);
    if (is_longer && (shortest.empty() || candidate.size() < shortest.size())) shortest = candidate;
  }
  return shortest.empty() ? nearest(word, candidates) : std::string(shortest);
}

}  // namespace mixguard::policy
