// SPDX-License-Identifier: Apache-2.0
#pragma once

// What `verify` and `rollback --verify` say of the project.

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "guard/cli/verb.hpp"
#include "guard/output/console.hpp"
#include "guard/verify.hpp"

namespace mixguard::guard::cli {

[[nodiscard]] nlohmann::ordered_json steps_json(const std::vector<VerifyStep>& steps);

// A line a step, on standard output.
void print_steps(const std::vector<VerifyStep>& steps, Console& console);

// All steps, with progress, recorded as "validated".
Result<std::vector<VerifyStep>> verify_and_record(const Store& store, const VerifyOptions& options,
                                                  Console& console);

}  // namespace mixguard::guard::cli
