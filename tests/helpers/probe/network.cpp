// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstring>

#include "../ring.hpp"
#include "probe.hpp"

namespace probe {
namespace {

using mixguard::test::Ring;

struct Address {
  sockaddr_storage storage{};
  socklen_t length = 0;
  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  [[nodiscard]] int family() const { return storage.ss_family; }
};

Address internet(const std::string& host, const std::string& port) {
  Address address;
  const auto bytes = htons(static_cast<uint16_t>(number(port)));
  auto* four = reinterpret_cast<sockaddr_in*>(&address.storage);
  auto* six = reinterpret_cast<sockaddr_in6*>(&address.storage);
  if (::inet_pton(AF_INET, host.c_str(), &four->sin_addr) == 1) {
    four->sin_family = AF_INET;
    four->sin_port = bytes;
    address.length = sizeof(*four);
  } else if (::inet_pton(AF_INET6, host.c_str(), &six->sin6_addr) == 1) {
    six->sin6_family = AF_INET6;
    six->sin6_port = bytes;
    address.length = sizeof(*six);
  }
  return address;
}

// "@name" is abstract, anything else a path.
Address unix_name(const std::string& name) {
  Address address;
  auto* path = reinterpret_cast<sockaddr_un*>(&address.storage);
  path->sun_family = AF_UNIX;
  std::strncpy(path->sun_path, name.c_str(), sizeof(path->sun_path) - 1);
  if (path->sun_path[0] == '@') path->sun_path[0] = '\0';
  address.length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
  return address;
}

int tcp_connect(const Arguments& a) {
  const Address to = internet(a.at(0), a.at(1));
  const int fd = ::socket(to.family(), SOCK_STREAM, 0);
  return verdict(fd >= 0 && ::connect(fd, to.get(), to.length) == 0);
}
// A connection without connect(2).
int tcp_fast_open(const Arguments& a) {
  const Address to = internet(a.at(0), a.at(1));
  const int fd = ::socket(to.family(), SOCK_STREAM, 0);
  return verdict(fd >= 0 && ::sendto(fd, "x", 1, MSG_FASTOPEN, to.get(), to.length) == 1);
}
int udp_send(const Arguments& a) {
  const Address to = internet(a.at(0), a.at(1));
  const int fd = ::socket(to.family(), SOCK_DGRAM, 0);
  return verdict(fd >= 0 && ::sendto(fd, "x", 1, 0, to.get(), to.length) == 1);
}
int icmp_echo(const Arguments& a) {
  const Address to = internet(a.at(0), "0");
  const int fd = ::socket(AF_INET, number(a.at(1)), IPPROTO_ICMP);
  icmphdr echo{};
  echo.type = ICMP_ECHO;
  echo.checksum = htons(0xf7ff);  // of this header: ~0x0800
  return verdict(fd >= 0 && ::sendto(fd, &echo, sizeof(echo), 0, to.get(), to.length) > 0);
}

int unix_connect(const Arguments& a) {
  const Address to = unix_name(a.at(0));
  const int fd = ::socket(AF_UNIX, number(a.at(1)), 0);
  return verdict(fd >= 0 && ::connect(fd, to.get(), to.length) == 0);
}
// A datagram pair reaches other names as well: no socket(AF_UNIX) is needed.
int unix_pair_send(const Arguments& a) {
  const Address to = unix_name(a.at(0));
  std::array<int, 2> pair{-1, -1};
  return verdict(::socketpair(AF_UNIX, number(a.at(1)), 0, pair.data()) == 0 &&
                 ::sendto(pair[0], "x", 1, 0, to.get(), to.length) == 1);
}
int unix_pair_connect(const Arguments& a) {
  const Address to = unix_name(a.at(0));
  std::array<int, 2> pair{-1, -1};
  return verdict(::socketpair(AF_UNIX, number(a.at(1)), 0, pair.data()) == 0 &&
                 ::connect(pair[0], to.get(), to.length) == 0 && ::send(pair[0], "x", 1, 0) == 1);
}

// Print what can be made, so that the test can compare with what is meant to be left.
int socket_families(const Arguments&) {
  for (int family = 0; family < 64; ++family) {
    for (const int type : {SOCK_STREAM, SOCK_DGRAM, SOCK_RAW, SOCK_SEQPACKET, SOCK_PACKET}) {
      const int fd = ::socket(family, type, 0);
      if (fd < 0) continue;
      std::printf("%d/%d ", family, type);
      ::close(fd);
    }
  }
  std::printf("\n");
  return 0;
}
int pair_families(const Arguments&) {
  for (int family = 0; family < 64; ++family) {
    std::array<int, 2> pair{};
    if (::socketpair(family, SOCK_STREAM, 0, pair.data()) == 0) std::printf("%d ", family);
  }
  std::printf("\n");
  return 0;
}

int ring_create(const Arguments& a) {
  Ring ring;
  if (ring.fd() < 0) return verdict(false);
  ring.prepare(Ring::create_file(a.at(0).c_str()));
  return verdict(Ring::enter(ring.fd()) && ring.result() >= 0);
}
int ring_connect(const Arguments& a) {
  Ring ring;
  if (ring.fd() < 0) return verdict(false);
  const Address to = internet(a.at(0), a.at(1));
  io_uring_sqe operation{};
  operation.opcode = IORING_OP_CONNECT;
  operation.fd = ::socket(to.family(), SOCK_STREAM, 0);
  operation.addr = reinterpret_cast<__u64>(to.get());
  operation.off = to.length;
  ring.prepare(operation);
  return verdict(Ring::enter(ring.fd()) && ring.result() == 0);
}
// A ring that the caller left open, with an operation in it.
int ring_enter(const Arguments& a) { return verdict(Ring::enter(number(a.at(0)))); }

// What the BEAM needs: a server and a client on loopback.
int loopback_server(const Arguments&) {
  const Address any = internet("127.0.0.1", "0");
  Address bound = any;
  const int server = ::socket(AF_INET, SOCK_STREAM, 0);
  if (::bind(server, any.get(), any.length) != 0 || ::listen(server, 1) != 0 ||
      ::getsockname(server, reinterpret_cast<sockaddr*>(&bound.storage), &bound.length) != 0) {
    return verdict(false);
  }
  const int client = ::socket(AF_INET, SOCK_STREAM, 0);
  return verdict(::connect(client, bound.get(), bound.length) == 0 &&
                 ::accept(server, nullptr, nullptr) >= 0);
}
int socket_pair(const Arguments&) {
  std::array<int, 2> pair{};
  char byte = 0;
  return verdict(::socketpair(AF_UNIX, SOCK_STREAM, 0, pair.data()) == 0 &&
                 ::write(pair[0], "x", 1) == 1 && ::read(pair[1], &byte, 1) == 1);
}

constexpr Attack kAttacks[] = {
    {"tcp_connect", tcp_connect},
    {"tcp_fast_open", tcp_fast_open},
    {"udp_send", udp_send},
    {"icmp_echo", icmp_echo},
    {"unix_connect", unix_connect},
    {"unix_pair_send", unix_pair_send},
    {"unix_pair_connect", unix_pair_connect},
    {"socket_families", socket_families},
    {"pair_families", pair_families},
    {"ring_create", ring_create},
    {"ring_connect", ring_connect},
    {"ring_enter", ring_enter},
    {"loopback_server", loopback_server},
    {"socket_pair", socket_pair},
};

}  // namespace

std::span<const Attack> network_attacks() { return kAttacks; }

}  // namespace probe
