// SPDX-License-Identifier: Apache-2.0
#include "sandbox/dial.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

namespace mixguard::sandbox {

Dial::Dial(EventLoop& loop, std::vector<Address> addresses, Done done)
    : loop_(loop), addresses_(std::move(addresses)), done_(std::move(done)) {}

Dial::Dial(EventLoop& loop, UniqueFd under_way, Done done)
    : loop_(loop), fd_(std::move(under_way)), done_(std::move(done)) {}

Dial::~Dial() { drop(); }

void Dial::start() { fd_ ? wait_for_answer() : next(); }

void Dial::next() {
  while (tried_ < addresses_.size()) {
    const Address& address = addresses_[tried_++];
    fd_.reset(::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (fd_ && ::connect(fd_.get(), address.get(), address.size) == 0)
      return finish(std::move(fd_));
    if (fd_ && errno == EINPROGRESS) return wait_for_answer();
    error_ = errno;
    // A unix socket whose queue is full: nothing tells when it is not, so expire() tries again.
    if (error_ == EAGAIN && address.family() == AF_UNIX) {
      if (!is_queued_) deadline_ = Clock::now() + kEach;
      is_queued_ = true;
      return;
    }
  }
  finish(UniqueFd());
}

void Dial::wait_for_answer() {
  deadline_ = Clock::now() + kEach;
  if (auto watched = loop_.watch(fd_.get(), EPOLLOUT, [this](std::uint32_t) { answered(); });
      !watched) {
    error_ = watched.error().code;
    return next();
  }
  is_watched_ = true;
}

void Dial::answered() {
  int error = 0;
  socklen_t size = sizeof(error);
  ::getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  if (is_watched_) loop_.unwatch(fd_.get());
  is_watched_ = false;
  if (error == 0) return finish(std::move(fd_));
  error_ = error;
  next();
}

void Dial::expire(Clock::time_point now) {
  if (is_queued_ && now < deadline_) {
    --tried_;
    return next();
  }
  if ((!is_watched_ && !is_queued_) || now < deadline_) return;
  is_queued_ = false;
  drop();
  error_ = ETIMEDOUT;
  next();
}

void Dial::drop() {
  if (is_watched_) loop_.unwatch(fd_.get());
  is_watched_ = false;
  fd_.reset();
}

void Dial::finish(UniqueFd fd) {
  const Done done = std::exchange(done_, nullptr);
  const int error = error_;
  done(std::move(fd), error);
}

}  // namespace mixguard::sandbox
