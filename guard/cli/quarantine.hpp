// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "guard/cli/verb.hpp"
#include "guard/output/console.hpp"

namespace mixguard::guard::cli {

// `snapshot show ID --quarantine`: every path that the run made and that was not committed, with
// what it is, its size and why. "last" is the newest run that has any. Returns the exit code.
int show_quarantine(const Invocation& invocation, const std::string& run_id, Console& console);

}  // namespace mixguard::guard::cli
