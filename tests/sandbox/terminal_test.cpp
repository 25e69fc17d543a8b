// SPDX-License-Identifier: Apache-2.0
// The terminal that a command is started on. What a person sees of a private one is in
// tests/e2e/terminal.e2e.
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <functional>

#include "../helpers/faults.hpp"
#include "sandbox/terminal.hpp"
#include "support/box.hpp"
#include "support/mode.hpp"

using mixguard::sandbox::PrivateTerminal;
using mixguard::test::Box;
using mixguard::test::has_view;
using mixguard::test::make_fail;

namespace {

// Runs `body` in a process whose standard streams are a new terminal that controls it; whether it
// said true.
bool on_terminal(const std::function<bool()>& body) {
  int outer = -1;
  const pid_t pid = ::forkpty(&outer, nullptr, nullptr, nullptr);
  REQUIRE(pid >= 0);
  if (pid == 0) ::_exit(body() ? 0 : 1);
  int status = 0;
  ::waitpid(pid, &status, 0);
  ::close(outer);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool echoes() {
  termios settings{};
  return ::tcgetattr(STDIN_FILENO, &settings) == 0 && (settings.c_lflag & ECHO) != 0 &&
         (settings.c_oflag & OPOST) != 0;
}

}  // namespace

TEST_CASE("what a command does to the settings of its caller's terminal is undone", "[terminal]") {
  Box box;
  if (!has_view(box)) return;
  CHECK(on_terminal([&] { return box.bare({"spoil_terminal"}).worked() && !echoes(); }));
  CHECK(on_terminal([&] { return box.run({"spoil_terminal"}).worked() && echoes(); }));
}

TEST_CASE(
    "a private terminal is for a command whose streams are all one terminal in the foreground",
    "[terminal]") {
  CHECK(on_terminal([] { return PrivateTerminal::is_called_for(); }));
  CHECK(on_terminal([] {
    ::dup2(::open("/dev/null", O_WRONLY), STDERR_FILENO);
    return !PrivateTerminal::is_called_for();
  }));
  CHECK(on_terminal([] {
    ::signal(SIGTTOU, SIG_IGN);
    const pid_t other = ::fork();
    if (other == 0) ::_exit(::pause());
    const bool moved = ::setpgid(other, other) == 0 && ::tcsetpgrp(STDIN_FILENO, other) == 0;
    const bool background = moved && !PrivateTerminal::is_called_for();
    ::kill(other, SIGKILL);
    return background;
  }));
}

TEST_CASE("a private terminal has the caller's settings and size and puts them back",
          "[terminal]") {
  CHECK(on_terminal([] {
    const winsize size{31, 97, 0, 0};
    ::ioctl(STDIN_FILENO, TIOCSWINSZ, &size);
    auto loop = mixguard::sandbox::EventLoop::create();
    auto terminal = PrivateTerminal::create();
    if (!loop || !terminal) return false;
    winsize inner{};
    termios settings{};
    ::ioctl((*terminal)->inner(), TIOCGWINSZ, &inner);
    ::tcgetattr((*terminal)->inner(), &settings);
    const bool same = inner.ws_row == 31 && inner.ws_col == 97 && (settings.c_lflag & ECHO) != 0;
    const bool raw = (*terminal)->start(*loop, nullptr) && !echoes();
    terminal->reset();
    return same && raw && echoes();
  }));
}

TEST_CASE("sup_fail_closed: without its private terminal a command does not run", "[terminal]") {
  Box box;
  if (!has_view(box)) return;
  box.own_terminal = true;
  const auto error = [&](const std::vector<std::string>& faults) {
    CHECK(on_terminal([&] {
      static_cast<void>(make_fail(faults));
      box.write(box.path("error"), box.run({"write", box.project("lib/ran")}).error);
      return true;
    }));
    return Box::read(box.path("error"));
  };
  CHECK(error({"step:terminal"}) == "sandbox step terminal: Operation not permitted");
  CHECK_FALSE(Box::exists(box.landed("ran")));
  CHECK(error({}).empty());
  CHECK(Box::exists(box.landed("ran")));
}

TEST_CASE("a supervisor that is killed leaves the terminal as it was", "[terminal]") {
  CHECK(on_terminal([] {
    const pid_t supervisor = ::fork();
    if (supervisor == 0) {
      ::signal(SIGTTOU, SIG_IGN);
      auto loop = mixguard::sandbox::EventLoop::create();
      auto terminal = PrivateTerminal::create();
      static_cast<void>((*terminal)->start(*loop, nullptr));
      ::raise(SIGKILL);
    }
    ::waitpid(supervisor, nullptr, 0);
    for (int i = 0; i < 100 && !echoes(); ++i) ::usleep(10'000);
    return echoes();
  }));
}
