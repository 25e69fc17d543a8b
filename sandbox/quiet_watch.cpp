// SPDX-License-Identifier: Apache-2.0
#include "sandbox/quiet_watch.hpp"

#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

namespace mixguard::sandbox {
namespace {

constexpr int kIntervalMs = 200;
constexpr int kQuietLooks = 4;                    // in a row
constexpr int kMostLooks = 60'000 / kIntervalMs;  // a run that computes for ever has no rest
constexpr std::uint64_t kRestMs = 10;             // of CPU time in an interval: one clock tick
constexpr std::uint64_t kMostProcesses = 1000;

}  // namespace

Result<void> QuietWatch::start(EventLoop& loop, std::function<void()> at_rest) {
  timer_.reset(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  if (!timer_) return fail("make a timer: " + std::string(std::strerror(errno)), errno);
  constexpr timespec kInterval{0, kIntervalMs * 1'000'000L};
  const itimerspec repeated{kInterval, kInterval};
  ::timerfd_settime(timer_.get(), 0, &repeated, nullptr);
  return loop.watch(timer_.get(), EPOLLIN, [this, &loop, at_rest = std::move(at_rest)](auto) {
    std::uint64_t expirations = 0;
    if (::read(timer_.get(), &expirations, sizeof(expirations)) < 0 || !is_over()) return;
    loop.unwatch(timer_.get());
    at_rest();
  });
}

bool QuietWatch::is_over() {
  const std::uint64_t before = std::exchange(cpu_ms_, meter_.sample(kMostProcesses).cpu_ms);
  // What has not used any time has not begun.
  const bool quiet = cpu_ms_ > kRestMs && cpu_ms_ <= before + kRestMs;
  quiet_looks_ = quiet ? quiet_looks_ + 1 : 0;
  return quiet_looks_ >= kQuietLooks || ++looks_ >= kMostLooks;
}

}  // namespace mixguard::sandbox
