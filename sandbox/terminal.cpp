// SPDX-License-Identifier: Apache-2.0
#include "sandbox/terminal.hpp"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <string>
#include <utility>

#include "sandbox/sys/syscall.hpp"

namespace mixguard::sandbox {
namespace {

// How long the end of a run waits for a terminal that takes nothing (Ctrl-S).
constexpr int kPatienceMs = 1000;
// How often a console in the background looks whether it has been given the terminal.
constexpr std::chrono::milliseconds kLookInterval{50};

Error from_errno(const std::string& action) {
  return Error{action + ": " + std::strerror(errno), errno};
}

// What the watcher is told.
constexpr char kRaw = 'r';
constexpr char kAsBefore = 'b';

bool in_foreground() { return ::tcgetpgrp(STDIN_FILENO) == ::getpgrp(); }

// From the background this would stop us (SIGTTOU).
void set_from_anywhere(const termios& settings) {
  sigset_t stop, saved;
  ::sigemptyset(&stop);
  ::sigaddset(&stop, SIGTTOU);
  ::sigprocmask(SIG_BLOCK, &stop, &saved);
  ::tcsetattr(STDIN_FILENO, TCSANOW, &settings);
  ::sigprocmask(SIG_SETMASK, &saved, nullptr);
}

// The process that outlives a supervisor that is killed. The kernel restores no terminal.
[[noreturn]] void watch(int pipe, const termios& settings) {
  ::prctl(PR_SET_NAME, "mixguard-tty");
  for (const int signal : {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTTOU, SIGTTIN, SIGTSTP})
    ::signal(signal, SIG_IGN);
  // Nothing else of the supervisor's may be kept open by us: others wait for its end.
  if (pipe != 3) ::dup2(pipe, 3);
  sys::close_range(4, ~0U, 0);
  char told = kAsBefore;
  while (true) {
    const ssize_t n = ::read(3, &told, 1);
    if (n < 0 && errno == EINTR) continue;
    if (n == 0 && told == kRaw) ::tcsetattr(STDIN_FILENO, TCSANOW, &settings);
    if (n <= 0) ::_exit(0);
  }
}

}  // namespace

KeptTerminalSettings::KeptTerminalSettings()
    : kept_(::isatty(STDIN_FILENO) != 0 && ::tcgetattr(STDIN_FILENO, &settings_) == 0) {}

KeptTerminalSettings::~KeptTerminalSettings() {
  if (kept_ && in_foreground()) set_from_anywhere(settings_);
}

bool PrivateTerminal::is_called_for() {
  struct stat input{};
  if (::isatty(STDIN_FILENO) == 0 || ::fstat(STDIN_FILENO, &input) != 0) return false;
  for (const int fd : {STDOUT_FILENO, STDERR_FILENO}) {
    struct stat info{};
    if (::isatty(fd) == 0 || ::fstat(fd, &info) != 0 || info.st_rdev != input.st_rdev) return false;
  }
  return in_foreground();
}

Result<std::unique_ptr<PrivateTerminal>> PrivateTerminal::create() {
  std::unique_ptr<PrivateTerminal> terminal(new PrivateTerminal);
  winsize size{};
  if (::tcgetattr(STDIN_FILENO, &terminal->settings_) != 0 ||
      ::ioctl(STDIN_FILENO, TIOCGWINSZ, &size) != 0) {
    return tl::unexpected(from_errno("read the terminal's settings"));
  }
  terminal->outer_.reset(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK));
  if (!terminal->outer_ || ::grantpt(terminal->outer()) != 0 || ::unlockpt(terminal->outer()) != 0)
    return tl::unexpected(from_errno("make a pseudo-terminal"));
  terminal->inner_.reset(::ioctl(terminal->outer(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!terminal->inner_) return tl::unexpected(from_errno("open a pseudo-terminal"));
  ::tcsetattr(terminal->inner(), TCSANOW, &terminal->settings_);
  ::ioctl(terminal->inner(), TIOCSWINSZ, &size);
  if (auto watched = terminal->keep_watch(); !watched) return propagate(watched);
  return terminal;
}

Result<void> PrivateTerminal::keep_watch() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0)
    return tl::unexpected(from_errno("pipe for the terminal's watcher"));
  const UniqueFd read_end(ends[0]);
  watch_.reset(ends[1]);
  watcher_ = ::fork();
  if (watcher_ < 0) return tl::unexpected(from_errno("start the terminal's watcher"));
  if (watcher_ == 0) watch(read_end.get(), settings_);
  return {};
}

