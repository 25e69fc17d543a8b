// SPDX-License-Identifier: Apache-2.0
#pragma once

// The outside of network tests: servers in processes of their own that say what reached them, and
// the probe of tests/helpers/net_probe.cpp run in a Box or bare.

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "box.hpp"

namespace mixguard::test {

// Sends back what it gets, on each connection to its end.
class EchoServer {
 public:
  // ADDRESS as in net_probe: "127.0.0.1:0" picks a port, "unix:/path".
  explicit EchoServer(const std::string& address);
  ~EchoServer();
  EchoServer(const EchoServer&) = delete;
  EchoServer& operator=(const EchoServer&) = delete;

  [[nodiscard]] const std::string& address() const { return address_; }
  [[nodiscard]] std::string port() const;
  [[nodiscard]] unsigned accepted() const;
  [[nodiscard]] unsigned open_connections() const;
  [[nodiscard]] unsigned descriptors_received() const;
  [[nodiscard]] std::uint64_t bytes() const;

 private:
  struct Counters;
  Counters* counters_;
  std::string address_;
  pid_t pid_ = -1;
};

// A port of 127.0.0.1 that nobody listens on.
[[nodiscard]] std::string free_port();

// Runs `net_probe ARGUMENTS…` confined as `box` says, and bare.
Probe run_net(Box& box, const Arguments& arguments);
Probe bare_net(Box& box, const Arguments& arguments);

// A process of ours that runs `act` at the same time and is waited for by the destructor. Its exit
// code, once it has ended: what `act` returned.
class Meanwhile {
 public:
  explicit Meanwhile(const std::function<int()>& act);
  ~Meanwhile();
  Meanwhile(const Meanwhile&) = delete;
  Meanwhile& operator=(const Meanwhile&) = delete;
  int wait();
  int stop(int signal);  // sends it, then waits

 private:
  pid_t pid_;
};

}  // namespace mixguard::test
