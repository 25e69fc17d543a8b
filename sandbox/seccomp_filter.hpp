// SPDX-License-Identifier: Apache-2.0
#pragma once

// The system calls that no Mix command needs and that would weaken another layer. A deny list over
// "allow": the BEAM, NIFs and everything that System.cmd may start have to work unchanged, and
// rights come from the namespaces and Landlock; this closes the doors beside them. Compiled by
// libseccomp when mixguard is built (seccomp/generator.cpp): compiling takes two milliseconds, and
// the result is always the same.

#include <linux/filter.h>

#include <span>

namespace mixguard::sandbox {

struct SeccompOptions {
  // Off where none stand behind it: then no UDP, no System V IPC, and no limits and priorities of
  // other processes either.
  bool namespaces = true;
  // socket(AF_UNIX, SOCK_STREAM): for a run with a relayed unix socket, in a view of its own. Every
  // socket file that the view shows of the host can then be connected to; an overlay shows none.
  bool unix_stream = false;
};

// The program, for SECCOMP_SET_MODE_FILTER. Foreign architectures and the x32 ABI are killed;
// numbers that this build does not know answer ENOSYS, as an older kernel would.
[[nodiscard]] std::span<const sock_filter> seccomp_filter(const SeccompOptions& options);

// Tells a listener of every execve(2) and execveat(2), with `connections` of every connect(2) too,
// and lets everything else pass: for SECCOMP_FILTER_FLAG_NEW_LISTENER (Linux 5.0; answering with
// "continue" 5.5).
[[nodiscard]] std::span<const sock_filter> monitor_filter(bool connections);

}  // namespace mixguard::sandbox
