// SPDX-License-Identifier: Apache-2.0
#include "sandbox/address.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>

namespace mixguard::sandbox {
namespace {

using policy::Endpoint;

struct Ipv4Range {
  std::uint32_t base;
  unsigned bits;
};

constexpr std::uint32_t ip(unsigned a, unsigned b, unsigned c, unsigned d) {
  return (a << 24) | (b << 16) | (c << 8) | d;
}

// IANA's special-purpose registry, without the few of its entries that are routed.
constexpr std::array<Ipv4Range, 16> kNotPublic{{
    {ip(0, 0, 0, 0), 8},
    {ip(10, 0, 0, 0), 8},
    {ip(100, 64, 0, 0), 10},
    {ip(127, 0, 0, 0), 8},
    {ip(169, 254, 0, 0), 16},
    {ip(172, 16, 0, 0), 12},
    {ip(192, 0, 0, 0), 24},
    {ip(192, 0, 2, 0), 24},
    {ip(192, 88, 99, 0), 24},
    {ip(192, 168, 0, 0), 16},
    {ip(198, 18, 0, 0), 15},
    {ip(198, 51, 100, 0), 24},
    {ip(203, 0, 113, 0), 24},
    {ip(224, 0, 0, 0), 4},
    {ip(240, 0, 0, 0), 4},
    {ip(168, 63, 129, 16), 32},  // a cloud's metadata on an address that looks public
}};

bool is_public_ipv4(std::uint32_t host_order) {
  return std::none_of(kNotPublic.begin(), kNotPublic.end(), [&](const Ipv4Range& range) {
    return (host_order ^ range.base) >> (32 - range.bits) == 0;
  });
}

const in_addr& ipv4(const Address& address) {
  return reinterpret_cast<const sockaddr_in*>(&address.storage)->sin_addr;
}
const in6_addr& ipv6(const Address& address) {
  return reinterpret_cast<const sockaddr_in6*>(&address.storage)->sin6_addr;
}

std::uint32_t last_four(const in6_addr& address) {
  std::uint32_t value = 0;
  std::memcpy(&value, &address.s6_addr[12], sizeof(value));
  return ntohl(value);
}

bool is_public_ipv6(const in6_addr& address) {
  const auto& byte = address.s6_addr;
  if (IN6_IS_ADDR_V4MAPPED(&address)) return is_public_ipv4(last_four(address));
  constexpr std::array<std::uint8_t, 12> kNat64{0, 0x64, 0xff, 0x9b};
  if (std::equal(kNat64.begin(), kNat64.end(), std::begin(byte)))
    return is_public_ipv4(last_four(address));
  if ((byte[0] & 0xe0) != 0x20) return false;            // 2000::/3 is what is routed
  if (byte[0] == 0x20 && byte[1] == 0x02) return false;  // 6to4
  if (byte[0] == 0x20 && byte[1] == 0x01 && byte[2] < 2) return false;  // Teredo and kin
  if (byte[0] == 0x20 && byte[1] == 0x01 && byte[2] == 0x0d && byte[3] == 0xb8) return false;
  return byte[0] != 0x3f || byte[1] != 0xff || byte[2] > 0x0f;  // 3fff::/20: documentation
}

Address from_ipv4(std::uint32_t network_order, std::uint16_t port) {
  Address address;
  auto* in = reinterpret_cast<sockaddr_in*>(&address.storage);
  in->sin_family = AF_INET;
  in->sin_port = htons(port);
  in->sin_addr.s_addr = network_order;
  address.size = sizeof(sockaddr_in);
  return address;
}

Address from_ipv6(const in6_addr& host, std::uint16_t port) {
  if (IN6_IS_ADDR_V4MAPPED(&host)) return from_ipv4(htonl(last_four(host)), port);
  Address address;
  auto* in = reinterpret_cast<sockaddr_in6*>(&address.storage);
  in->sin6_family = AF_INET6;
  in->sin6_port = htons(port);
  in->sin6_addr = host;
  address.size = sizeof(sockaddr_in6);
  return address;
}

std::optional<Address> from_path(const std::string& path) {
  Address address;
  auto* un = reinterpret_cast<sockaddr_un*>(&address.storage);
  if (path.size() >= sizeof(un->sun_path)) return std::nullopt;
  un->sun_family = AF_UNIX;
  std::memcpy(un->sun_path, path.data(), path.size());
  address.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
  return address;
}

}  // namespace

std::optional<Address> address_of(const Endpoint& endpoint) {
  switch (endpoint.kind) {
    case Endpoint::Kind::kIpv4: {
      in_addr host{};
      if (::inet_pton(AF_INET, endpoint.host.c_str(), &host) != 1) return std::nullopt;
      return from_ipv4(host.s_addr, endpoint.port);
    }
    case Endpoint::Kind::kIpv6: {
      in6_addr host{};
      if (::inet_pton(AF_INET6, endpoint.host.c_str(), &host) != 1) return std::nullopt;
      return from_ipv6(host, endpoint.port);
    }
    case Endpoint::Kind::kUnix:
      return from_path(endpoint.host);
    case Endpoint::Kind::kName:
      break;
  }
  return std::nullopt;
}

std::string to_text(const Address& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  switch (address.family()) {
    case AF_INET:
      return ::inet_ntop(AF_INET, &ipv4(address), text.data(), text.size());
    case AF_INET6:
      return ::inet_ntop(AF_INET6, &ipv6(address), text.data(), text.size());
    case AF_UNIX:
      return reinterpret_cast<const sockaddr_un*>(&address.storage)->sun_path;
    default:
      return "?";
  }
}

bool same_host(const Address& a, const Address& b) {
  return a.family() == b.family() && to_text(a) == to_text(b);
}

bool is_public(const Address& address) {
  if (address.family() == AF_INET) return is_public_ipv4(ntohl(ipv4(address).s_addr));
  return address.family() == AF_INET6 && is_public_ipv6(ipv6(address));
}

bool is_loopback(const Address& address) {
  if (address.family() == AF_INET) return ntohl(ipv4(address).s_addr) >> 24 == 127;
  return address.family() == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&ipv6(address));
}

}  // namespace mixguard::sandbox
