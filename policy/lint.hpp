// SPDX-License-Identifier: Apache-2.0
#pragma once

// What is legal in a policy and still probably a mistake: regular expressions that match
// everything, rules that no command can reach, allow rules that
// take the bounds of their siblings away, tasks that the catalogue does not know under that
// name.

#include <cstdint>
#include <string>
#include <vector>

#include "policy/engine.hpp"

namespace mixguard::policy {

struct LintWarning {
  std::string file;
  std::uint32_t line = 0;
  std::string what;
};

// In file and line order. An empty result means nothing was found.
[[nodiscard]] std::vector<LintWarning> lint(const Policy& policy);

}  // namespace mixguard::policy
