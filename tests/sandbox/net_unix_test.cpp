// SPDX-License-Identifier: Apache-2.0
// Unix sockets: the listed path and nothing else, bytes and nothing else.
#include <catch2/catch.hpp>

#include "support/mode.hpp"
#include "support/net_world.hpp"

using mixguard::test::bare_net;
using mixguard::test::Box;
using mixguard::test::EchoServer;
using mixguard::test::has_view;
using mixguard::test::run_net;

TEST_CASE("net_unix_path: without a listed path there are no unix sockets at all", "[net]") {
  Box box;
  if (!has_view(box)) return;
  const EchoServer local("unix:" + box.path("outside/local"));
  REQUIRE(bare_net(box, {"talk", local.address(), "x"}).worked());
  CHECK(run_net(box, {"talk", local.address(), "x"}).refused());
  CHECK(run_net(box, {"bind", "unix:/tmp/own"}).refused());
  CHECK(local.accepted() == 1);
}

TEST_CASE("net_unix_path: the listed path is the socket outside and no other is there", "[net]") {
  Box box;
  if (!has_view(box)) return;
  const EchoServer listed("unix:" + box.path("outside/listed"));
  const EchoServer other("unix:" + box.path("outside/other"));
  const EchoServer in_project("unix:" + box.project("agent.sock"));
  box.confinement.net = {listed.address()};
  CHECK(run_net(box, {"talk", listed.address(), "hello"}).output == "hello\n");
  CHECK(listed.accepted() == 1);
  for (const EchoServer* server : {&other, &in_project}) {
    REQUIRE(bare_net(box, {"talk", server->address(), "x"}).worked());
    CHECK(run_net(box, {"talk", server->address(), "x"}).refused());
    CHECK(server->accepted() == 1);
  }
  for (const char* type : {"connect_datagram", "connect_packets"})
    CHECK(run_net(box, {type, listed.address()}).refused());
}

TEST_CASE("net_unix_path: a descriptor that is sent along does not get out", "[net]") {
  Box box;
  if (!has_view(box)) return;
  const EchoServer listed("unix:" + box.path("outside/listed"));
  box.confinement.net = {listed.address()};
  REQUIRE(bare_net(box, {"pass_descriptor", listed.address(), "/etc/passwd"}).worked());
  REQUIRE(listed.descriptors_received() == 1);
  CHECK(run_net(box, {"pass_descriptor", listed.address(), "/etc/passwd"}).worked());
  CHECK(listed.accepted() == 2);
  CHECK(listed.descriptors_received() == 1);
}

TEST_CASE("net_abstract: abstract sockets of the host are not there", "[net]") {
  Box box;
  if (!has_view(box)) return;
  const EchoServer listed("unix:" + box.path("outside/listed"));
  const EchoServer abstract("unix:@mixguard-test-" + box.path("x"));
  box.confinement.net = {listed.address()};
  REQUIRE(bare_net(box, {"talk", abstract.address(), "x"}).worked());
  CHECK(run_net(box, {"talk", abstract.address(), "x"}).refused());
  CHECK(abstract.accepted() == 1);
}

TEST_CASE("net_domains: with a listed path only unix streams are added to IPv4 and IPv6", "[net]") {
  Box box;
  if (!has_view(box)) return;
  const EchoServer listed("unix:" + box.path("outside/listed"));
  box.confinement.net = {listed.address()};
  CHECK(box.run({"socket_families"}).output == "1/1 2/1 2/2 10/1 10/2 \n");
}

TEST_CASE("a socket where the view is the host's cannot be relayed, and the run says so", "[net]") {
  Box box;
  if (!has_view(box)) return;
  const EchoServer in_project("unix:" + box.project("db.sock"));
  box.confinement.net = {in_project.address()};
  CHECK(run_net(box, {"wait_ms", "1"}).error ==
        "[net] allow " + in_project.address() + ": it cannot be relayed, because " + box.project() +
            " is shown to the command as it is; let the server listen elsewhere, in /tmp or on "
            "127.0.0.1");
}

TEST_CASE("reduced mode opens no unix sockets", "[net]") {
  Box box;
  box.hide_user_namespaces();
  if (box.kernel.landlock_abi == 0) return;  // nothing runs then
  const EchoServer listed("unix:" + box.path("outside/listed"));
  box.confinement.net = {listed.address()};
  CHECK(run_net(box, {"talk", listed.address(), "x"}).refused());
  CHECK(listed.accepted() == 0);
}
