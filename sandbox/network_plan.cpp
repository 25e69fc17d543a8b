// SPDX-License-Identifier: Apache-2.0
#include "sandbox/network_plan.hpp"

#include <arpa/inet.h>
#include <limits.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>
#include <map>
#include <sstream>
#include <string_view>

namespace mixguard::sandbox {
namespace {

using policy::Endpoint;

// Each name has a loopback address of its own, so that one port can lead to many names. The proxy
// listens beside them; its port is outside of the ephemeral range.
constexpr std::uint32_t kFirstName = 0x7f420001;  // 127.66.0.1
constexpr std::uint32_t kProxyHost = 0x7f42fffe;  // 127.66.255.254
constexpr std::uint16_t kProxyPort = 61066;
// Where resolver(3) asks without a resolv.conf.
constexpr std::uint16_t kDnsPort = 53;
constexpr std::size_t kMostListeners = 200;

Address ipv4_address(std::uint32_t host, std::uint16_t port) {
  Address address;
  auto* in = reinterpret_cast<sockaddr_in*>(&address.storage);
  in->sin_family = AF_INET;
  in->sin_addr.s_addr = htonl(host);
  in->sin_port = htons(port);
  address.size = sizeof(sockaddr_in);
  return address;
}

// Whether the socket listens at the very address; what is sent datagrams listens to nobody.
bool listens_at(const ListenStep& listener, const Address& address) {
  return !listener.datagrams && listener.size == address.size &&
         std::memcmp(&listener.address, &address.storage, address.size) == 0;
}

bool is_within(std::string_view path, std::string_view directory) {
  return path == directory || (path.starts_with(directory) && path.size() > directory.size() &&
                               path[directory.size()] == '/');
}

bool is_socket(const std::string& path) {
  struct stat info{};
  return ::stat(path.c_str(), &info) == 0 && S_ISSOCK(info.st_mode);
}

// The other name of what lies in /run: /var/run leads there on most systems, programs use both, and
// inside there is neither.
std::string other_name(const std::string& path) {
  std::array<char, PATH_MAX> target{};
  const ssize_t length = ::readlink("/var/run", target.data(), target.size() - 1);
  const std::string_view link(target.data(),
                              static_cast<std::size_t>(std::max<ssize_t>(length, 0)));
  if (link != "/run" && link != "../run") return {};
  if (is_within(path, "/var/run")) return path.substr(std::strlen("/var"));
  return is_within(path, "/run") ? "/var" + path : std::string();
}

std::string host_name() {
  std::array<char, HOST_NAME_MAX + 1> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

// Lines of the host's own file that name its loopback: names that people gave their own machine.
// What is somewhere else is not there inside.
std::string own_loopback_names(const std::vector<std::string>& taken) {
  std::ifstream file("/etc/hosts");
  std::string result;
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line.substr(0, line.find('#')));
    std::string address, name, kept;
    words >> address;
    if (address != "::1" && !address.starts_with("127.")) continue;
    while (words >> name) {
      if (std::find(taken.begin(), taken.end(), name) == taken.end()) kept += " " + name;
    }
    if (!kept.empty()) result += address + kept + "\n";
  }
  return result;
}

class Layout {
 public:
  Layout(const policy::Confinement& confinement, const Workspace& workspace)
      : confinement_(confinement), workspace_(workspace) {}

  Result<NetworkPlan> lay_out() {
    for (const std::string& endpoint : confinement_.net) {
      if (auto added = add(endpoint); !added) return propagate(added);
    }
    add_proxy();
    add_names();
    for (const std::string& address : confinement_.publish) {
      if (auto published = publish(address); !published) return propagate(published);
    }
    if (plan_.listeners.size() > kMostListeners) {
      return fail("[net] allow: more than " + std::to_string(kMostListeners) +
                  " endpoints cannot be relayed at once");
    }
    plan_.hosts = hosts();
    return std::move(plan_);
  }

