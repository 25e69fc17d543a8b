// SPDX-License-Identifier: Apache-2.0
#pragma once

// The hard gates: what no argument of any command may be, whatever the policy says. Shell
// metacharacters are not here: whether a value may hold one is for its type to say
// (policy/values.hpp).

#include <optional>
#include <string>
#include <vector>

#include "policy/refusal.hpp"

namespace mixguard::policy {

// At most 64 arguments of at most 4,096 bytes, 65,536 in all (E_LIMIT); UTF-8 without invisible
// characters, and flag names in ASCII (E_UNICODE); no control characters (E_CONTROL).
[[nodiscard]] std::optional<Refusal> check_gates(const std::vector<std::string>& argv);

}  // namespace mixguard::policy
