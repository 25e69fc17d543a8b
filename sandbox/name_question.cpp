// SPDX-License-Identifier: Apache-2.0
#include "sandbox/name_question.hpp"

#include <algorithm>

namespace mixguard::sandbox {
namespace {

// RFC 1035, sections 3.1 and 4.1.1.
constexpr std::size_t kHeader = 12;
constexpr std::size_t kLongestLabel = 63;
constexpr std::size_t kLongestName = 253;
constexpr std::size_t kTypeAndClass = 4;
constexpr std::uint8_t kIsAnswer = 0x80, kOperation = 0x78, kRecursionDesired = 0x01;
constexpr std::uint8_t kRecursionAvailable = 0x80, kNoSuchName = 3;

bool is_of_a_host(std::uint8_t c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

std::uint8_t lower(std::uint8_t c) {
  return c >= 'A' && c <= 'Z' ? static_cast<std::uint8_t>(c - 'A' + 'a') : c;
}

}  // namespace

std::optional<NameQuestion> read_question(std::span<const std::uint8_t> query) {
  if (query.size() < kHeader || query.size() > kLongestQuery) return std::nullopt;
  const bool is_one_query =
      (query[2] & (kIsAnswer | kOperation)) == 0 && query[4] == 0 && query[5] == 1;
  if (!is_one_query) return std::nullopt;
  NameQuestion question;
  std::size_t at = kHeader;
  for (;;) {
    if (at >= query.size()) return std::nullopt;
    const std::size_t length = query[at++];
    if (length == 0) break;
    if (length > kLongestLabel || length > query.size() - at) return std::nullopt;
    if (!question.name.empty()) question.name += '.';
    for (const std::uint8_t byte : query.subspan(at, length)) {
      const std::uint8_t c = lower(byte);
      if (!is_of_a_host(c)) return std::nullopt;
      question.name += static_cast<char>(c);
    }
    if (question.name.size() > kLongestName) return std::nullopt;
    at += length;
  }
  question.size = at + kTypeAndClass;
  if (question.name.empty() || question.size > query.size()) return std::nullopt;
  return question;
}

std::vector<std::uint8_t> no_such_name(std::span<const std::uint8_t> query,
                                       const NameQuestion& question) {
  std::vector<std::uint8_t> answer(query.begin(),
                                   query.begin() + static_cast<std::ptrdiff_t>(question.size));
  answer[2] = static_cast<std::uint8_t>(kIsAnswer | (answer[2] & kRecursionDesired));
  answer[3] = kRecursionAvailable | kNoSuchName;
  std::fill(answer.begin() + 6, answer.begin() + kHeader, 0);  // no records behind the question
  return answer;
}

}  // namespace mixguard::sandbox
