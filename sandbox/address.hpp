// SPDX-License-Identifier: Apache-2.0
#pragma once

// Socket addresses as values: IPv4, IPv6 and paths of unix sockets.

#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <string>

#include "policy/endpoint.hpp"

namespace mixguard::sandbox {

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;

  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  [[nodiscard]] int family() const { return storage.ss_family; }
};

// Of an IPv4 or IPv6 literal, or of the path of a unix socket; nothing for a name, and for a path
// that no socket can have (107 bytes are the longest). An IPv4 address in IPv6's clothes
// (::ffff:127.0.0.1) comes out as IPv4: it is the same place.
[[nodiscard]] std::optional<Address> address_of(const policy::Endpoint& endpoint);

// The literal alone, without port or brackets; a unix socket's path.
[[nodiscard]] std::string to_text(const Address& address);
[[nodiscard]] bool same_host(const Address& a, const Address& b);

// Whether the internet routes to it: neither loopback, private, shared, link-local (where clouds
// keep their metadata), multicast, reserved, nor one of those wrapped for IPv6 (mapped, NAT64,
// 6to4, Teredo).
[[nodiscard]] bool is_public(const Address& address);
[[nodiscard]] bool is_loopback(const Address& address);

}  // namespace mixguard::sandbox
