// SPDX-License-Identifier: Apache-2.0
#pragma once

// The one request that the proxy inside the sandbox understands: "CONNECT host:port HTTP/1.1" and
// its headers. Whoever sends it is the command itself, so everything that two readers could take in
// two ways is refused rather than repaired: a bare CR or LF, bytes outside of printable ASCII,
// folded headers, a body, hosts that only some resolvers take for an address. Pure: no socket, no
// clock.

#include <cstddef>
#include <string_view>

#include "policy/endpoint.hpp"

namespace mixguard::sandbox {

inline constexpr std::size_t kMaxRequestHead = 8192;
inline constexpr std::size_t kMaxRequestLine = 512;
inline constexpr std::size_t kMaxRequestHeaders = 64;

struct ConnectRequest {
  enum class Status {
    kIncomplete,   // right so far; the blank line is still to come
    kMalformed,    // `why`
    kOtherMethod,  // a proper request line that is not CONNECT
    kTarget,       // `target` and `length`
  };
  Status status = Status::kIncomplete;
  policy::Endpoint target;  // never a unix path; names in lower case
  std::size_t length = 0;   // of the head, the blank line included; what follows is the tunnel's
  const char* why = "";
};

// Reads the beginning of what a client sent.
[[nodiscard]] ConnectRequest parse_connect_request(std::string_view text);

// How a policy spells `endpoint`: "repo.hex.pm:443", "[::1]:5432", "unix:/path".
[[nodiscard]] std::string spelling(const policy::Endpoint& endpoint);

}  // namespace mixguard::sandbox
