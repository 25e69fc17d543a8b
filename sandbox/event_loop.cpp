// SPDX-License-Identifier: Apache-2.0
#include "sandbox/event_loop.hpp"

#include <sys/epoll.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>

namespace mixguard::sandbox {
namespace {

epoll_event event_of(int fd, std::uint32_t generation, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = (std::uint64_t{generation} << 32) | static_cast<std::uint32_t>(fd);
  return event;
}

}  // namespace

Result<EventLoop> EventLoop::create() {
  UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll) return fail("epoll_create1: " + std::string(std::strerror(errno)), errno);
  return EventLoop(std::move(epoll));
}

Result<void> EventLoop::watch(int fd, std::uint32_t events, Handler handler) {
  epoll_event event = event_of(fd, ++generation_, events);
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
    return fail("watch descriptor " + std::to_string(fd) + ": " + std::strerror(errno), errno);
  }
  watches_[fd] = std::make_shared<Watch>(Watch{generation_, std::move(handler)});
  return {};
}

void EventLoop::change(int fd, std::uint32_t events) {
  const auto found = watches_.find(fd);
  if (found == watches_.end()) return;
  epoll_event event = event_of(fd, found->second->generation, events);
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event);
}

void EventLoop::unwatch(int fd) {
  if (watches_.erase(fd) != 0) ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

void EventLoop::turn(int timeout_ms) {
  std::array<epoll_event, 32> events{};
  const int ready =
      ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), timeout_ms);
  for (int i = 0; i < ready; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    const auto found = watches_.find(static_cast<int>(event.data.u64 & 0xffffffffU));
    if (found == watches_.end() || found->second->generation != event.data.u64 >> 32) continue;
    const std::shared_ptr<Watch> held = found->second;  // it may unwatch itself
    held->handler(event.events);
  }
}

}  // namespace mixguard::sandbox
