// SPDX-License-Identifier: Apache-2.0
// Ports of servers inside that are reachable from outside, and no others.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <csignal>
#include <string>

#include "support/host.hpp"
#include "support/mode.hpp"
#include "support/net_world.hpp"

using mixguard::test::Box;
using mixguard::test::EchoServer;
using mixguard::test::eventually;
using mixguard::test::free_port;
using mixguard::test::has_view;
using mixguard::test::Meanwhile;
using mixguard::test::Probe;
using mixguard::test::run_net;

namespace {

// What a server at 127.0.0.1:PORT answers to `text`, from outside.
std::string talk_to(const std::string& port, const std::string& text) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(std::stoi(port)));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::string answer;
  if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0 &&
      ::send(fd, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size())) {
    ::shutdown(fd, SHUT_WR);
    std::array<char, 4096> buffer{};
    for (ssize_t n = 0; (n = ::read(fd, buffer.data(), buffer.size())) > 0;)
      answer.append(buffer.data(), static_cast<std::size_t>(n));
  }
  ::close(fd);
  return answer;
}

}  // namespace

TEST_CASE("net_publish: a published port reaches the server inside, another does not", "[net]") {
  Box box;
  if (!has_view(box)) return;
  const std::string published = free_port(), secret = free_port();
  box.confinement.publish = {"127.0.0.1:" + published};
  Meanwhile visitor([&] {
    if (!eventually([&] { return Box::exists(box.upper("up")); })) return 1;
    if (!talk_to(secret, "x").empty()) return 2;
    for (const char* text : {"one", "two"}) {
      if (talk_to(published, text) != "inside: " + std::string(text)) return 3;
    }
    return 0;
  });
  const Probe served = run_net(box, {"serve", "127.0.0.1:" + published, "2", box.project("up")});
  CHECK(served.worked());
  CHECK(visitor.wait() == 0);
  CHECK(talk_to(published, "x").empty());  // closed with the run
  // The control arm of the port that is not published: inside it is there.
  box.confinement.publish = {};
  Meanwhile nobody([&] {
    if (!eventually([&] { return Box::exists(box.upper("up again")); })) return 1;
    const bool closed = talk_to(published, "x").empty();
    ::kill(::getppid(), SIGTERM);  // which is handed to the server
    return closed ? 0 : 2;
  });
  run_net(box, {"serve", "127.0.0.1:" + published, "1", box.project("up again")});
  CHECK(nobody.wait() == 0);
}

TEST_CASE("net_publish: while nobody listens inside connections are closed", "[net]") {
  Box box;
  if (!has_view(box)) return;
  const std::string port = free_port();
  box.confinement.publish = {"127.0.0.1:" + port};
  Meanwhile visitor([&] {
    ::usleep(100'000);
    for (int i = 0; i < 100; ++i) {
      if (!talk_to(port, "x").empty()) return 1;
    }
    return 0;
  });
  CHECK(run_net(box, {"wait_ms", "700"}).outcome.code == 0);
  CHECK(visitor.wait() == 0);
}

TEST_CASE("net_publish: a port in use stops the run before anything is started", "[net]") {
  Box box;
  if (!has_view(box)) return;
  const EchoServer holder("127.0.0.1:0");
  box.confinement.publish = {holder.address()};
  CHECK(run_net(box, {"serve", "127.0.0.1:1", "0", box.project("ran")}).error ==
        "[net] publish " + holder.address() +
            ": Address already in use; stop what listens there or publish another port");
  CHECK_FALSE(Box::exists(box.upper("ran")));
}

TEST_CASE("net_publish: a web server of Python is reached", "[net]") {
  Box box;
  if (!has_view(box)) return;
  if (!Box::exists("/usr/bin/python3")) {
    WARN("skipped: no /usr/bin/python3");
    return;
  }
  const std::string port = free_port();
  box.write(box.project("page"), "hello from inside\n");
  box.confinement.publish = {"127.0.0.1:" + port};
  box.confinement.limits.wall_ms = 60'000;
  Meanwhile visitor([&] {
    const std::string request = "GET /page HTTP/1.0\r\n\r\n";
    const bool reached = eventually(
        [&] { return talk_to(port, request).find("hello from inside") != std::string::npos; });
    if (reached) ::kill(::getppid(), SIGTERM);  // which is handed to the server
    return reached ? 0 : 1;
  });
  box.run_program("/usr/bin/python3", {"-m", "http.server", "--bind", "127.0.0.1", port});
  CHECK(visitor.wait() == 0);
}
