// SPDX-License-Identifier: Apache-2.0
#pragma once

// A DNS query as a resolver sends it (RFC 1035, section 4.1), read only for the name it asks for,
// and the answer that there is no such name.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace mixguard::sandbox {

// The longest query over UDP without extensions, and with what resolvers add to it.
inline constexpr std::size_t kLongestQuery = 4096;

struct NameQuestion {
  std::string name;      // in lower case, without the root's dot
  std::size_t size = 0;  // of header and question, within the query
};

// Nothing when it is no query with exactly one question, is cut short or compressed, or asks for a
// name that no host has: empty, or with anything but letters, digits, `-`, `_` and `.`.
[[nodiscard]] std::optional<NameQuestion> read_question(std::span<const std::uint8_t> query);

// "No such name" (NXDOMAIN), for the question that was read from `query`.
[[nodiscard]] std::vector<std::uint8_t> no_such_name(std::span<const std::uint8_t> query,
                                                     const NameQuestion& question);

}  // namespace mixguard::sandbox
