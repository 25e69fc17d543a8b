// SPDX-License-Identifier: Apache-2.0
#include "sandbox/timer.hpp"

#include <sys/timerfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>

namespace mixguard::sandbox {
namespace {

timespec to_timespec(std::chrono::milliseconds time) {
  return {time.count() / 1000, time.count() % 1000 * 1'000'000L};
}

}  // namespace

Result<Timer> Timer::create() {
  Timer timer;
  timer.fd_.reset(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  if (!timer.fd_) return fail("make a timer: " + std::string(std::strerror(errno)), errno);
  return timer;
}

void Timer::every(std::chrono::milliseconds interval) const {
  const itimerspec when{to_timespec(interval), to_timespec(interval)};
  ::timerfd_settime(fd_.get(), 0, &when, nullptr);
}

void Timer::once(std::chrono::milliseconds delay) const {
  const itimerspec when{{}, to_timespec(delay)};
  ::timerfd_settime(fd_.get(), 0, &when, nullptr);
}

bool Timer::expired() const {
  std::uint64_t expirations = 0;
  return ::read(fd_.get(), &expirations, sizeof(expirations)) > 0;
}

}  // namespace mixguard::sandbox
