// SPDX-License-Identifier: Apache-2.0
#include "policy/quantity.hpp"

#include <array>
#include <charconv>
#include <limits>
#include <span>

namespace mixguard::policy {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

constexpr std::array kTimes = {Unit{"ms", 1}, Unit{"s", 1'000}, Unit{"m", 60'000},
                               Unit{"h", 3'600'000}, Unit{"d", 86'400'000}};
constexpr std::array kSizes = {Unit{"B", 1}, Unit{"KiB", 1ULL << 10U}, Unit{"MiB", 1ULL << 20U},
                               Unit{"GiB", 1ULL << 30U}, Unit{"TiB", 1ULL << 40U}};

std::optional<std::uint64_t> parse(std::string_view text, std::span<const Unit> units) {
  std::uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stop == text.data()) return std::nullopt;
  const std::string_view suffix(stop, static_cast<std::size_t>(end - stop));
  for (const Unit& unit : units) {
    if (unit.name != suffix) continue;
    if (number > std::numeric_limits<std::uint64_t>::max() / unit.factor) return std::nullopt;
    return number * unit.factor;
  }
  return std::nullopt;
}

std::string write(std::uint64_t quantity, std::span<const Unit> units) {
  const Unit* largest = &units.front();
  for (const Unit& unit : units) {
    if (quantity % unit.factor == 0) largest = &unit;
  }
  return std::to_string(quantity / largest->factor) + std::string(largest->name);
}

}  // namespace

std::optional<std::uint64_t> parse_duration(std::string_view text) { return parse(text, kTimes); }

std::optional<std::uint64_t> parse_size(std::string_view text) { return parse(text, kSizes); }

std::string duration_text(std::uint64_t milliseconds) { return write(milliseconds, kTimes); }

std::string size_text(std::uint64_t bytes) { return write(bytes, kSizes); }

}  // namespace mixguard::policy
