// SPDX-License-Identifier: Apache-2.0
#pragma once

// A timer of the monotonic clock as a descriptor, for an EventLoop (timerfd_create(2)).

#include <chrono>

#include "policy/result.hpp"
#include "sandbox/sys/unique_fd.hpp"

namespace mixguard::sandbox {

class Timer {
 public:
  Timer() = default;  // none
  static Result<Timer> create();

  [[nodiscard]] int fd() const { return fd_.get(); }  // readable when it has expired
  explicit operator bool() const { return static_cast<bool>(fd_); }

  // From now on, in place of what was set before and not read yet; zero stops it.
  void every(std::chrono::milliseconds interval) const;
  void once(std::chrono::milliseconds delay) const;
  // Whether it has expired since it was set or asked last.
  [[nodiscard]] bool expired() const;

 private:
  UniqueFd fd_;
};

}  // namespace mixguard::sandbox
