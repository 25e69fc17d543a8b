// SPDX-License-Identifier: Apache-2.0
#pragma once

// One GET to an endpoint of a running project, as a policy names it: on a loopback address, bounded
// in time and size, redirects not followed. The answer's body is not read.

#include <chrono>
#include <string>

#include "policy/result.hpp"
#include "policy/ruleset.hpp"

namespace mixguard::guard {

struct Answer {
  bool connected = false;    // something listens there
  unsigned status = 0;       // 0: no answer that is HTTP came
  std::string content_type;  // in lower case, without parameters
  std::string trouble;       // why there is no status
};

// Asks `endpoint` within `limit`. "localhost" is 127.0.0.1, and [::1] where nothing listens there.
[[nodiscard]] Answer ask(const policy::HttpEndpoint& endpoint, std::chrono::milliseconds limit);

// What ask() asks for, parameters and query filled in.
[[nodiscard]] std::string asked_url(const policy::HttpEndpoint& endpoint);

// What is wrong with the answer; empty when it is as the policy expects.
[[nodiscard]] std::string mismatch(const policy::HttpEndpoint& endpoint, const Answer& answer);

}  // namespace mixguard::guard
