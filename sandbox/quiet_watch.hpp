// SPDX-License-Identifier: Apache-2.0
#pragma once

// Tells when a run that goes on has come to rest for the first time: a server that has compiled and
// waits for requests, a console that waits for its person. Nothing says so to the outside; what can
// be seen is that the run uses next to no CPU time for most of a second, and does not wait for any.

#include <sys/types.h>

#include <functional>

#include "policy/result.hpp"
#include "sandbox/event_loop.hpp"
#include "sandbox/timer.hpp"
#include "sandbox/usage.hpp"

namespace mixguard::sandbox {

class QuietWatch {
 public:
  explicit QuietWatch(pid_t init) : meter_(init) {}

  // Calls `at_rest` once: when the run is quiet, or when it has not been for a minute.
  Result<void> start(EventLoop& loop, std::function<void()> at_rest);

 private:
  [[nodiscard]] bool is_over();

  UsageMeter meter_;
  Timer timer_;
  std::uint64_t cpu_ms_ = 0;
  int looks_ = 0, quiet_looks_ = 0;
};

}  // namespace mixguard::sandbox
