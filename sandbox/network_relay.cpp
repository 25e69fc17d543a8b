// SPDX-License-Identifier: Apache-2.0
#include "sandbox/network_relay.hpp"

#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <span>
#include <utility>

#include "sandbox/name_question.hpp"

namespace mixguard::sandbox {
namespace {

using policy::Endpoint;

// What the supervisor needs besides two descriptors a connection.
constexpr rlim_t kReserve = 64;
constexpr std::size_t kFewest = 8;
// How long the last words of a command that has ended are waited for.
constexpr std::chrono::milliseconds kLastWords{300};
// How exactly deadlines are kept.
constexpr std::chrono::milliseconds kTick{250};

std::size_t connections_for(rlim_t descriptors) {
  if (descriptors == RLIM_INFINITY) return NetworkRelay::kMostConnections;
  const rlim_t left = descriptors > kReserve ? (descriptors - kReserve) / 2 : 0;
  return std::clamp<std::size_t>(left, kFewest, NetworkRelay::kMostConnections);
}

Address with_port(Address address, std::uint16_t port) {
  // The port is in the same place in sockaddr_in and sockaddr_in6.
  reinterpret_cast<sockaddr_in*>(&address.storage)->sin_port = htons(port);
  return address;
}

// The kernel takes the address of nobody for the loopback device's.
bool is_here(const Address& address) {
  const std::string text = to_text(address);
  return is_loopback(address) || text == "0.0.0.0" || text == "::";
}

std::string allow_line(const std::string& endpoint) {
  return "[net] allow = [\"" + endpoint + "\"]";
}

}  // namespace

Result<void> NetworkRelay::open_published() {
  for (std::size_t i = 0; i < plan_.published.size(); ++i) {
    const Published& published = plan_.published[i];
    UniqueFd fd(
        ::socket(published.outside.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const int on = 1;
    if (fd) {
      ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
      if (published.outside.family() == AF_INET6)
        ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    }
    if (!fd || ::bind(fd.get(), published.outside.get(), published.outside.size) != 0 ||
        ::listen(fd.get(), SOMAXCONN) != 0) {
      return fail(
          "[net] publish " + published.address + ": " + std::strerror(errno) +
              (errno == EADDRINUSE ? "; stop what listens there or publish another port" : ""),
          errno);
    }
    auto listener = std::make_unique<Listener>();
    listener->fd = std::move(fd);
    listener->published = i;
    listeners_.push_back(std::move(listener));
  }
  return {};
}

Result<void> NetworkRelay::start(EventLoop& loop, SendOrder send) {
  loop_ = &loop;
  send_ = std::move(send);
  resolver_.emplace(loop);
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  most_ = connections_for(files.rlim_cur);
  Result<Timer> timer = Timer::create();
  if (!timer) return propagate(timer);
  timer_ = std::move(*timer);
  if (auto watched = loop.watch(timer_.fd(), EPOLLIN, [this](auto) { tick(); }); !watched)
    return watched;
  for (const auto& listener : listeners_) watch(*listener);
  return {};
}

bool NetworkRelay::take(const Handover& handover, UniqueFd& fd) {
  if (loop_ == nullptr) return false;
  if (handover.kind == Handover::Kind::kListener) {
    if (!fd || handover.id >= plan_.route_of.size()) return true;  // this kernel has no IPv6
    auto listener = std::make_unique<Listener>();
    listener->fd = std::move(fd);
    listener->route = plan_.route_of[handover.id];
    watch(*listener);
    listeners_.push_back(std::move(listener));
    return true;
  }
  if (handover.kind != Handover::Kind::kConnection) return false;
  const auto found = conversations_.find(handover.id);
  if (found == conversations_.end() || !found->second.waits_inside) return true;
  found->second.waits_inside = false;
  if (is_paused_) resume_accepting();
  if (!fd) {
    failed(handover.id, 0, "");
    return true;
  }
  const Id id = handover.id;
  found->second.dial = std::make_unique<Dial>(
      *loop_, std::move(fd),
      [this, id](UniqueFd to, int error) { on_dialled(id, std::move(to), error); });
  set_ticking(true);
  found->second.dial->start();
  return true;
}

void NetworkRelay::finish() {
  if (loop_ == nullptr) return;
  for (const auto& listener : listeners_) {
    if (listener->published != SIZE_MAX && listener->is_watched) {
      loop_->unwatch(listener->fd.get());
      listener->is_watched = false;
    }
  }
  // Everything inside is dead: an end is near on each connection from there, and nobody is left
  // who would answer one from outside.
  std::erase_if(conversations_, [](const auto& entry) {
    return entry.second.route == SIZE_MAX && entry.second.tunnel == nullptr;
  });
  const auto until = Clock::now() + kLastWords;
  const auto is_speaking = [](const auto& entry) {
    return entry.second.tunnel == nullptr || !entry.second.tunnel->is_drained();
  };
  loop_->turn(0);
  while (std::any_of(conversations_.begin(), conversations_.end(), is_speaking) &&
         Clock::now() < until) {
    loop_->turn(10);
  }
  for (const auto& listener : listeners_) {
    if (listener->is_watched) loop_->unwatch(listener->fd.get());
  }
  listeners_.clear();
  conversations_.clear();
  resolver_.reset();
  loop_->unwatch(timer_.fd());
  loop_ = nullptr;
}

// ---- accepting

void NetworkRelay::watch(Listener& listener) {
  listener.is_watched = loop_
                            ->watch(listener.fd.get(), EPOLLIN,
                                    [this, &listener](auto) {
                                      listener.route == NetworkPlan::kNames
                                          ? answer_questions(listener)
                                          : accept_from(listener);
                                    })
                            .has_value();
}

void NetworkRelay::accept_from(Listener& listener) {
  constexpr int kAtOnce = 16;
  for (int i = 0; i < kAtOnce && !is_paused_; ++i) {
    if (listener.published != SIZE_MAX && waiting_inside() >= kMostInside) return pause_accepting();
    UniqueFd client(::accept4(listener.fd.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!client) {
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
        pause_accepting();
      return;
    }
    if (conversations_.size() >= most_) {
      ++report_.over_limit;
      close_with_reset(client);
      continue;
    }
    greet(listener, std::move(client));
  }
}

// Until there is room again: a listener that is ready and not served would keep the loop busy.
void NetworkRelay::pause_accepting() {
  is_paused_ = true;
  for (const auto& listener : listeners_) {
    if (listener->is_watched) loop_->unwatch(listener->fd.get());
    listener->is_watched = false;
  }
  set_ticking(true);
}

void NetworkRelay::resume_accepting() {
  is_paused_ = false;
  for (const auto& listener : listeners_) {
    if (!listener->is_watched) watch(*listener);
  }
}

void NetworkRelay::greet(const Listener& listener, UniqueFd client) {
  const Id id = ++last_id_;
  Conversation& conversation = conversations_[id];
  conversation.client = std::move(client);
  if (listener.published != SIZE_MAX) return ask_inside(id, plan_.published[listener.published]);
  if (listener.route == NetworkPlan::kProxy) return read_request(id);
  conversation.route = listener.route;
  reach(id);
}

// ---- what is not listed

void NetworkRelay::answer_questions(const Listener& listener) {
  std::array<std::uint8_t, kLongestQuery> query;
  Address from;
  from.size = sizeof(from.storage);
  const ssize_t length = ::recvfrom(listener.fd.get(), query.data(), query.size(), 0,
                                    reinterpret_cast<sockaddr*>(&from.storage), &from.size);
  if (length < 0) return;
  const std::span<const std::uint8_t> bytes(query.data(), static_cast<std::size_t>(length));
  const auto question = read_question(bytes);
  if (!question) return;
  if (!is_tried_again(question->name)) report_.add_refused(question->name, "not in [net] allow");
  const std::vector<std::uint8_t> answer = no_such_name(bytes, *question);
  static_cast<void>(
      ::sendto(listener.fd.get(), answer.data(), answer.size(), 0, from.get(), from.size));
}

// With the machine's own domain behind it, as resolver(3) does ("search").
bool NetworkRelay::is_tried_again(const std::string& name) const {
  return std::any_of(report_.refused.begin(), report_.refused.end(),
                     [&](const auto& known) { return name.starts_with(known.destination + "."); });
}

void NetworkRelay::observe(const Address& destination) {
  if (destination.family() != AF_INET && destination.family() != AF_INET6) return;
  const auto kind = destination.family() == AF_INET ? Endpoint::Kind::kIpv4 : Endpoint::Kind::kIpv6;
  const std::uint16_t port =
      ntohs(reinterpret_cast<const sockaddr_in*>(&destination.storage)->sin_port);
  const Endpoint where{kind, to_text(destination), port};
  const std::optional<Address> address = address_of(where);
  // A port of zero asks the kernel for a route, of which there is none.
  if (!address || port == 0 || is_here(*address) || plan_.reaches(*address)) return;
  report_.add_refused(spelling(where), "not in [net] allow");
}

// ---- published ports

std::size_t NetworkRelay::waiting_inside() const {
  return static_cast<std::size_t>(
      std::count_if(conversations_.begin(), conversations_.end(),
                    [](const auto& entry) { return entry.second.waits_inside; }));
}

void NetworkRelay::ask_inside(Id id, const Published& published) {
  conversations_.at(id).waits_inside = true;
  Order order;
  order.kind = Order::Kind::kConnect;
  order.port = published.port;
  order.id = id;
  if (!send_(order)) forget(id);  // init has ended
}

// ---- the proxy

void NetworkRelay::read_request(Id id) {
  Conversation& conversation = conversations_.at(id);
  conversation.is_proxied = true;
  conversation.request = std::make_unique<ProxyRequest>(
      *loop_, std::move(conversation.client),
      [this, id](UniqueFd client, const ConnectRequest& request, std::string behind) {
        on_request(id, std::move(client), request, std::move(behind));
      });
  set_ticking(true);
  conversation.request->start();
}

void NetworkRelay::on_request(Id id, UniqueFd client, const ConnectRequest& request,
                              std::string behind) {
  if (!client) return forget(id);
  Conversation& conversation = conversations_.at(id);
  conversation.client = std::move(client);
  conversation.to_target = std::move(behind);
  if (request.status != ConnectRequest::Status::kTarget) {
    ++report_.malformed_requests;
    const bool other = request.status == ConnectRequest::Status::kOtherMethod;
    return failed(id, other ? 405 : 400,
                  other ? "only CONNECT is understood; use https"
                        : std::string("the request was not understood: ") + request.why);
  }
  const std::optional<std::size_t> route = plan_.route_to(request.target);
  if (!route) {
    const std::string destination = spelling(request.target);
    report_.add_refused(destination, "not in [net] allow");
    return failed(
        id, 403,
        destination + " is not in [net] allow; this would allow it: " + allow_line(destination));
  }
  conversation.route = *route;
  conversation.to_client = kProxyAccepts;
  reach(id);
}

// ---- the way out

void NetworkRelay::reach(Id id) {
  const Endpoint& where = plan_.routes[conversations_.at(id).route].where;
  if (const std::optional<Address> address = address_of(where)) return dial(id, {*address});
  if (where.host == "localhost") {
    return dial(id, {*address_of({Endpoint::Kind::kIpv4, "127.0.0.1", where.port}),
                     *address_of({Endpoint::Kind::kIpv6, "::1", where.port})});
  }
  set_ticking(true);
  resolver_->resolve(where.host,
                     [this, id](const std::vector<Address>& found) { on_resolved(id, found); });
}

// A name of the internet has no business on this machine or its networks: whoever answers for the
// name would choose what the command reaches there.
void NetworkRelay::on_resolved(Id id, const std::vector<Address>& found) {
  if (conversations_.count(id) == 0) return;
  const Route& route = plan_.routes[conversations_.at(id).route];
  std::vector<Address> checked;
  for (const Address& address : found) {
    const Address whole = with_port(address, route.where.port);
    if (is_public(address) || plan_.lists(address, route.where.port)) checked.push_back(whole);
  }
  if (!checked.empty()) return dial(id, std::move(checked));
  if (found.empty()) return failed(id, 502, "the name could not be looked up");
  Endpoint private_one{Endpoint::Kind::kIpv4, to_text(found.front()), route.where.port};
  if (found.front().family() == AF_INET6) private_one.kind = Endpoint::Kind::kIpv6;
  const std::string destination = spelling(private_one);
  report_.add_refused(destination, "where " + route.where.host + " leads, and no public address");
  failed(id, 403,
         route.endpoint +
             " leads to a private address; this would allow it: " + allow_line(destination));
}

void NetworkRelay::dial(Id id, std::vector<Address> addresses) {
  Conversation& conversation = conversations_.at(id);
  conversation.dial = std::make_unique<Dial>(
      *loop_, std::move(addresses),
      [this, id](UniqueFd fd, int error) { on_dialled(id, std::move(fd), error); });
  set_ticking(true);
  conversation.dial->start();
}

void NetworkRelay::on_dialled(Id id, UniqueFd fd, int error) {
  if (!fd) return failed(id, 502, std::strerror(error));
  join(id, std::move(fd));
}

void NetworkRelay::failed(Id id, int status, const std::string& why) {
  Conversation& conversation = conversations_.at(id);
  if (conversation.route != SIZE_MAX && status == 502) {
    NetworkReport::Relayed& endpoint = relayed(conversation.route);
    ++endpoint.failed;
    endpoint.why = why;
  }
  if (conversation.is_proxied) {
    const std::string text =
        status == 502 ? plan_.routes[conversation.route].endpoint + ": " + why : why;
    answer_and_close(std::move(conversation.client), proxy_refusal(status, text));
  } else {
    close_with_reset(conversation.client);
  }
  forget(id);
}

void NetworkRelay::join(Id id, UniqueFd target) {
  Conversation& conversation = conversations_.at(id);
  if (conversation.route != SIZE_MAX) ++relayed(conversation.route).connections;
  conversation.dial.reset();
  conversation.request.reset();
  const bool from_outside = conversation.route == SIZE_MAX;
  UniqueFd& inner = from_outside ? target : conversation.client;
  UniqueFd& outer = from_outside ? conversation.client : target;
  conversation.tunnel = std::make_unique<Tunnel>(*loop_, std::move(inner), std::move(outer),
                                                 [this, id] { forget(id); });
  conversation.tunnel->start(std::move(conversation.to_target), std::move(conversation.to_client));
}

void NetworkRelay::forget(Id id) {
  conversations_.erase(id);
  if (is_paused_) resume_accepting();
}

NetworkReport::Relayed& NetworkRelay::relayed(std::size_t route) {
  const std::string& endpoint = plan_.routes[route].endpoint;
  for (NetworkReport::Relayed& known : report_.relayed) {
    if (known.endpoint == endpoint) return known;
  }
  return report_.relayed.emplace_back(NetworkReport::Relayed{endpoint, 0, 0, {}});
}

// ---- time

// While something has a deadline, and only then.
void NetworkRelay::set_ticking(bool on) {
  if (on == is_ticking_) return;
  timer_.every(on ? kTick : kTick.zero());
  is_ticking_ = on;
}

void NetworkRelay::tick() {
  if (!timer_.expired()) return;
  const auto now = Clock::now();
  if (is_paused_) resume_accepting();
  resolver_->expire(now);
  std::vector<Id> under_way;
  for (const auto& [id, conversation] : conversations_) {
    if (conversation.tunnel == nullptr) under_way.push_back(id);
  }
  for (const Id id : under_way) {
    const auto found = conversations_.find(id);
    if (found == conversations_.end()) continue;
    if (found->second.dial) {
      found->second.dial->expire(now);
    } else if (found->second.request) {
      found->second.request->expire(now);
    }
  }
  if (under_way.empty() && !is_paused_) set_ticking(false);
}

}  // namespace mixguard::sandbox
