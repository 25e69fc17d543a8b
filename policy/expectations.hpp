// SPDX-License-Identifier: Apache-2.0
#pragma once

// [[expect]]: what a policy says of itself, tried at every load.

#include <map>
#include <string>
#include <vector>

#include "policy/engine.hpp"

namespace mixguard::policy {

// An imaginary project, in which only `environment` is known of the variables, and a path of an
// [[exec]] rule is the program of its last component.
[[nodiscard]] Facts imaginary_facts(const Policy& policy, const std::string& program,
                                    const std::map<std::string, std::string>& environment);

// What `policy` says to the command of `expectation`, in an imaginary project.
[[nodiscard]] Decision try_expectation(const Policy& policy, const Expectation& expectation);

// Judges every expectation of `layer` under `policy`, in an imaginary project, and adds one error
// for each that fails.
void check_expectations(const Policy& policy, const Ruleset& layer,
                        std::vector<PolicyError>& errors);

}  // namespace mixguard::policy
