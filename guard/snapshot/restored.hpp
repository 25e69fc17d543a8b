// SPDX-License-Identifier: Apache-2.0
#pragma once

// Whether what a rollback put back is there.

#include <string>
#include <vector>

#include "guard/snapshot/store.hpp"
#include "policy/result.hpp"

namespace mixguard::guard {

// The paths of the run at which there is something else than what it put there, or that changed
// since. What it had to leave alone is none of them.
Result<std::vector<std::string>> not_as_put_back(const Store& store, const std::string& run_id);

// The newest run that is over, when it is a rollback; empty when it is not: what a rollback put
// back may be anything after another command.
Result<std::string> rollback_at_the_end(const Store& store);

}  // namespace mixguard::guard
