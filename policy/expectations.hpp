// SPDX-License-Identifier: Apache-2.0
#pragma once

// [[expect]]: what a policy says of itself, tried at every load.

#include <vector>

#include "policy/engine.hpp"

namespace mixguard::policy {

// What `policy` says to the command of `expectation`, in an imaginary project.
[[nodiscard]] Decision try_expectation(const Policy& policy, const Expectation& expectation);

// Judges every expectation of `layer` under `policy`, in an imaginary project, and adds one error
// for each that fails.
void check_expectations(const Policy& policy, const Ruleset& layer,
                        std::vector<PolicyError>& errors);

}  // namespace mixguard::policy
