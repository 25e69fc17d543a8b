// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a policy's endpoints come to inside a network namespace of one's own: which sockets listen
// there, on which addresses, and what the hosts file says. Nothing is resolved here and nothing is
// opened.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "policy/confinement.hpp"
#include "policy/endpoint.hpp"
#include "policy/result.hpp"
#include "sandbox/address.hpp"
#include "sandbox/child.hpp"
#include "sandbox/sandbox.hpp"

namespace mixguard::sandbox {

// One endpoint of the policy, reached from inside.
struct Route {
  std::string endpoint;  // as the policy spells it
  policy::Endpoint where;
};

struct Published {
  std::string address;  // as the policy spells it
  Address outside;
  std::uint16_t port = 0;  // of 127.0.0.1 inside
};

struct NetworkPlan {
  static constexpr std::size_t kProxy = SIZE_MAX;
  static constexpr std::size_t kNames = SIZE_MAX - 1;

  std::vector<Route> routes;
  std::vector<ListenStep> listeners;
  std::vector<std::size_t> route_of;  // one per listener: of `routes`, kProxy or kNames
  std::vector<Published> published;
  std::string hosts;                     // /etc/hosts inside
  std::vector<std::string> environment;  // announces the proxy; empty when there is none
  bool unix_sockets = false;             // the command needs socket(AF_UNIX)

  // The route to `target` as a client named it, or nothing.
  [[nodiscard]] std::optional<std::size_t> route_to(const policy::Endpoint& target) const;
  // Whether anything of ours listens there inside.
  [[nodiscard]] bool reaches(const Address& address) const;
  // Whether the policy lists this very address and port.
  [[nodiscard]] bool lists(const Address& address, std::uint16_t port) const;
};

// Lays `confinement`'s net and publish out for a private view of `workspace`. A unix socket that is
// not there is left out: the command then needs no unix sockets at all. Fails for an endpoint that
// cannot be relayed, saying why.
Result<NetworkPlan> prepare_network(const policy::Confinement& confinement,
                                    const Workspace& workspace);

// The same with no endpoint at all: only the hosts file of a machine by itself.
NetworkPlan isolated_network();

}  // namespace mixguard::sandbox