 private:
  Result<void> add(const std::string& text) {
    const std::optional<Endpoint> where = policy::parse_endpoint(text);
    if (!where) return fail("[net] allow " + text + ": it is no endpoint");
    plan_.routes.push_back({text, *where});
    switch (where->kind) {
      case Endpoint::Kind::kUnix:
        return add_unix(*where);
      case Endpoint::Kind::kName:
        where->host == "localhost" ? add_localhost(where->port) : add_name(*where);
        return {};
      case Endpoint::Kind::kIpv4:
      case Endpoint::Kind::kIpv6:
        return add_ip(*where, text);
    }
    return {};
  }

  // The first endpoint that wants an address has it.
  void listen(const Address& address, bool optional = false) {
    if (plan_.reaches(address)) return;
    add_listener(address, plan_.routes.size() - 1).optional = optional;
  }

  ListenStep& add_listener(const Address& address, std::size_t route) {
    ListenStep& step = plan_.listeners.emplace_back();
    step.address = address.storage;
    step.size = address.size;
    step.add_address = address.family() != AF_UNIX && !is_loopback(address);
    plan_.route_of.push_back(route);
    return step;
  }

  void add_localhost(std::uint16_t port) {
    listen(ipv4_address(INADDR_LOOPBACK, port));
    listen(*address_of({Endpoint::Kind::kIpv6, "::1", port}), true);
  }

  void add_name(const Endpoint& where) {
    const auto [found, is_new] = names_.try_emplace(where.host, next_name_);
    if (is_new) {
      do ++next_name_;
      while (plan_lists_host(next_name_));
    }
    listen(ipv4_address(found->second, where.port));
  }
  bool plan_lists_host(std::uint32_t host) const {
    const std::string text = to_text(ipv4_address(host, 0)) + ":";
    return std::any_of(confinement_.net.begin(), confinement_.net.end(),
                       [&](const std::string& endpoint) { return endpoint.starts_with(text); });
  }

  Result<void> add_ip(const Endpoint& where, const std::string& text) {
    const std::optional<Address> address = address_of(where);
    if (!address) return fail("[net] allow " + text + ": it is no address");
    if (address->family() == AF_INET) {
      const auto host =
          ntohl(reinterpret_cast<const sockaddr_in*>(&address->storage)->sin_addr.s_addr);
      if (host == INADDR_ANY || host >> 28 == 0xe || host == INADDR_BROADCAST)
        return fail("[net] allow " + text + ": name the address of one machine");
    } else {
      const auto& host = reinterpret_cast<const sockaddr_in6*>(&address->storage)->sin6_addr;
      if (IN6_IS_ADDR_UNSPECIFIED(&host) || IN6_IS_ADDR_MULTICAST(&host))
        return fail("[net] allow " + text + ": name the address of one machine");
      if (IN6_IS_ADDR_LINKLOCAL(&host))
        return fail("[net] allow " + text +
                    ": a link-local address means nothing without its link");
    }
    listen(*address, address->family() == AF_INET6);
    return {};
  }

  Result<void> add_unix(const Endpoint& where) {
    const std::optional<Address> address = address_of(where);
    if (!address) return fail("[net] allow unix:" + where.host + ": the path is too long");
    if (!is_socket(where.host)) return {};
    if (auto possible = can_be_made(where.host); !possible) return possible;
    plan_.unix_sockets = true;
    listen(*address);
    const std::string other = other_name(where.host);
    if (other.empty() || !can_be_made(other)) return {};
    if (const auto alias = address_of({Endpoint::Kind::kUnix, other, 0})) listen(*alias);
    return {};
  }

