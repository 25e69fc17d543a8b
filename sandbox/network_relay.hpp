// SPDX-License-Identifier: Apache-2.0
#pragma once

// The supervisor's side of the network: accepts on the sockets that listen inside, connects to what
// the policy lists outside, and passes bytes between them; the other way round for published ports.
// No socket of the host's network is ever given inside, no name is looked up that the policy does
// not list, and nothing is dialled but the address that was checked.

#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sandbox/dial.hpp"
#include "sandbox/http_proxy.hpp"
#include "sandbox/network_plan.hpp"
#include "sandbox/network_report.hpp"
#include "sandbox/resolver.hpp"
#include "sandbox/service.hpp"
#include "sandbox/timer.hpp"
#include "sandbox/tunnel.hpp"

namespace mixguard::sandbox {

class NetworkRelay : public Service {
 public:
  // At once; fewer when not so many descriptors may be open.
  static constexpr std::size_t kMostConnections = 512;
  // Connections from outside that init may be busy with.
  static constexpr std::size_t kMostInside = 32;

  // `plan` must outlive it.
  explicit NetworkRelay(const NetworkPlan& plan) : plan_(plan) {}
  ~NetworkRelay() override { finish(); }
  NetworkRelay(const NetworkRelay&) = delete;
  NetworkRelay& operator=(const NetworkRelay&) = delete;

  // Opens the published ports outside; before anything is started, so that one in use stops the
  // run.
  Result<void> open_published();

  Result<void> start(EventLoop& loop, SendOrder send) override;
  bool take(const Handover& handover, UniqueFd& fd) override;
  void finish() override;

  // Somebody inside is about to connect there; whether anybody answers is the kernel's concern.
  void observe(const Address& destination);

  NetworkReport& report() { return report_; }

 private:
  using Clock = std::chrono::steady_clock;

  struct Listener {
    UniqueFd fd;
    std::size_t route = 0;             // of the plan, kProxy or kNames
    std::size_t published = SIZE_MAX;  // of the plan, when it is one
    bool is_watched = false;
  };
  // One connection on its way: exactly one of the four does something.
  struct Conversation {
    UniqueFd client;               // who asked: inside, or outside of a published port
    std::string to_target;         // what it sent already
    std::string to_client;         // what it is to be told first
    std::size_t route = SIZE_MAX;  // of the plan; none from outside, or before a request is read
    bool is_proxied = false;
    bool waits_inside = false;  // for init
    std::unique_ptr<ProxyRequest> request;
    std::unique_ptr<Dial> dial;
    std::unique_ptr<Tunnel> tunnel;
  };
  using Id = std::uint32_t;

  void watch(Listener& listener);
  void accept_from(Listener& listener);
  void answer_questions(const Listener& listener);
  [[nodiscard]] bool is_tried_again(const std::string& name) const;
  void pause_accepting();
  void resume_accepting();
  void greet(const Listener& listener, UniqueFd client);
  void ask_inside(Id id, const Published& published);
  void read_request(Id id);
  void on_request(Id id, UniqueFd client, const ConnectRequest& request, std::string behind);
  void reach(Id id);
  void on_resolved(Id id, const std::vector<Address>& found);
  void dial(Id id, std::vector<Address> addresses);
  void on_dialled(Id id, UniqueFd fd, int error);
  void failed(Id id, int status, const std::string& why);
  void join(Id id, UniqueFd target);
  void forget(Id id);

  NetworkReport::Relayed& relayed(std::size_t route);
  void tick();
  void set_ticking(bool on);
  [[nodiscard]] std::size_t waiting_inside() const;

  const NetworkPlan& plan_;
  NetworkReport report_;
  EventLoop* loop_ = nullptr;  // null before start() and after finish()
  SendOrder send_;
  std::size_t most_ = kMostConnections;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::map<Id, Conversation> conversations_;
  Id last_id_ = 0;
  std::optional<Resolver> resolver_;
  Timer timer_;
  bool is_ticking_ = false;
  bool is_paused_ = false;
};

}  // namespace mixguard::sandbox
