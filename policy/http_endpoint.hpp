// SPDX-License-Identifier: Apache-2.0
#pragma once

// [[endpoint]]: what of a running project `mixguard verify` asks for. Everything about the request
// is settled when the policy is read: the address is this machine's own, each parameter of the path
// has a value that stays one segment, the query is encoded from a table.

#include "policy/policy_reader.hpp"

namespace mixguard::policy {

// Reads one table. A URL is "http://HOST[:PORT][/PATH]" (RFC 3986) with a loopback HOST:
// "localhost", 127.0.0.0/8 or [::1]. A segment ":name" stands for params.name, percent-encoded.
[[nodiscard]] HttpEndpoint parse_http_endpoint(PolicyReader& reader, const Node& node);

}  // namespace mixguard::policy
