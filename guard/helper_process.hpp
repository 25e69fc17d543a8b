// SPDX-License-Identifier: Apache-2.0
#pragma once

// Runs a trusted helper program outside the sandbox: the toolchain's own version query, the user's
// editor, later pg_dump and its kind. The only user of Boost.Process. The guarded command is never
// started here: Boost's child cannot be confined without failing open (docs/design/spawn.md).

#include <chrono>
#include <string>
#include <vector>

#include "policy/result.hpp"

namespace mixguard::guard {

struct HelperOutput {
  int exit_code = 0;
  std::string standard_output;  // at most 1 MiB
};

// Runs `program` (an absolute path) with `arguments`, an environment of just PATH and HOME, no
// standard input, standard error discarded. Ends it after `timeout`, which is then an Error.
Result<HelperOutput> run_helper(const std::string& program,
                                const std::vector<std::string>& arguments,
                                std::chrono::milliseconds timeout);

struct HelperResult {
  int exit_code = 0;
  std::string output;  // standard output and error together
};

// Runs `program` (a path) with our environment and without standard input, for as long as it takes,
// and keeps what it says.
Result<HelperResult> run_and_capture(const std::string& program,
                                     const std::vector<std::string>& arguments);

// Runs `program` (a path) for the person at the terminal, with our environment and for as long as
// it takes. What it prints goes to standard error: standard output is for results. Returns its exit
// code.
Result<int> run_on_terminal(const std::string& program, const std::vector<std::string>& arguments);

}  // namespace mixguard::guard
