// SPDX-License-Identifier: Apache-2.0
#pragma once

// The spelling of network endpoints in policies: "host:port", "[v6]:port", "unix:/path". Nothing is
// looked up.

#include <string_view>

namespace mixguard::policy {

// A host is an IPv4 address or a DNS name; ports are 1 to 65535.
[[nodiscard]] bool is_endpoint(std::string_view text);
// What a listening address may be: "127.0.0.1:4000" or "[::1]:4000".
[[nodiscard]] bool is_address(std::string_view text);

}  // namespace mixguard::policy
