// SPDX-License-Identifier: Apache-2.0
#include "sandbox/output_relay.hpp"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

namespace mixguard::sandbox {
namespace {

// How long the end of a run waits for a reader that takes nothing.
constexpr int kPatienceMs = 5000;

}  // namespace

ByteRelay::ByteRelay(EventLoop& loop, UniqueFd source, int sink, Admit admit, Sink whose)
    : loop_(loop), source_(std::move(source)), sink_(sink), admit_(std::move(admit)) {
  struct stat info{};
  if (whose == Sink::kOurs) {
    kind_ = SinkKind::kOwn;
    return;
  }
  if (::fstat(sink_, &info) != 0) return;
  if (S_ISSOCK(info.st_mode)) {
    kind_ = SinkKind::kSocket;
  } else if (S_ISREG(info.st_mode) || S_ISBLK(info.st_mode)) {
    kind_ = SinkKind::kFile;
  } else {
    const std::string path = "/proc/self/fd/" + std::to_string(sink_);
    own_sink_.reset(::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    if (own_sink_) kind_ = SinkKind::kOwn;
  }
}

ByteRelay::~ByteRelay() { finish(); }

Result<void> ByteRelay::start() {
  waiting_for_ = source_.get();
  return loop_.watch(source_.get(), EPOLLIN, [this](auto) { pump(); });
}

void ByteRelay::pause() {
  if (waiting_for_ >= 0) loop_.unwatch(std::exchange(waiting_for_, -1));
}

void ByteRelay::resume() {
  if (!source_ || waiting_for_ >= 0) return;
  if (begin_ != end_) return pump();
  wait_for(source_.get(), EPOLLIN);
}

void ByteRelay::finish() {
  pause();
  source_.reset();
}

void ByteRelay::wait_for(int fd, std::uint32_t events) {
  if (waiting_for_ == fd) return;
  if (waiting_for_ >= 0) loop_.unwatch(waiting_for_);
  waiting_for_ = fd;
  // A sink that cannot be watched (a device without poll) never makes anybody wait.
  if (!loop_.watch(fd, events, [this](auto) { pump(); })) waiting_for_ = -1;
}

// One chunk at a time: signals and limits have their turn in between.
void ByteRelay::pump() {
  if (begin_ == end_ && !last_) {
    switch (read_some()) {
      case Step::kWouldBlock:
        return wait_for(source_.get(), EPOLLIN);
      case Step::kOver:
        return finish();
      case Step::kDone:
        break;
    }
  }
  switch (write_some()) {
    case Step::kWouldBlock:
      return wait_for(sink(), EPOLLOUT);
    case Step::kOver:
      return finish();
    case Step::kDone:
      break;
  }
  if (last_) return finish();
  wait_for(source_.get(), EPOLLIN);
}

ByteRelay::Step ByteRelay::read_some() {
  const ssize_t n = ::read(source_.get(), buffer_.data(), buffer_.size());
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return Step::kWouldBlock;
  if (n <= 0) return Step::kOver;  // EIO: the last one closed the terminal's other side
  begin_ = 0;
  const auto come = static_cast<std::size_t>(n);
  end_ = admit_ ? std::min(admit_(come), come) : come;
  last_ = end_ < come;
  return Step::kDone;
}

ssize_t ByteRelay::write_without_waiting(const char* data, std::size_t size) const {
  switch (kind_) {
    case SinkKind::kSocket:
      return ::send(sink_, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    case SinkKind::kFile:
    case SinkKind::kOwn:
      return ::write(sink(), data, size);
    case SinkKind::kShared:
      break;
  }
  // Somebody else's pipe that we may not open again: it has room for this much when it says so.
  pollfd ready{sink_, POLLOUT, 0};
  if (::poll(&ready, 1, 0) == 0) {
    errno = EAGAIN;
    return -1;
  }
  return ::write(sink_, data, std::min<std::size_t>(size, PIPE_BUF));
}

ByteRelay::Step ByteRelay::write_some() {
  while (begin_ < end_) {
    const ssize_t n = write_without_waiting(buffer_.data() + begin_, end_ - begin_);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return Step::kWouldBlock;
    if (n < 0) return Step::kOver;  // the reader is gone: so is the command's
    begin_ += static_cast<std::size_t>(n);
  }
  return Step::kDone;
}

void ByteRelay::drain(int patience_ms) {
  while (source_) {
    pump();
    if (!source_ || waiting_for_ == source_.get()) {
      // Nobody writes any more: what is not there now will not come.
      pollfd more{source_.get(), POLLIN, 0};
      if (!source_ || ::poll(&more, 1, 0) <= 0) return finish();
      continue;
    }
    pollfd room{sink(), POLLOUT, 0};
    if (::poll(&room, 1, patience_ms) <= 0) return finish();
  }
}

SigpipeIgnored::SigpipeIgnored() : saved_{} {
  struct sigaction ignore{};
  ignore.sa_handler = SIG_IGN;
  ::sigaction(SIGPIPE, &ignore, &saved_);
}

SigpipeIgnored::~SigpipeIgnored() { ::sigaction(SIGPIPE, &saved_, nullptr); }

Result<std::unique_ptr<OutputRelay>> OutputRelay::create() {
  std::unique_ptr<OutputRelay> relay(new OutputRelay);
  for (std::size_t i = 0; i < 2; ++i) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0)
      return fail("pipe for the command's output: " + std::string(std::strerror(errno)), errno);
    relay->readers_[i].reset(ends[0]);
    relay->writers_[i].reset(ends[1]);
    ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
  }
  return relay;
}

OutputRelay::~OutputRelay() = default;

Result<void> OutputRelay::start(EventLoop& loop, const ByteRelay::Admit& admit) {
  for (std::size_t i = 0; i < 2; ++i) {
    writers_[i].reset();
    const int sink = i == 0 ? STDOUT_FILENO : STDERR_FILENO;
    relays_[i] = std::make_unique<ByteRelay>(loop, std::move(readers_[i]), sink, admit);
    if (auto started = relays_[i]->start(); !started) return started;
  }
  return {};
}

void OutputRelay::drain() {
  for (const auto& relay : relays_) {
    if (relay) relay->drain(kPatienceMs);
  }
}

}  // namespace mixguard::sandbox
