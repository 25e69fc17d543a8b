// SPDX-License-Identifier: Apache-2.0
// What [net] allow opens, and that it opens nothing else. Each attack has a control arm that works
// without the sandbox; the verdict is the servers'.
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <thread>

#include "support/host.hpp"
#include "support/mode.hpp"
#include "support/net_world.hpp"

using mixguard::test::Arguments;
using mixguard::test::bare_net;
using mixguard::test::Box;
using mixguard::test::EchoServer;
using mixguard::test::eventually;
using mixguard::test::free_port;
using mixguard::test::has_view;
using mixguard::test::Probe;
using mixguard::test::run_net;

namespace {

const std::string kLocal = "127.0.0.1:0";

bool has_ipv6() {
  const int fd = ::socket(AF_INET6, SOCK_STREAM, 0);
  if (fd >= 0) ::close(fd);
  if (fd < 0) WARN("skipped: this machine has no IPv6");
  return fd >= 0;
}

}  // namespace

TEST_CASE("net_db_port_only: the listed port is the database outside and no other port exists",
          "[net]") {
  Box box;
  if (!has_view(box)) return;
  const EchoServer database(kLocal), other(kLocal);
  box.confinement.net = {database.address()};
  REQUIRE(bare_net(box, {"connect", other.address()}).worked());
  REQUIRE(eventually([&] { return other.accepted() == 1; }));
  const Probe answer = run_net(box, {"talk", database.address(), "select 1"});
  CHECK(answer.worked());
  CHECK(answer.output == "select 1\n");
  CHECK(database.accepted() == 1);
  REQUIRE(answer.outcome.network.relayed.size() == 1);
  CHECK(answer.outcome.network.relayed[0].endpoint == database.address());
  CHECK(answer.outcome.network.relayed[0].connections == 1);
  CHECK(run_net(box, {"connect", other.address()}).refused());
  for (int i = 1; i <= 8; ++i) {
    CHECK(run_net(box, {"connect", "127.0.0.1:" + std::to_string(std::stoi(database.port()) + i)})
              .refused());
  }
  CHECK(other.accepted() == 1);
}

TEST_CASE(
    "net_db_port_only: rewriting the address and swapping the socket during connect reaches "
    "nothing else",
    "[net]") {
  Box box;
  if (!has_view(box)) return;
  const auto attack = [](const EchoServer& database, const EchoServer& other) {
    return Arguments{"race_connect", "127.0.0.1", database.port(), other.port()};
  };
  {
    // Without the sandbox it comes through now and then.
    const EchoServer database(kLocal), other(kLocal);
    for (int i = 0; i < 20 && other.accepted() == 0; ++i)
      static_cast<void>(bare_net(box, attack(database, other)));
    REQUIRE(eventually([&] { return other.accepted() > 0; }));
  }
  // Servers of their own: what the control arm still has under way must not count here.
  const EchoServer database(kLocal), other(kLocal);
  box.confinement.net = {database.address()};
  for (int i = 0; i < 3; ++i) CHECK(run_net(box, attack(database, other)).outcome.code == 0);
  CHECK(eventually([&] { return database.accepted() > 0; }));
  CHECK(other.accepted() == 0);
}

TEST_CASE("net_tcp_loopback: no other name of this machine leads out", "[net]") {
  Box box;
  if (!has_view(box)) return;
  const EchoServer database(kLocal), other("0.0.0.0:0");
  box.confinement.net = {database.address()};
  for (const std::string host : {"127.0.0.1", "0.0.0.0", "127.0.0.2", "[::ffff:127.0.0.1]"}) {
    REQUIRE(bare_net(box, {"connect", host + ":" + other.port()}).worked());
    CHECK(run_net(box, {"connect", host + ":" + other.port()}).refused());
  }
  CHECK(eventually([&] { return other.accepted() == 4; }));
}

TEST_CASE("an IPv6 endpoint is relayed, and localhost is both", "[net]") {
  Box box;
  if (!has_view(box) || !has_ipv6()) return;
  const EchoServer six("[::1]:0");
  box.confinement.net = {six.address()};
  CHECK(run_net(box, {"talk", six.address(), "six"}).output == "six\n");
  CHECK(run_net(box, {"connect", "127.0.0.1:" + six.port()}).refused());
  box.confinement.net = {"localhost:" + six.port()};
  CHECK(run_net(box, {"talk", "127.0.0.1:" + six.port(), "four"}).output == "four\n");
  CHECK(run_net(box, {"talk", six.address(), "six"}).output == "six\n");
}

TEST_CASE("an address that is not loopback has the same address and port inside", "[net]") {
  Box box;
  if (!has_view(box)) return;
  const std::string port = free_port();
  box.confinement.net = {"192.0.2.7:" + port, "[2001:db8::7]:" + port};
  // Nobody answers for them outside: they are for documentation. That something accepts inside is
  // the relay.
  CHECK(run_net(box, {"connect", "192.0.2.7:" + port}).worked());
  CHECK(run_net(box, {"connect", "192.0.2.8:" + port}).refused());
  if (has_ipv6()) CHECK(run_net(box, {"connect", "[2001:db8::7]:" + port}).worked());
}

TEST_CASE("a port below 1024 listens inside", "[net]") {
  Box box;
  if (!has_view(box)) return;
  box.confinement.net = {"127.0.0.1:443"};
  CHECK(run_net(box, {"connect", "127.0.0.1:443"}).worked());
  CHECK(run_net(box, {"connect", "127.0.0.1:444"}).refused());
}

