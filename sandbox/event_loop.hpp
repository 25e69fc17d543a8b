// SPDX-License-Identifier: Apache-2.0
#pragma once

// Waits for many descriptors at once and calls whoever watches them: what the supervisor of a run
// does while the command runs. One thread; nothing here blocks but turn(). It owns no descriptor
// but its own.

#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>

#include "policy/result.hpp"
#include "sandbox/sys/unique_fd.hpp"

namespace mixguard::sandbox {

class EventLoop {
 public:
  // `events`: the EPOLL* bits that are ready (epoll(7)); errors and hang-ups are always among them.
  using Handler = std::function<void(std::uint32_t events)>;

  static Result<EventLoop> create();

  // Calls `handler` whenever one of `events` is ready on `fd`, level-triggered, until unwatch().
  // The descriptor stays the caller's and must be unwatched before it is closed.
  Result<void> watch(int fd, std::uint32_t events, Handler handler);
  // Waits for other events on a watched descriptor.
  void change(int fd, std::uint32_t events);
  void unwatch(int fd);

  // Waits until something is ready, at most `timeout_ms` (-1: as long as it takes), and calls the
  // handlers. A handler may watch and unwatch anything, itself included. A signal ends the wait.
  void turn(int timeout_ms);

 private:
  explicit EventLoop(UniqueFd epoll) : epoll_(std::move(epoll)) {}

  struct Watch {
    std::uint32_t generation;  // tells a descriptor from the one that had its number before
    Handler handler;
  };
  UniqueFd epoll_;
  std::uint32_t generation_ = 0;
  std::unordered_map<int, std::shared_ptr<Watch>> watches_;
};

}  // namespace mixguard::sandbox
