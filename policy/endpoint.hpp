// SPDX-License-Identifier: Apache-2.0
#pragma once

// The spelling of network endpoints in policies: "host:port", "[v6]:port", "unix:/path". Nothing is
// looked up.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mixguard::policy {

// An endpoint taken apart.
struct Endpoint {
  enum class Kind { kIpv4, kIpv6, kName, kUnix };
  Kind kind = Kind::kName;
  std::string host;  // without brackets; a name in lower case; kUnix: the path
  std::uint16_t port = 0;
};
// Nothing where is_endpoint() says no.
[[nodiscard]] std::optional<Endpoint> parse_endpoint(std::string_view text);

// A host is an IPv4 address or a DNS name; ports are 1 to 65535.
[[nodiscard]] bool is_endpoint(std::string_view text);
// What a listening address may be: "127.0.0.1:4000" or "[::1]:4000".
[[nodiscard]] bool is_address(std::string_view text);

}  // namespace mixguard::policy
