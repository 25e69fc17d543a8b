// SPDX-License-Identifier: Apache-2.0
#include "policy/gates.hpp"

#include <algorithm>

#include "policy/text.hpp"

namespace mixguard::policy {
namespace {

constexpr std::size_t kMostArguments = 64;
constexpr std::size_t kLongestArgument = 4'096;
constexpr std::size_t kLongestCommand = 65'536;

Refusal refuse(Reason reason, std::string message) { return {reason, std::move(message), ""}; }

std::optional<Refusal> check_sizes(const std::vector<std::string>& argv) {
  if (argv.size() > kMostArguments) {
    return refuse(Reason::kLimit, std::to_string(argv.size()) + " arguments; at most 64 are taken");
  }
  std::size_t total = 0;
  for (const std::string& argument : argv) {
    total += argument.size();
    if (argument.size() > kLongestArgument) {
      return refuse(Reason::kLimit, "an argument of " + std::to_string(argument.size()) +
                                        " bytes; at most 4096 are taken");
    }
  }
  if (total <= kLongestCommand) return std::nullopt;
  return refuse(Reason::kLimit,
                "a command of " + std::to_string(total) + " bytes; at most 65536 are taken");
}

std::optional<Refusal> check_characters(const std::string& argument) {
  std::string_view rest = argument;
  while (!rest.empty()) {
    const auto code_point = take_code_point(rest);
    if (!code_point) {
      return refuse(Reason::kUnicode, quoted(argument) + " is not valid UTF-8");
    }
    if (is_control(*code_point)) {
      return refuse(Reason::kControl, quoted(argument) + " holds the control character " +
                                          code_point_name(*code_point));
    }
    if (is_invisible(*code_point)) {
      return refuse(Reason::kUnicode, quoted(argument) + " holds the invisible character " +
                                          code_point_name(*code_point));
    }
  }
  return std::nullopt;
}

std::optional<Refusal> check_flag_name(const std::string& argument) {
  std::string_view rest = argument;
  const auto first = take_code_point(rest);
  if (first && is_lookalike_dash(*first)) {
    return refuse(Reason::kUnicode,
                  quoted(argument) + " begins with " + code_point_name(*first) +
                      ", which looks like a dash and is none; Mix would take it for an argument");
  }
  if (!argument.starts_with('-')) return std::nullopt;
  const std::string_view name = std::string_view(argument).substr(0, argument.find('='));
  if (is_ascii(name)) return std::nullopt;
  return refuse(Reason::kUnicode, "flag name " + quoted(name) + " is not ASCII");
}

}  // namespace

std::optional<Refusal> check_gates(const std::vector<std::string>& argv) {
  if (auto refusal = check_sizes(argv)) return refusal;
  if (std::all_of(argv.begin(), argv.end(), is_plain_text)) return std::nullopt;
  for (const std::string& argument : argv) {
    if (auto refusal = check_characters(argument)) return refusal;
  }
  for (const std::string& argument : argv) {
    if (auto refusal = check_flag_name(argument)) return refusal;
  }
  return std::nullopt;
}

}  // namespace mixguard::policy
