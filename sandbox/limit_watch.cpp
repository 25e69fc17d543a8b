// SPDX-License-Identifier: Apache-2.0
#include "sandbox/limit_watch.hpp"

#include <sys/epoll.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <string>
#include <utility>

#include "policy/quantity.hpp"

namespace mixguard::sandbox {
namespace {

constexpr std::chrono::milliseconds kInterval{250};
constexpr std::chrono::milliseconds kNearInterval{50};
constexpr std::uint64_t kAnyNumber = 100'000;  // of processes, where no limit is set

constexpr std::uint64_t kMib = 1024 * 1024;

}  // namespace

std::string used_of(std::uint64_t used, std::uint64_t allowed) {
  // Bytes more than a MiB above say nothing to a person.
  const std::uint64_t rounded = used < 10 * kMib ? used : used / kMib * kMib;
  return policy::size_text(std::max(rounded, allowed)) + " of " + policy::size_text(allowed);
}

bool LimitWatch::counts_from_proc() const {
  return cgroup_ == nullptr &&
         (limits_.memory != 0 || limits_.processes != 0 || limits_.cpu_ms != 0);
}

Result<void> LimitWatch::start(EventLoop& loop, std::function<void(PassedLimit)> passed) {
  if (!counts_from_proc() && limits_.cpu_ms == 0) return {};
  Result<Timer> timer = Timer::create();
  if (!timer) return propagate(timer);
  timer_ = std::move(*timer);
  timer_.once(kNearInterval);
  return loop.watch(timer_.fd(), EPOLLIN, [this, &loop, passed = std::move(passed)](auto) {
    if (std::optional<PassedLimit> limit = look()) {
      loop.unwatch(timer_.fd());
      passed(std::move(*limit));
      return;
    }
    timer_.once(near_ ? kNearInterval : kInterval);
  });
}

std::optional<PassedLimit> LimitWatch::look() {
  Usage usage;
  if (cgroup_ != nullptr) {
    usage.cpu_ms = cgroup_->cpu_ms();
  } else {
    usage = meter_.sample(limits_.processes != 0 ? limits_.processes : kAnyNumber);
    if (limits_.processes != 0 && usage.processes > limits_.processes) {
      return PassedLimit{"processes", "more than " + std::to_string(limits_.processes)};
    }
    if (auto limit = judge_memory(usage.memory)) return limit;
  }
  if (limits_.cpu_ms != 0 && usage.cpu_ms > limits_.cpu_ms) {
    return PassedLimit{"cpu", policy::duration_text(usage.cpu_ms) + " of " +
                                  policy::duration_text(limits_.cpu_ms)};
  }
  return std::nullopt;
}

std::optional<PassedLimit> LimitWatch::judge_memory(std::uint64_t upper_bound) {
  near_ = limits_.memory != 0 && upper_bound > limits_.memory / 2;
  if (limits_.memory == 0 || upper_bound <= limits_.memory) return std::nullopt;
  // Where it is not to be had exactly, what is shared counts for each: strict rather than lax.
  const std::uint64_t used = meter_.exact_memory().value_or(upper_bound);
  if (used <= limits_.memory) return std::nullopt;
  return PassedLimit{"memory", used_of(used, limits_.memory)};
}

std::optional<PassedLimit> LimitWatch::at_end() const {
  if (cgroup_ == nullptr || limits_.memory == 0 || !cgroup_->ran_out_of_memory())
    return std::nullopt;
  return PassedLimit{"memory", "all of " + policy::size_text(limits_.memory)};
}

}  // namespace mixguard::sandbox