TEST_CASE("ten megabytes pass a relay unharmed in both directions", "[net]") {
  Box box;
  if (!has_view(box)) return;
  const EchoServer echo(kLocal), local("unix:" + box.path("outside/echo"));
  box.confinement.net = {echo.address(), local.address()};
  for (const EchoServer* server : {&echo, &local}) {
    const Probe poured = run_net(box, {"pour", server->address(), "10000000"});
    CHECK(poured.worked());
    CHECK(poured.output == "10000000 bytes\n");
    CHECK(server->bytes() == 10'000'000);
  }
}

TEST_CASE("two hundred connections at once are served", "[net]") {
  Box box;
  if (!has_view(box)) return;
  const EchoServer echo(kLocal), local("unix:" + box.path("outside/echo"));
  box.confinement.net = {echo.address(), local.address()};
  CHECK(run_net(box, {"crowd", echo.address(), "200"}).output == "200\n");
  CHECK(run_net(box, {"crowd", local.address(), "200"}).output == "200\n");
  CHECK(eventually([&] { return echo.open_connections() == 0; }));
}

TEST_CASE("beyond what may be open connections are refused and the run goes on", "[net]") {
  Box box;
  if (!has_view(box)) return;
  const EchoServer echo(kLocal);
  box.confinement.net = {echo.address()};
  rlimit saved{};
  ::getrlimit(RLIMIT_NOFILE, &saved);
  const rlimit few{100, saved.rlim_max};  // 18 connections
  ::setrlimit(RLIMIT_NOFILE, &few);
  const Probe crowd = run_net(box, {"crowd", echo.address(), "60"});
  ::setrlimit(RLIMIT_NOFILE, &saved);
  CHECK(crowd.outcome.code == 1);
  CHECK(crowd.outcome.network.over_limit > 0);
  CHECK(std::stoi(crowd.output) >= 10);
}

TEST_CASE("running out of descriptors pauses the relay and does not end it", "[net]") {
  Box box;
  if (!has_view(box)) return;
  const EchoServer echo(kLocal);
  box.confinement.net = {echo.address()};
  rlimit saved{};
  ::getrlimit(RLIMIT_NOFILE, &saved);
  const rlimit few{28, saved.rlim_max};  // at most 8 connections, and not even room for those
  ::setrlimit(RLIMIT_NOFILE, &few);
  const Probe crowd = run_net(box, {"crowd", echo.address(), "12"});
  ::setrlimit(RLIMIT_NOFILE, &saved);
  CHECK(crowd.error.empty());
  CHECK(crowd.outcome.kind == mixguard::sandbox::Outcome::Kind::kExited);
}

TEST_CASE("an endpoint without anybody outside costs nothing until it is used", "[net]") {
  Box box;
  if (!has_view(box)) return;
  const std::string port = free_port();
  box.confinement.net = {"127.0.0.1:" + port, "unix:" + box.path("outside/absent")};
  const Probe unused = run_net(box, {"wait_ms", "1"});
  CHECK(unused.outcome.code == 0);
  CHECK(unused.outcome.network.empty());
  CHECK(run_net(box, {"connect", "unix:" + box.path("outside/absent")}).refused());
  const Probe used = run_net(box, {"talk", "127.0.0.1:" + port, "hello"});
  CHECK(used.refused());
  REQUIRE(used.outcome.network.relayed.size() == 1);
  CHECK(used.outcome.network.relayed[0].failed == 1);
  CHECK(used.outcome.network.relayed[0].why == "Connection refused");
}

TEST_CASE("what a command says last still arrives, and nothing of it stays open", "[net]") {
  Box box;
  if (!has_view(box)) return;
  const EchoServer echo(kLocal);
  box.confinement.net = {echo.address()};
  CHECK(run_net(box, {"say_and_die", echo.address(), "goodbye"}).worked());
  CHECK(eventually([&] { return echo.bytes() == 7; }));
  CHECK(run_net(box, {"hold", echo.address(), "1"}).worked());
  CHECK(eventually([&] { return echo.open_connections() == 0; }));
}

TEST_CASE("the wall-clock limit ends a run whose connections are open", "[net]") {
  Box box;
  if (!has_view(box)) return;
  const EchoServer echo(kLocal);
  box.confinement.net = {echo.address()};
  box.confinement.limits.wall_ms = 300;
  CHECK(run_net(box, {"hold", echo.address(), "20000"}).outcome.kind ==
        mixguard::sandbox::Outcome::Kind::kTimedOut);
  CHECK(eventually([&] { return echo.open_connections() == 0; }));
}

TEST_CASE("the command holds no descriptor of the supervisor's", "[net]") {
  Box box;
  if (!has_view(box)) return;
  const EchoServer echo(kLocal), local("unix:" + box.path("outside/echo"));
  box.confinement.net = {echo.address(), local.address(), "example.com:443"};
  box.confinement.publish = {"127.0.0.1:" + free_port()};
  CHECK(run_net(box, {"descriptors"}).output == "\n");
}

TEST_CASE("relays that the policy switches off are not there", "[net]") {
  Box box;
  if (!has_view(box)) return;
  const EchoServer echo(kLocal);
  box.confinement.net = {echo.address()};
  box.confinement.safeguards = {{"network_relays", mixguard::policy::Requirement::kOff}};
  CHECK(run_net(box, {"connect", echo.address()}).refused());
  CHECK(echo.accepted() == 0);
}

TEST_CASE("an endpoint that cannot be relayed stops the run and says why", "[net]") {
  Box box;
  if (!has_view(box)) return;
  for (const std::string endpoint : {"0.0.0.0:80", "[::]:80", "224.0.0.1:80", "[fe80::1]:80"}) {
    box.confinement.net = {endpoint};
    CHECK(run_net(box, {"wait_ms", "1"}).error.find(endpoint) != std::string::npos);
  }
}
