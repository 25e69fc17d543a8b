// SPDX-License-Identifier: Apache-2.0
#pragma once

// mixguard's own exit codes. A guarded command's code is its own (128+n after a signal); these
// follow the convention of env(1), timeout(1) and nice(1) in GNU coreutils. `--status-fd` tells a
// command's 126 from ours.

namespace mixguard::guard {

enum ExitCode : int {
  kExitOk = 0,
  kExitUsage = 64,
  kExitApprovalNeeded = 120,
  kExitUntrusted = 121,
  kExitPolicyInvalid = 122,
  kExitNotCommitted = 123,
  kExitTimedOut = 124,
  kExitInternal = 125,
  kExitDenied = 126,
  kExitNotFound = 127,
  kExitLimit =
      137,  // a limit other than the wall clock: as after SIGKILL, with a line that names it
};

}  // namespace mixguard::guard