PrivateTerminal::~PrivateTerminal() {
  put_back();
  if (watcher_ <= 0) return;
  watch_.reset();
  while (::waitpid(watcher_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

// Our pipe holds more than we ever write, unless the watcher is gone.
void PrivateTerminal::tell_watcher(char state) {
  if (::write(watch_.get(), &state, 1) < 0) watch_.reset();
}

void PrivateTerminal::make_raw() {
  termios raw = settings_;
  ::cfmakeraw(&raw);
  tell_watcher(kRaw);
  raw_ = true;
  ::tcsetattr(STDIN_FILENO, TCSANOW, &raw);  // in the background: stops us until we are not
}

void PrivateTerminal::put_back() {
  if (!std::exchange(raw_, false)) return;  // somebody else's by now, as it may be
  set_from_anywhere(settings_);
  tell_watcher(kAsBefore);
}

Result<void> PrivateTerminal::start(EventLoop& loop, ByteRelay::Admit admit) {
  inner_.reset();
  UniqueFd keys(::open("/proc/self/fd/0", O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!keys) keys.reset(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3));
  UniqueFd screen(::fcntl(outer(), F_DUPFD_CLOEXEC, 3));
  if (!keys || !screen) return tl::unexpected(from_errno("open the terminal"));
  input_ =
      std::make_unique<ByteRelay>(loop, std::move(keys), outer(), nullptr, ByteRelay::Sink::kOurs);
  output_ = std::make_unique<ByteRelay>(loop, std::move(screen), STDOUT_FILENO, std::move(admit));
  loop_ = &loop;
  make_raw();
  if (auto started = input_->start(); !started) return started;
  return output_->start();
}

void PrivateTerminal::drain() {
  stop_looking();
  if (output_) output_->drain(kPatienceMs);
  input_.reset();
  output_.reset();
}

void PrivateTerminal::follow_size() const {
  winsize size{};
  if (::ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0) ::ioctl(outer(), TIOCSWINSZ, &size);
}

void PrivateTerminal::stop_with_command() {
  stop_looking();
  if (input_) input_->pause();
  put_back();
  // To the whole group, as the terminal would: a script that started us stops, too.
  sigset_t stop, saved;
  ::sigemptyset(&stop);
  ::sigaddset(&stop, SIGTSTP);
  ::kill(0, SIGTSTP);
  ::sigprocmask(SIG_UNBLOCK, &stop, &saved);  // stops here
  ::sigprocmask(SIG_SETMASK, &saved, nullptr);
  if (in_foreground()) return take_up();
  await_foreground();
}

void PrivateTerminal::take_up() {
  stop_looking();
  make_raw();
  follow_size();
  if (input_) input_->resume();
}

// No event tells of it: a shell sends SIGCONT only to what it takes for stopped.
void PrivateTerminal::await_foreground() {
  Result<Timer> timer = Timer::create();
  const auto look = [this](auto) {
    if (look_.expired() && in_foreground()) take_up();
  };
  // Without a timer: stopped until we are in the foreground.
  if (!timer || !loop_->watch(timer->fd(), EPOLLIN, look)) return take_up();
  look_ = std::move(*timer);
  look_.every(kLookInterval);
}

void PrivateTerminal::stop_looking() {
  if (look_) loop_->unwatch(look_.fd());
  look_ = Timer();
}

}  // namespace mixguard::sandbox
