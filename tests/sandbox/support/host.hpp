// SPDX-License-Identifier: Apache-2.0
#pragma once

// What an attack goes for: listeners, a process, memory shared with it; and how the host's
// processes are seen from outside.

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

namespace mixguard::test {

void wait_ms(int ms);

// One of the standard descriptors is another one, until the end of the scope.
class Redirected {
 public:
  Redirected(int standard, int replacement);
  ~Redirected();
  Redirected(const Redirected&) = delete;
  Redirected& operator=(const Redirected&) = delete;

 private:
  int standard_;
  int saved_;
};

// A socket of the host's, whose connections and datagrams are counted.
class Listener {
 public:
  static Listener internet(int type);  // every address of both protocols, a free port
  static Listener named(const std::string& name, int type);  // "@name": abstract
  Listener(Listener&& other) noexcept : port(std::move(other.port)), fd_(other.fd_) {
    other.fd_ = -1;
  }
  Listener& operator=(Listener&&) = delete;
  ~Listener();
  // Since the last question; waits a moment for what is on its way.
  [[nodiscard]] bool was_reached() const;
  std::string port;

 private:
  explicit Listener(int fd) : fd_(fd) {}
  int fd_;
};

// A process of the same user, with a secret in its memory.
class Victim {
 public:
  // `prepare` runs in it first.
  explicit Victim(const std::function<void()>& prepare = {});
  ~Victim();
  Victim(const Victim&) = delete;
  Victim& operator=(const Victim&) = delete;
  [[nodiscard]] std::string pid() const { return std::to_string(pid_); }
  [[nodiscard]] pid_t id() const { return pid_; }
  [[nodiscard]] bool alive() const;
  [[nodiscard]] std::string memory() const;  // its content, shared with the test
  [[nodiscard]] std::string address() const;
  static constexpr const char* kSecret = "victims-memory";

 private:
  char* memory_;
  pid_t pid_;
};

// Processes below this one that run `program`.
[[nodiscard]] std::vector<pid_t> running(const std::string& program);
// Any process of the host with this argument, whoever its parent is.
[[nodiscard]] bool any_with_argument(const std::string& argument);
// A line of /proc/PID/status ("TracerPid").
[[nodiscard]] std::string status_of(pid_t pid, const std::string& field);
// /proc/PID/NAME of the process is not its parent's: a namespace, a root, the mounts.
[[nodiscard]] bool differs_from_parent(pid_t pid, const std::string& name);
// It holds a descriptor whose target contains `text`.
[[nodiscard]] bool holds(pid_t pid, const std::string& text);

}  // namespace mixguard::test
