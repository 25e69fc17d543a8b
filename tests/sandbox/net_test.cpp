// SPDX-License-Identifier: Apache-2.0
// Attacks over sockets. Everything stays on this machine: the listeners are the test's own.
#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "../helpers/ring.hpp"
#include "support/attack.hpp"
#include "support/host.hpp"
#include "support/mode.hpp"
#include "support/verdict.hpp"

using namespace mixguard::test;

namespace {

Effect reaches(const Listener& listener) {
  return [&](const Probe&) { return listener.was_reached(); };
}

// An address of this machine on a network, if it has one.
std::string own_address() {
  ifaddrs* all = nullptr;
  if (::getifaddrs(&all) != 0) return "";
  std::string found;
  for (const ifaddrs* at = all; at != nullptr && found.empty(); at = at->ifa_next) {
    if (at->ifa_addr == nullptr || at->ifa_addr->sa_family != AF_INET) continue;
    char text[INET_ADDRSTRLEN] = "";
    const auto* address = reinterpret_cast<const sockaddr_in*>(at->ifa_addr);
    if (ntohl(address->sin_addr.s_addr) >> 24 == 127) continue;
    if (::inet_ntop(AF_INET, &address->sin_addr, text, sizeof(text)) != nullptr) found = text;
  }
  ::freeifaddrs(all);
  return found;
}

// Every way to write "this machine".
std::vector<std::string> own_addresses() {
  std::vector<std::string> all{"127.0.0.1", "127.9.9.9", "0.0.0.0",
                               "::1",       "::",        "::ffff:127.0.0.1"};
  if (const std::string lan = own_address(); !lan.empty()) all.push_back(lan);
  return all;
}

// Echo requests that this machine's network answered.
long echoes() {
  std::ifstream lines("/proc/net/snmp");
  std::string names, values;
  while (std::getline(lines, names)) {
    if (!names.starts_with("IcmpMsg:")) continue;
    std::getline(lines, values);
    std::istringstream name(names), value(values);
    std::string a, b;
    while (name >> a && value >> b) {
      if (a == "InType8") return std::stol(b);
    }
  }
  return 0;
}

}  // namespace

TEST_CASE("net_tcp_loopback: no TCP port of the host is reachable", "[escape]") {
  Box box;
  if (!can_confine(box)) return;
  const Listener tcp = Listener::internet(SOCK_STREAM);
  for (const std::string& host : own_addresses())
    attack(box, {"at_" + host, {"tcp_connect", host, tcp.port}, reaches(tcp)});
  const Arguments multipath{"multipath_connect", "127.0.0.1", tcp.port};
  if (reaches(tcp)(box.bare(multipath))) attack(box, {"multipath", multipath, reaches(tcp)});
}

TEST_CASE("net_serve: a server inside is not reachable from outside", "[escape]") {
  Box box;
  if (!can_confine(box)) return;
  // A port that is free: one that somebody just had.
  const std::string port = Listener::internet(SOCK_STREAM).port;
  attack(box, {.name = "any_address", .arguments = {"serve", port}, .look = [&](pid_t) {
                 return box.bare({"tcp_connect", "127.0.0.1", port}).worked();
               }});
}

TEST_CASE("net_udp_dns: no packet reaches the host", "[escape]") {
  Box box;
  if (!can_confine(box)) return;
  const Listener udp = Listener::internet(SOCK_DGRAM);
  const Listener tcp = Listener::internet(SOCK_STREAM);
  for (const std::string& host : own_addresses()) {
    attack(box, {"udp_" + host, {"udp_send", host, udp.port}, reaches(udp)});
    // A TCP connection that connect(2) has no part in.
    attack(box, {"fast_open_" + host, {"tcp_fast_open", host, tcp.port}, reaches(tcp)});
  }
  long before = echoes();
  const Effect answered = [&](const Probe&) {
    const long now = echoes();
    return now != std::exchange(before, now);
  };
  for (const int type : {SOCK_RAW, SOCK_DGRAM}) {
    const Arguments ping{"icmp_echo", "127.0.0.1", std::to_string(type)};
    // Raw sockets are root's, the others those of the groups in net.ipv4.ping_group_range.
    const bool can = box.bare(ping).worked();
    before = echoes();
    attack(box, {.name = type == SOCK_RAW ? "icmp_raw" : "icmp",
                 .arguments = ping,
                 .effect = answered,
                 .without_control = !can});
  }
}

TEST_CASE("net_db_port_only: in reduced mode the port of the policy is reached and no other",
          "[escape]") {
  Box box;
  if (!can_confine(box)) return;
  if (mode().landlock_abi < 4) return not_tried_here();  // Landlock restricts no TCP
  box.hide_user_namespaces();
  const Listener database = Listener::internet(SOCK_STREAM);
  const Listener other = Listener::internet(SOCK_STREAM);
  box.confinement.net = {"127.0.0.1:" + database.port};
  CHECK(box.run({"tcp_connect", "127.0.0.1", database.port}).worked());
  CHECK(database.was_reached());
  attack(box, {"another_port", {"tcp_connect", "127.0.0.1", other.port}, reaches(other)});
}

