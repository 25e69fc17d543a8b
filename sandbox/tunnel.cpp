// SPDX-License-Identifier: Apache-2.0
#include "sandbox/tunnel.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>
#include <utility>

namespace mixguard::sandbox {
namespace {

// Other connections have their turn after so many full buffers.
constexpr int kRounds = 8;

bool would_block() { return errno == EAGAIN; }

ssize_t send_some(int fd, std::string_view bytes) {
  ssize_t n = 0;
  do {
    n = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  } while (n < 0 && errno == EINTR);
  return n;
}

}  // namespace

void close_with_reset(UniqueFd& fd) {
  const linger now{1, 0};
  if (fd) ::setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &now, sizeof(now));
  fd.reset();
}

Tunnel::Tunnel(EventLoop& loop, UniqueFd inner, UniqueFd outer, std::function<void()> on_end)
    : loop_(loop), on_end_(std::move(on_end)) {
  inner_.fd = std::move(inner);
  outer_.fd = std::move(outer);
  // Small messages go at once, as they would between the two ends themselves. Fails on unix
  // sockets, which do so anyway.
  const int on = 1;
  for (const Side* side : {&inner_, &outer_})
    ::setsockopt(side->fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

Tunnel::~Tunnel() {
  for (const Side* side : {&inner_, &outer_}) {
    if (side->interest != 0) loop_.unwatch(side->fd.get());
  }
}

void Tunnel::start(std::string to_outer, std::string to_inner) {
  outer_.pending = std::move(to_outer);
  inner_.pending = std::move(to_inner);
  if (!pump(inner_, outer_) || !pump(outer_, inner_)) return end(true);
  settle();
}

void Tunnel::ready(Side& side, Side& other, std::uint32_t events) {
  const bool is_broken = (events & (EPOLLERR | EPOLLHUP)) != 0;
  if ((is_broken || (events & EPOLLIN) != 0) && !pump(side, other)) return end(true);
  if ((is_broken || (events & EPOLLOUT) != 0) && !pump(other, side)) return end(true);
  settle();
}

// Moves what can be moved. False when `from` failed: half of what was sent must not look like all.
bool Tunnel::pump(Side& from, Side& to) {
  __attribute__((uninitialized)) std::array<char, kMaxPending> buffer;
  for (int round = 0; round < kRounds; ++round) {
    if (!flush(to)) give_up_writing(from, to);
    if (!to.pending.empty()) return true;
    ssize_t n = 0;
    if (!from.has_ended) n = ::read(from.fd.get(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return would_block();
    // At once, not in the next round, which may never come: nothing is waited for any more.
    if (n == 0) {
      from.has_ended = true;
      if (!to.is_shut) ::shutdown(to.fd.get(), SHUT_WR);
      to.is_shut = true;
      return true;
    }
    const std::string_view bytes(buffer.data(), static_cast<std::size_t>(n));
    const ssize_t sent = send_some(to.fd.get(), bytes);
    if (sent < 0 && !would_block()) {
      give_up_writing(from, to);
      continue;
    }
    to.pending.assign(bytes.substr(static_cast<std::size_t>(sent < 0 ? 0 : sent)));
  }
  return true;
}

bool Tunnel::flush(Side& to) {
  while (!to.pending.empty()) {
    const ssize_t sent = send_some(to.fd.get(), to.pending);
    if (sent < 0) return would_block();
    to.pending.erase(0, static_cast<std::size_t>(sent));
  }
  return true;
}

// The reader is gone. What it said before may still be on its way to the other side, which is read
// no longer.
void Tunnel::give_up_writing(Side& from, Side& to) {
  to.pending.clear();
  to.is_shut = true;
  from.has_ended = true;
}

void Tunnel::settle() {
  if (inner_.has_ended && outer_.has_ended && inner_.pending.empty() && outer_.pending.empty())
    return end(false);
  update(inner_, outer_);
  update(outer_, inner_);
}

// A descriptor that nothing is wanted of is not watched at all: epoll would report its hang-up
// without end.
void Tunnel::update(Side& side, const Side& other) {
  std::uint32_t interest = 0;
  if (!side.has_ended && other.pending.empty()) interest |= EPOLLIN;
  if (!side.pending.empty()) interest |= EPOLLOUT;
  if (interest == side.interest) return;
  Side& peer = &side == &inner_ ? outer_ : inner_;
  if (side.interest == 0) {
    watch(side, peer, interest);
  } else if (interest == 0) {
    loop_.unwatch(side.fd.get());
  } else {
    loop_.change(side.fd.get(), interest);
  }
  side.interest = interest;
}

void Tunnel::watch(Side& side, Side& other, std::uint32_t interest) {
  auto watched = loop_.watch(side.fd.get(), interest, [this, &side, &other](std::uint32_t events) {
    ready(side, other, events);
  });
  // Out of memory for one more watch: reading it fails next, and that ends the tunnel.
  if (!watched) side.has_ended = true;
}

void Tunnel::end(bool with_reset) {
  for (Side* side : {&inner_, &outer_}) {
    if (side->interest != 0) loop_.unwatch(side->fd.get());
    side->interest = 0;
    if (with_reset) close_with_reset(side->fd);
    side->fd.reset();
  }
  if (!on_end_) return;
  const std::function<void()> on_end = std::exchange(on_end_, nullptr);
  on_end();
}

}  // namespace mixguard::sandbox
