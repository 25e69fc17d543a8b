// SPDX-License-Identifier: Apache-2.0
#pragma once

// Looks names up outside of the sandbox, each once: what a name meant at its first use it means to
// the end of the run. getaddrinfo(3) waits, so a process of its own does it; it holds nothing of
// ours but the pipe for its answer, and dies with us.

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "sandbox/address.hpp"
#include "sandbox/event_loop.hpp"
#include "sandbox/sys/unique_fd.hpp"

namespace mixguard::sandbox {

class Resolver {
 public:
  using Clock = std::chrono::steady_clock;
  // Addresses with port 0, in the order to try them; empty when the name could not be looked up.
  // The next one who asks has it looked up again then.
  using Done = std::function<void(const std::vector<Address>&)>;
  static constexpr std::chrono::seconds kPatience{15};

  explicit Resolver(EventLoop& loop) : loop_(loop) {}
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // `done` may be called from within.
  void resolve(const std::string& name, Done done);
  void expire(Clock::time_point now);

 private:
  struct Lookup {
    UniqueFd answer;
    UniqueFd process;  // a pidfd
    std::string bytes;
    Clock::time_point deadline;
    std::vector<Done> waiting;
  };

  [[nodiscard]] bool begin(const std::string& name, Lookup& lookup);
  void read_answer(const std::string& name);
  void end(const std::string& name);
  void stop(Lookup& lookup);

  EventLoop& loop_;
  std::map<std::string, Lookup> lookups_;  // under way
  std::map<std::string, std::vector<Address>> known_;
};

}  // namespace mixguard::sandbox
