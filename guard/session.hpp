// SPDX-License-Identifier: Apache-2.0
#pragma once

// One guarded command from the question to the record:
//   decide -> remember -> run confined -> commit or discard -> write down.

#include <chrono>
#include <optional>
#include <string>

#include "guard/output/console.hpp"
#include "guard/request.hpp"

namespace mixguard::guard {

struct RunOptions {
  RequestOptions request;
  bool dry_run = false;  // show the difference, commit nothing
  bool strict =
      false;  // anything that may not be committed fails the run, and nothing is committed
  std::optional<std::chrono::milliseconds> timeout;  // narrows the policy's wall-clock limit
  std::string ticket;                                // --ticket: a change ticket, for the record
  int status_fd = -1;
};

// Runs the command and returns mixguard's exit code (guard/exit_code.hpp). Says on standard error
// what the person needs to know and nothing else: an allowed command that succeeds looks as it does
// without mixguard. Under --json standard output gets one document, and the command's own output
// goes to standard error.
int run_session(const RunOptions& options, Console& console);

}  // namespace mixguard::guard
