// SPDX-License-Identifier: Apache-2.0
#include "policy/pattern.hpp"

#include <re2/re2.h>

#include <algorithm>
#include <mutex>
#include <string>
#include <vector>

#include "policy/text.hpp"

namespace mixguard::policy {
namespace {

constexpr std::size_t kLongestPattern = 512;
constexpr std::int64_t kMemory = 1 << 20;
// Two thirds of it are one byte, which no program fits in; of one byte they would be zero, which
// RE2 takes for no limit.
constexpr std::int64_t kParseOnly = 2;
// RE2 gives two thirds of the memory to the forward program and a quarter of that to instructions
// of eight bytes; staying well below needs no trial compilation.
constexpr std::size_t kSafeInstructions = 16'000;
constexpr std::size_t kInstructionsPerByte = 12;
constexpr std::size_t kLargestRepeat = 1'000;

re2::RE2::Options options(std::int64_t memory) {
  re2::RE2::Options result(re2::RE2::Quiet);
  result.set_max_mem(memory);
  result.set_log_errors(false);
  result.set_never_capture(true);
  return result;
}

std::size_t read_number(std::string_view text, std::size_t& at) {
  std::size_t number = 0;
  while (at < text.size() && is_digit(text[at])) {
    number = std::min(number * 10 + static_cast<std::size_t>(text[at] - '0'), kLargestRepeat + 1);
    ++at;
  }
  return number;
}

// An upper bound of how often counted repetitions multiply what they repeat.
std::size_t repetition(std::string_view text) {
  std::size_t product = 1;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '{') continue;
    std::size_t largest = 1;
    for (++at; at < text.size() && (is_digit(text[at]) || text[at] == ',');) {
      largest = std::max(largest, read_number(text, at));
      if (at < text.size() && text[at] == ',') ++at;
    }
    product = std::min(product * largest, kSafeInstructions);
  }
  return product;
}

// Whether the compiled program certainly fits, so that reading the text is check enough.
bool surely_fits(std::string_view text) {
  const bool has_unicode_class =
      text.find("\\p") != std::string_view::npos || text.find("\\P") != std::string_view::npos;
  if (has_unicode_class || !is_ascii(text)) return false;
  return text.size() * kInstructionsPerByte * repetition(text) <= kSafeInstructions;
}

std::string complaint(const re2::RE2& regex) {
  if (regex.error_code() == re2::RE2::ErrorPatternTooLarge) return "it needs more than 1 MiB";
  return regex.error();
}

}  // namespace

struct Pattern::Compiled {
  explicit Compiled(std::string_view pattern) : text(pattern) {}

  const re2::RE2& get() const {
    std::call_once(once,
                   [this] { regex = std::make_unique<const re2::RE2>(text, options(kMemory)); });
    return *regex;
  }

  std::string text;
  mutable std::once_flag once;
  mutable std::unique_ptr<const re2::RE2> regex;
};

Result<Pattern> Pattern::make(std::string_view text) {
  if (text.size() > kLongestPattern) {
    return fail("regular expression of " + std::to_string(text.size()) +
                " bytes; at most 512 are allowed");
  }
  const bool parse_only = surely_fits(text);
  const re2::RE2 trial(re2::StringPiece(text.data(), text.size()),
                       options(parse_only ? kParseOnly : kMemory));
  // Without memory a pattern that parses stops at "too large", before it is compiled.
  const bool parsed =
      trial.ok() || (parse_only && trial.error_code() == re2::RE2::ErrorPatternTooLarge);
  if (!parsed) return fail("regular expression " + quoted(text) + ": " + complaint(trial));
  return Pattern(std::make_shared<const Compiled>(text));
}

bool Pattern::matches(std::string_view input) const {
  const re2::RE2& regex = compiled_->get();
  return regex.ok() && re2::RE2::FullMatch(re2::StringPiece(input.data(), input.size()), regex);
}

const std::string& Pattern::text() const { return compiled_->text; }

std::optional<std::string> Pattern::sample() const {
  constexpr int kLongest = 80;
  const re2::RE2& regex = compiled_->get();
  std::string smallest;
  std::string largest;
  const bool is_known = regex.ok() && regex.PossibleMatchRange(&smallest, &largest, kLongest);
  if (!is_known || !is_plain_text(smallest) || !matches(smallest)) return std::nullopt;
  return smallest;
}

namespace {

std::string_view take_component(std::string_view& path) {
  const std::size_t slash = path.find('/');
  const std::string_view component = path.substr(0, slash);
  path = slash == std::string_view::npos ? std::string_view() : path.substr(slash + 1);
  return component;
}

std::vector<std::string_view> components(std::string_view path) {
  std::vector<std::string_view> result;
  while (!path.empty()) result.push_back(take_component(path));
  return result;
}

bool component_matches(std::string_view glob, std::string_view text) {
  std::size_t g = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;
  std::size_t resume = 0;
  while (t < text.size()) {
    if (g < glob.size() && glob[g] == '*') {
      star = g++;
      resume = t;
    } else if (g < glob.size() && (glob[g] == '?' || glob[g] == text[t])) {
      ++g;
      ++t;
    } else if (star != std::string_view::npos) {
      g = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  return std::all_of(glob.begin() + static_cast<std::ptrdiff_t>(g), glob.end(),
                     [](char c) { return c == '*'; });
}

}  // namespace

bool glob_matches(std::string_view glob, std::string_view path) {
  const std::vector<std::string_view> pattern = components(glob);
  const std::vector<std::string_view> parts = components(path);
  std::size_t g = 0;
  std::size_t p = 0;
  std::size_t star = std::string_view::npos;
  std::size_t resume = 0;
  while (p < parts.size()) {
    if (g < pattern.size() && pattern[g] == "**") {
      star = g++;
      resume = p;
    } else if (g < pattern.size() && component_matches(pattern[g], parts[p])) {
      ++g;
      ++p;
    } else if (star != std::string_view::npos) {
      g = star + 1;
      p = ++resume;
    } else {
      return false;
    }
  }
  return std::all_of(pattern.begin() + static_cast<std::ptrdiff_t>(g), pattern.end(),
                     [](std::string_view component) { return component == "**"; });
}

}  // namespace mixguard::policy
