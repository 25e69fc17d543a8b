// SPDX-License-Identifier: Apache-2.0
#pragma once

// The system calls that no Mix command needs and that would weaken another layer. A deny list over
// "allow": the BEAM, NIFs and everything that System.cmd may start have to work unchanged, and
// rights come from the namespaces and Landlock; this closes the doors beside them. Built by
// libseccomp in the parent, so that the child only loads an array.

#include <linux/filter.h>

#include <vector>

#include "policy/result.hpp"

namespace mixguard::sandbox {

struct SeccompOptions {
  bool udp = true;  // socket(AF_INET, SOCK_DGRAM): off where no network namespace stands behind it
};

// The program, for SECCOMP_SET_MODE_FILTER. Foreign architectures and the x32 ABI are killed;
// numbers that this build does not know answer ENOSYS, as an older kernel would.
Result<std::vector<sock_filter>> build_seccomp_filter(const SeccompOptions& options);

}  // namespace mixguard::sandbox