TEST_CASE("net_unix_path: no unix socket of the host is reachable", "[escape]") {
  Box box;
  if (!can_confine(box)) return;
  for (const std::string& path : {box.path("outside/agent.sock"), box.project("lib/host.sock")}) {
    const std::string where = path.starts_with(box.project()) ? "project_" : "outside_";
    for (const int type : {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET}) {
      const Listener daemon = Listener::named(path, type);
      attack(box, {where + std::to_string(type),
                   {"unix_connect", path, std::to_string(type)},
                   // A datagram socket's connect(2) leaves nothing with the other one.
                   type == SOCK_DGRAM ? answers() : reaches(daemon)});
      if (type == SOCK_DGRAM) {
        const std::string datagram = std::to_string(SOCK_DGRAM);
        attack(box, {where + "pair_send", {"unix_pair_send", path, datagram}, reaches(daemon)});
        attack(box,
               {where + "pair_connect", {"unix_pair_connect", path, datagram}, reaches(daemon)});
      }
      ::unlink(path.c_str());
    }
  }
}

TEST_CASE("net_unix_path: a socket in a directory that is written through is not reachable",
          "[escape]") {
  Box box;
  if (!has_view(box)) return;
  box.go_live();
  const std::string path = box.project("lib/host.sock");
  const std::string datagram = std::to_string(SOCK_DGRAM);
  {
    const Listener daemon = Listener::named(path, SOCK_STREAM);
    attack(box,
           {"live_stream", {"unix_connect", path, std::to_string(SOCK_STREAM)}, reaches(daemon)});
  }
  ::unlink(path.c_str());
  const Listener daemon = Listener::named(path, SOCK_DGRAM);
  attack(box, {"live_pair_send", {"unix_pair_send", path, datagram}, reaches(daemon)});
  attack(box, {"live_pair_connect", {"unix_pair_connect", path, datagram}, reaches(daemon)});
}

TEST_CASE("net_abstract: no abstract socket of the host is reachable", "[escape]") {
  Box box;
  if (!can_confine(box)) return;
  const std::string name = "@" + box.path("abstract");
  {
    const Listener service = Listener::named(name, SOCK_STREAM);
    attack(box, {"stream", {"unix_connect", name, std::to_string(SOCK_STREAM)}, reaches(service)});
  }
  const Listener service = Listener::named(name, SOCK_DGRAM);
  const std::string datagram = std::to_string(SOCK_DGRAM);
  attack(box, {"pair_send", {"unix_pair_send", name, datagram}, reaches(service)});
  attack(box, {"pair_connect", {"unix_pair_connect", name, datagram}, reaches(service)});
}

TEST_CASE("net_domains: only internet stream and datagram sockets can be made", "[escape]") {
  Box box;
  if (!can_confine(box)) return;
  REQUIRE(box.bare({"socket_families"}).output.find("1/1 ") != std::string::npos);
  // Without a network of its own the command gets no datagrams either.
  const bool full = mode().strength == Strength::kFull;
  const std::string left = full ? "2/1 2/2 10/1 10/2 \n" : "2/1 10/1 \n";
  const std::string sockets = box.run({"socket_families"}).output;
  CHECK(sockets == left);
  verdict("sockets", sockets != left);
  const std::string pairs = box.run({"pair_families"}).output;
  CHECK(pairs == "1 \n");
  verdict("pairs", pairs != "1 \n");
}

TEST_CASE("net_io_uring: a ring does nothing that system calls may not", "[escape]") {
  Box box;
  if (!can_confine(box)) return;
  const Listener tcp = Listener::internet(SOCK_STREAM);
  const std::string made = box.path("outside/made");
  Ring ring;
  if (ring.fd() < 0) {
    WARN("skipped: io_uring is switched off here");
    return;
  }
  attack(box, {"create", {"ring_create", made}, makes(made)});
  attack(box, {"connect", {"ring_connect", "127.0.0.1", tcp.port}, reaches(tcp)});
  attack(box, {.name = "held",
               .arguments = {"ring_create", box.project("lib/made")},
               .look = [](pid_t pid) { return holds(pid, "io_uring"); }});
  // One that the caller left open, with an operation in it on a file that only the ring holds.
  const std::string secret = box.path("outside/secret");
  const int file = ::open(secret.c_str(), O_RDWR | O_CLOEXEC);
  REQUIRE(ring.keep(file));
  ::fcntl(ring.fd(), F_SETFD, 0);
  const Effect extended = [&](const Probe&) {
    const bool done = std::filesystem::file_size(secret) != 7;
    REQUIRE(::ftruncate(file, 7) == 0);
    ring.prepare(Ring::extend_kept_file(4096));
    return done;
  };
  ring.prepare(Ring::extend_kept_file(4096));
  attack(box, {"inherited", {"ring_enter", std::to_string(ring.fd())}, extended});
  ::close(ring.fd());
  ::close(file);
}

TEST_CASE("net_needed: a stream pair and a server on loopback work, as the BEAM needs them",
          "[escape]") {
  Box box;
  if (!can_confine(box)) return;
  CHECK(box.run({"socket_pair"}).worked());
  // Without a network of its own, connecting is limited to the ports of the policy.
  if (mode().strength == Strength::kFull) CHECK(box.run({"loopback_server"}).worked());
}
