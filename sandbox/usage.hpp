// SPDX-License-Identifier: Apache-2.0
#pragma once

// What all processes of a run use together, added up from /proc: the way to hold a run to its
// limits where no cgroup does it. A sample is a moment's picture: what comes and goes between two
// of them is not in it, but for the CPU time of children that somebody waited for.

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace mixguard::sandbox {

struct Usage {
  std::uint64_t memory = 0;     // bytes: anonymous and shared memory, in core and swapped out
  std::uint64_t processes = 0;  // threads count, as they do for RLIMIT_NPROC and pids.max
  std::uint64_t cpu_ms = 0;     // user and system time since the run began
};

class UsageMeter {
 public:
  // `init` is the run's first process, of which all others descend. It is not counted.
  explicit UsageMeter(pid_t init) : init_(init) {}

  // Walks the tree. Memory that several processes share counts for each of them: an upper bound,
  // to be had for a few microseconds a process. Stops when it has seen more than `most` processes:
  // they can come faster than they are counted.
  Usage sample(std::uint64_t most);

  // The memory of the last sample's processes with shared pages counted once (proportional set
  // size, /proc/PID/smaps_rollup); nullopt where one of them may not be looked at. The kernel walks
  // the page tables for it: ask when it matters.
  [[nodiscard]] std::optional<std::uint64_t> exact_memory() const;

  // Whether a thread of the last sample's processes runs, waits for a processor or for a disk (R
  // and D of /proc/PID/task/TID/stat, proc(5)): on a busy machine it uses no time and is not done.
  [[nodiscard]] bool has_work() const;

  // Whether this machine lets a process list its children (CONFIG_PROC_CHILDREN, /proc mounted).
  [[nodiscard]] static bool is_possible();

 private:
  struct Process {
    std::uint64_t started = 0;  // tells a process from the one that had its id before
    std::uint64_t own_ticks = 0;
  };

  void visit(pid_t pid, Usage& usage, std::vector<pid_t>& pending);

  pid_t init_;
  std::vector<pid_t> members_;
  std::unordered_map<pid_t, Process> last_, now_;
  std::uint64_t gone_ticks_ = 0;    // last seen of processes that have ended
  std::uint64_t waited_ticks_ = 0;  // own and waited-for time, this sample
};

}  // namespace mixguard::sandbox
