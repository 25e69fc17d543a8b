// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace mixguard::guard::cli {

// The whole command line: the first word decides whether it is a verb or a command to guard.
// Returns the exit code.
int run_app(int argc, char** argv);

}  // namespace mixguard::guard::cli
