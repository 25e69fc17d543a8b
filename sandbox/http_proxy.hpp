// SPDX-License-Identifier: Apache-2.0
#pragma once

// The client's side of the proxy: reads one CONNECT request, and says no in a way that people and
// programs understand. Where the request leads is not decided here.

#include <chrono>
#include <functional>
#include <string>

#include "sandbox/connect_request.hpp"
#include "sandbox/event_loop.hpp"
#include "sandbox/sys/unique_fd.hpp"

namespace mixguard::sandbox {

inline constexpr const char* kProxyAccepts = "HTTP/1.1 200 Connection established\r\n\r\n";

// A whole answer with `text` as its body: what is wrong, and what would mend it.
[[nodiscard]] std::string proxy_refusal(int status, const std::string& text);

class ProxyRequest {
 public:
  using Clock = std::chrono::steady_clock;
  // The client, what it asked for (never kIncomplete), and what it sent behind the request. A
  // client that went away or took too long is closed: `client` is then empty.
  using Done =
      std::function<void(UniqueFd client, const ConnectRequest& request, std::string behind)>;
  static constexpr std::chrono::seconds kPatience{10};

  // `done` is called once, last thing, possibly from within start(): it may destroy this.
  ProxyRequest(EventLoop& loop, UniqueFd client, Done done);
  ~ProxyRequest();
  ProxyRequest(const ProxyRequest&) = delete;
  ProxyRequest& operator=(const ProxyRequest&) = delete;

  void start();
  void expire(Clock::time_point now);

 private:
  void read();
  void finish(const ConnectRequest& request, bool is_there);

  EventLoop& loop_;
  UniqueFd client_;
  bool is_watched_ = false;
  std::string text_;
  Clock::time_point deadline_;
  Done done_;
};

// Writes `answer` as far as it goes and closes for writing, so that the client can read it to its
// end.
void answer_and_close(UniqueFd client, const std::string& answer);

}  // namespace mixguard::sandbox
