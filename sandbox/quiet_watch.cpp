// SPDX-License-Identifier: Apache-2.0
#include "sandbox/quiet_watch.hpp"

#include <sys/epoll.h>

#include <chrono>
#include <utility>

namespace mixguard::sandbox {
namespace {

constexpr std::chrono::milliseconds kInterval{200};
constexpr int kQuietLooks = 4;  // in a row
// A run that computes for ever has no rest.
constexpr int kMostLooks = std::chrono::minutes(1) / kInterval;
constexpr std::uint64_t kRestMs = 10;  // of CPU time in an interval: one clock tick
constexpr std::uint64_t kMostProcesses = 1000;

}  // namespace

Result<void> QuietWatch::start(EventLoop& loop, std::function<void()> at_rest) {
  Result<Timer> timer = Timer::create();
  if (!timer) return propagate(timer);
  timer_ = std::move(*timer);
  timer_.every(kInterval);
  return loop.watch(timer_.fd(), EPOLLIN, [this, &loop, at_rest = std::move(at_rest)](auto) {
    if (!timer_.expired() || !is_over()) return;
    loop.unwatch(timer_.fd());
    at_rest();
  });
}

bool QuietWatch::is_over() {
  const std::uint64_t before = std::exchange(cpu_ms_, meter_.sample(kMostProcesses).cpu_ms);
  // What has not used any time has not begun.
  const bool quiet = cpu_ms_ > kRestMs && cpu_ms_ <= before + kRestMs && !meter_.has_work();
  quiet_looks_ = quiet ? quiet_looks_ + 1 : 0;
  return quiet_looks_ >= kQuietLooks || ++looks_ >= kMostLooks;
}

}  // namespace mixguard::sandbox
