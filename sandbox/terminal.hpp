// SPDX-License-Identifier: Apache-2.0
#pragma once

// A terminal of its own for a command that runs on one for long: a console, a server. The command
// gets a pseudo-terminal, and the supervisor passes bytes between it and the caller's terminal,
// unchanged: the command has no descriptor of the caller's terminal, cannot change its settings,
// does not belong to its session, and loses its own when the run ends. What it writes is not
// filtered: escape sequences reach the terminal as they would without it.

#include <sys/types.h>
#include <termios.h>

#include <memory>

#include "policy/result.hpp"
#include "sandbox/event_loop.hpp"
#include "sandbox/output_relay.hpp"
#include "sandbox/sys/unique_fd.hpp"
#include "sandbox/timer.hpp"

namespace mixguard::sandbox {

// Puts the settings of the caller's terminal back as they were, if it has one and is in its
// foreground: a command that is killed leaves it without echo, or without line ends.
class KeptTerminalSettings {
 public:
  KeptTerminalSettings();
  ~KeptTerminalSettings();
  KeptTerminalSettings(const KeptTerminalSettings&) = delete;
  KeptTerminalSettings& operator=(const KeptTerminalSettings&) = delete;

 private:
  termios settings_{};
  bool kept_;  // after the settings, which it is read into
};

class PrivateTerminal {
 public:
  // Whether standard input, output and error are one terminal that this process is in the
  // foreground of: a pipe or a file among them is for the command itself.
  [[nodiscard]] static bool is_called_for();

  // Makes the pseudo-terminal with the caller's settings and size.
  static Result<std::unique_ptr<PrivateTerminal>> create();
  // Puts the caller's terminal back as it was.
  ~PrivateTerminal();
  PrivateTerminal(const PrivateTerminal&) = delete;
  PrivateTerminal& operator=(const PrivateTerminal&) = delete;

  [[nodiscard]] int inner() const { return inner_.get(); }  // the command's side; closed by start()
  [[nodiscard]] int outer() const { return outer_.get(); }  // ours

  // Relays while `loop` turns. The caller's terminal is raw from now on: its special characters
  // mean something to the inner one only.
  Result<void> start(EventLoop& loop, ByteRelay::Admit admit);
  void drain();

  void follow_size() const;
  // The command was stopped from its keyboard: stops this process's group as the caller's terminal
  // would have, with its settings put back, and returns when it is continued. Continued in the
  // background, the command goes on without a keyboard, and the terminal is taken up when the
  // caller's shell gives it back: being stopped by it (SIGTTOU) would race with a shell that takes
  // us for running. An orphaned group cannot be stopped; then it returns at once.
  void stop_with_command();

 private:
  PrivateTerminal() = default;

  void take_up();
  void await_foreground();
  void stop_looking();
  void make_raw();
  void put_back();
  void tell_watcher(char state);
  Result<void> keep_watch();

  termios settings_{};
  UniqueFd outer_, inner_;
  EventLoop* loop_ = nullptr;  // from start() on
  std::unique_ptr<ByteRelay> input_, output_;
  Timer look_;              // while we are in the background
  SigpipeIgnored ignored_;  // the watcher may be gone
  bool raw_ = false;        // by us
  UniqueFd watch_;          // a pipe to a process that puts the settings back when we are killed
  pid_t watcher_ = -1;      // our child
};

}  // namespace mixguard::sandbox
