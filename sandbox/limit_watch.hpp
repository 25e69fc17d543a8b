// SPDX-License-Identifier: Apache-2.0
#pragma once

// Holds a run as a whole to its limits of memory, processes and CPU time, by looking at it a few
// times a second from the supervisor's event loop. What a cgroup counts is left to the kernel; the
// rest is added up from /proc, so that a run can pass a limit by what it gets hold of in an
// interval. It only says that a limit is passed; ending the run is the caller's.

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>

#include "policy/confinement.hpp"
#include "policy/result.hpp"
#include "sandbox/cgroup.hpp"
#include "sandbox/event_loop.hpp"
#include "sandbox/timer.hpp"
#include "sandbox/usage.hpp"

namespace mixguard::sandbox {

// A limit that a run has passed.
struct PassedLimit {
  std::string name;    // as in [limits]: "memory", "processes", "cpu", "output"
  std::string detail;  // "3GiB of 2GiB"
};

// "memory: 3GiB of 2GiB" without the name: what was used, rounded, of what was allowed.
[[nodiscard]] std::string used_of(std::uint64_t used, std::uint64_t allowed);

class LimitWatch {
 public:
  // `cgroup` may be null, and outlives the watch. `init` as in UsageMeter.
  LimitWatch(const policy::Limits& limits, pid_t init, const RunCgroup* cgroup)
      : limits_(limits), cgroup_(cgroup), meter_(init) {}

  // Looks every so often until the loop is gone, when there is something to watch. Calls `passed`
  // at most once.
  Result<void> start(EventLoop& loop, std::function<void(PassedLimit)> passed);

  // What the cgroup's own events say at the end of a run.
  [[nodiscard]] std::optional<PassedLimit> at_end() const;

 private:
  [[nodiscard]] std::optional<PassedLimit> look();
  [[nodiscard]] std::optional<PassedLimit> judge_memory(std::uint64_t upper_bound);
  [[nodiscard]] bool counts_from_proc() const;

  policy::Limits limits_;
  const RunCgroup* cgroup_;
  UsageMeter meter_;
  Timer timer_;
  bool near_ = false;  // more than half of the memory is in use: look more often
};

}  // namespace mixguard::sandbox
