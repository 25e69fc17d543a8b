// SPDX-License-Identifier: Apache-2.0
#pragma once

// Connects to the first of several addresses that answers, without waiting.

#include <chrono>
#include <cstddef>
#include <functional>
#include <vector>

#include "sandbox/address.hpp"
#include "sandbox/event_loop.hpp"
#include "sandbox/sys/unique_fd.hpp"

namespace mixguard::sandbox {

class Dial {
 public:
  using Clock = std::chrono::steady_clock;
  // A connected, non-blocking socket; or none, and the errno of the last address.
  using Done = std::function<void(UniqueFd fd, int error)>;
  static constexpr std::chrono::seconds kEach{5};

  // `done` is called once, last thing, possibly from within start(): it may destroy the dial.
  Dial(EventLoop& loop, std::vector<Address> addresses, Done done);
  // Takes over a connect(2) that is under way.
  Dial(EventLoop& loop, UniqueFd under_way, Done done);
  ~Dial();
  Dial(const Dial&) = delete;
  Dial& operator=(const Dial&) = delete;

  void start();
  // Gives an address that has had its time up. May call `done`.
  void expire(Clock::time_point now);

 private:
  void next();
  void wait_for_answer();
  void answered();
  void drop();
  void finish(UniqueFd fd);

  EventLoop& loop_;
  std::vector<Address> addresses_;
  std::size_t tried_ = 0;
  UniqueFd fd_;
  bool is_watched_ = false;
  bool is_queued_ = false;  // for a unix socket whose queue is full
  int error_ = 0;
  Clock::time_point deadline_;
  Done done_;
};

}  // namespace mixguard::sandbox
