// SPDX-License-Identifier: Apache-2.0
#pragma once

// Who started whom, as /proc tells it: an `ask` must not be answered by what asked.

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "policy/result.hpp"

namespace mixguard::guard {

// One process, as proc_pid_stat(5) shows it. A pid is used again; with `started` (clock ticks since
// boot) it names one process.
struct Process {
  pid_t pid = 0;
  pid_t parent = 0;
  pid_t session = 0;
  int terminal = 0;  // device number of the controlling terminal, 0 for none
  std::uint64_t started = 0;
  uid_t uid = 0;  // effective

  [[nodiscard]] bool is(const Process& other) const {
    return pid == other.pid && started == other.started;
  }
};

// The pid namespace of this process (namespaces(7)); pids of another one say nothing here.
[[nodiscard]] std::uint64_t pid_namespace();

// The process, what started it, and so on up to what has no parent here: init, or what came into
// this pid namespace from outside. Fails where /proc cannot be read to the end.
Result<std::vector<Process>> lineage_of(pid_t pid);

// Why `approver` is no independent hand, for people; empty when it is one. Both are lineages in one
// pid namespace. It must not share the asker's terminal, nor come from the asker: the nearest
// ancestor that both have in common must not be in the asker's session, have a terminal of its own
// (then it is what runs the asker in that terminal), or be what detached the asker into a session
// without a terminal. Of the last kind init and its children are exempt, where init belongs to
// somebody else: a service manager, a multiplexer and sshd are where people's terminals come from.
// Nothing in common is what comes into a container from outside.
//
// What this does not stop: a process of the same user that first makes itself a child of init
// (double fork). Such a process could write the user's files as well; docs/design/approvals.md.
[[nodiscard]] std::string why_same_hand(const std::vector<Process>& asker,
                                        const std::vector<Process>& approver);

}  // namespace mixguard::guard