  // A socket of ours can only be made where the view is the sandbox's own: anywhere else it would
  // be made on the host, or cannot be.
  Result<void> can_be_made(const std::string& path) const {
    const auto cannot = [&](const std::string& where) {
      return fail("[net] allow unix:" + path + ": it cannot be relayed, because " + where +
                  " is shown to the command as it is; let the server listen elsewhere, in /tmp or "
                  "on 127.0.0.1");
    };
    if (!workspace_.project.empty() && is_within(path, workspace_.project))
      return cannot(workspace_.project);
    for (const char* own : {"/proc", "/dev"}) {
      if (is_within(path, own)) return cannot(own);
    }
    for (const Bind& bind : workspace_.binds) {
      if (is_within(path, bind.target)) return cannot(bind.target);
    }
    for (const Symlink& link : workspace_.symlinks) {
      if (is_within(path, link.path)) return cannot(link.path);
    }
    return {};
  }

  // For names of the internet alone: a database client does not know what a proxy is.
  void add_proxy() {
    if (names_.empty()) return;
    const Address address = ipv4_address(kProxyHost, kProxyPort);
    if (!plan_.reaches(address)) add_listener(address, NetworkPlan::kProxy);
    const std::string url = "http://" + to_text(address) + ":" + std::to_string(kProxyPort);
    for (const char* name : {"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"})
      plan_.environment.push_back(std::string(name) + "=" + url);
    for (const char* name : {"NO_PROXY", "no_proxy"})
      plan_.environment.push_back(std::string(name) + "=localhost,127.0.0.1,::1");
  }

  // Answers no question, and learns what was asked.
  void add_names() {
    add_listener(ipv4_address(INADDR_LOOPBACK, kDnsPort), NetworkPlan::kNames).datagrams = true;
  }

  Result<void> publish(const std::string& text) {
    const std::optional<Endpoint> where = policy::parse_endpoint(text);
    const std::optional<Address> address = where ? address_of(*where) : std::nullopt;
    if (!address || address->family() == AF_UNIX)
      return fail("[net] publish " + text + ": it is no address");
    plan_.published.push_back({text, *address, where->port});
    return {};
  }

  std::string hosts() const {
    std::string text = "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n";
    std::vector<std::string> taken{"localhost", "ip6-localhost", "ip6-loopback"};
    for (const auto& [name, host] : names_) {
      text += to_text(ipv4_address(host, 0)) + " " + name + "\n";
      taken.push_back(name);
    }
    const std::string own = host_name();
    if (!own.empty() && std::find(taken.begin(), taken.end(), own) == taken.end()) {
      text += "127.0.1.1 " + own + "\n";  // distributed Erlang looks its own host up
      taken.push_back(own);
    }
    return text + own_loopback_names(taken);
  }

  const policy::Confinement& confinement_;
  const Workspace& workspace_;
  NetworkPlan plan_;
  std::map<std::string, std::uint32_t> names_;
  std::uint32_t next_name_ = kFirstName;
};

}  // namespace

std::optional<std::size_t> NetworkPlan::route_to(const Endpoint& target) const {
  const std::optional<Address> address = address_of(target);
  for (std::size_t i = 0; i < routes.size(); ++i) {
    const Endpoint& where = routes[i].where;
    if (where.kind == Endpoint::Kind::kUnix || where.port != target.port) continue;
    if (!address) {
      if (where.kind == target.kind && where.host == target.host) return i;
      continue;
    }
    const std::optional<Address> listed = address_of(where);
    if (listed && same_host(*listed, *address)) return i;
  }
  return std::nullopt;
}

bool NetworkPlan::reaches(const Address& address) const {
  return std::any_of(listeners.begin(), listeners.end(),
                     [&](const ListenStep& listener) { return listens_at(listener, address); });
}

bool NetworkPlan::lists(const Address& address, std::uint16_t port) const {
  return std::any_of(routes.begin(), routes.end(), [&](const Route& route) {
    const std::optional<Address> listed = address_of(route.where);
    return listed && route.where.port == port && same_host(*listed, address);
  });
}

Result<NetworkPlan> prepare_network(const policy::Confinement& confinement,
                                    const Workspace& workspace) {
  return Layout(confinement, workspace).lay_out();
}

NetworkPlan isolated_network() { return *Layout(policy::Confinement(), Workspace()).lay_out(); }

}  // namespace mixguard::sandbox
