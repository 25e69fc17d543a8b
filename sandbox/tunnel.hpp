// SPDX-License-Identifier: Apache-2.0
#pragma once

// Two connected sockets and the bytes between them, both ways. Bytes only: a descriptor that is
// sent along on a unix socket is dropped by read(2). Half a close is passed on as half a close, a
// reset as a reset. What one side does not take is kept, at most kMaxPending bytes a direction, and
// until it is taken nothing more is read from the other.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "sandbox/event_loop.hpp"
#include "sandbox/sys/unique_fd.hpp"

namespace mixguard::sandbox {

// Closes a connection so that the peer sees an error and not an end.
void close_with_reset(UniqueFd& fd);

class Tunnel {
 public:
  static constexpr std::size_t kMaxPending = std::size_t{64} * 1024;

  // Both descriptors are connected and non-blocking. `on_end` is called once, last thing: it may
  // destroy the tunnel.
  Tunnel(EventLoop& loop, UniqueFd inner, UniqueFd outer, std::function<void()> on_end);
  ~Tunnel();
  Tunnel(const Tunnel&) = delete;
  Tunnel& operator=(const Tunnel&) = delete;

  // `to_outer`, `to_inner`: bytes that go first. May end it at once.
  void start(std::string to_outer, std::string to_inner);

  // Nothing more will come from inside, and all of it has been passed on.
  [[nodiscard]] bool is_drained() const { return inner_.has_ended && outer_.pending.empty(); }

 private:
  struct Side {
    UniqueFd fd;
    std::string pending;     // to be written to it
    bool has_ended = false;  // nothing more is read from it
    bool is_shut = false;    // nothing more is written to it
    std::uint32_t interest = 0;
  };

  void ready(Side& side, Side& other, std::uint32_t events);
  bool pump(Side& from, Side& to);
  static bool flush(Side& to);
  static void give_up_writing(Side& from, Side& to);
  void update(Side& side, const Side& other);
  void watch(Side& side, Side& other, std::uint32_t interest);
  void settle();
  void end(bool with_reset);

  EventLoop& loop_;
  Side inner_, outer_;
  std::function<void()> on_end_;
};

}  // namespace mixguard::sandbox
