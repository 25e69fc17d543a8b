// SPDX-License-Identifier: Apache-2.0
// The proxy inside: what it understands, and what it reaches.
#include <unistd.h>

#include <catch2/catch.hpp>
#include <string>

#include "sandbox/address.hpp"
#include "sandbox/connect_request.hpp"
#include "support/mode.hpp"
#include "support/net_world.hpp"

using mixguard::policy::parse_endpoint;
using mixguard::sandbox::address_of;
using mixguard::sandbox::ConnectRequest;
using mixguard::sandbox::is_public;
using mixguard::sandbox::parse_connect_request;
using mixguard::sandbox::spelling;
using mixguard::test::Box;
using mixguard::test::EchoServer;
using mixguard::test::free_port;
using mixguard::test::has_view;
using mixguard::test::Probe;
using mixguard::test::run_net;
using Status = ConnectRequest::Status;
using namespace std::string_literals;

namespace {

const std::string kProxy = "127.66.255.254:61066";

ConnectRequest connect_to(const std::string& target) {
  return parse_connect_request("CONNECT " + target + " HTTP/1.1\r\nHost: " + target + "\r\n\r\n");
}

}  // namespace

TEST_CASE("a request for a name is read, in lower case, with what is behind it", "[net]") {
  const std::string head =
      "CONNECT Repo.Hex.PM:443 HTTP/1.1\r\nHost: x\r\nUser-Agent: a b\tc\r\n\r\n";
  const ConnectRequest request = parse_connect_request(head + "TLS");
  REQUIRE(request.status == Status::kTarget);
  CHECK(request.target.host == "repo.hex.pm");
  CHECK(request.target.port == 443);
  CHECK(request.length == head.size());
  CHECK(spelling(request.target) == "repo.hex.pm:443");
  CHECK(spelling(connect_to("[::1]:5432").target) == "[::1]:5432");
  for (std::size_t cut = 0; cut < head.size(); ++cut)
    CHECK(parse_connect_request(head.substr(0, cut)).status == Status::kIncomplete);
}

TEST_CASE("net_proxy_parser: what two readers could take in two ways is refused", "[net]") {
  for (const std::string& target : {
           "evil.com\0.hex.pm:443"s,
           "hex.pm"s,
           "hex.pm:"s,
           "hex.pm:0"s,
           "hex.pm:65536"s,
           "hex.pm:443:443"s,
           "hex.pm:+443"s,
           "hex.pm:0x1bb"s,
           "hex.pm.:443"s,
           ".hex.pm:443"s,
           "hex..pm:443"s,
           "user@hex.pm:443"s,
           "hex.pm/path:443"s,
           "http://hex.pm:443"s,
           "2130706433:443"s,
           "0x7f000001:443"s,
           "0x7f.1:443"s,
           "127.1:443"s,
           "0177.0.0.1:443"s,
           "127.0.0.1.:443"s,
           "999.0.0.1:443"s,
           "[::1%lo]:443"s,
           "[::1]443"s,
           "::1:443"s,
           "[::ffff:127.0.0.1]:443"s,
           "h\xc3\xa9x.pm:443"s,
           "hex.pm%00:443"s,
           "*:443"s,
           ""s,
           "unix:/run/x"s,
           "hex.pm:443 "s,
           " hex.pm:443"s,
           "hex.pm\t:443"s,
           "hex.pm\x7f:443"s,
           std::string(300, 'a') + ":443",
           std::string(64, 'a') + ".com:443",
       }) {
    CAPTURE(target);
    CHECK(connect_to(target).status == Status::kMalformed);
  }
  for (const std::string& text : {
           "CONNECT hex.pm:443 HTTP/1.1\n\n"s,                              // bare LF
           "CONNECT hex.pm:443 HTTP/1.1\r\r\n\r\n"s,                        // bare CR
           "CONNECT hex.pm:443 HTTP/1.1\r\nA: b\nC: d\r\n\r\n"s,            //
           "CONNECT hex.pm:443 HTTP/1.1\r\n folded: x\r\n\r\n"s,            //
           "CONNECT hex.pm:443 HTTP/1.1\r\nno colon\r\n\r\n"s,              //
           "CONNECT hex.pm:443 HTTP/1.1\r\nA : b\r\n\r\n"s,                 //
           "CONNECT hex.pm:443 HTTP/1.1\r\nA: \x01\r\n\r\n"s,               //
           "CONNECT hex.pm:443 HTTP/1.1\r\nA: \0\r\n\r\n"s,                 //
           "CONNECT hex.pm:443 HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"s,  // a body
           "CONNECT hex.pm:443 HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n"s,
           "CONNECT hex.pm:443 HTTP/2\r\n\r\n"s,
           "CONNECT hex.pm:443\r\n\r\n"s,
           "CONNECT  hex.pm:443 HTTP/1.1\r\n\r\n"s,
           " CONNECT hex.pm:443 HTTP/1.1\r\n\r\n"s,
           "\r\nCONNECT hex.pm:443 HTTP/1.1\r\n\r\n"s,
           "\x16\x03\x01\x02"s,
           "\x05\x01\x00"s,
           "CONNECT " + std::string(600, 'a'),
           "CONNECT hex.pm:443 HTTP/1.1\r\nA: " + std::string(9000, 'a'),
       }) {
    CAPTURE(text);
    CHECK(parse_connect_request(text).status == Status::kMalformed);
  }
  std::string many = "CONNECT hex.pm:443 HTTP/1.1\r\n";
  for (int i = 0; i < 70; ++i) many += "A: b\r\n";
  CHECK(parse_connect_request(many + "\r\n").status == Status::kMalformed);
  CHECK(parse_connect_request("GET http://hex.pm/ HTTP/1.1\r\n\r\n").status ==
        Status::kOtherMethod);
  CHECK(parse_connect_request("connect hex.pm:443 HTTP/1.1\r\n\r\n").status ==
        Status::kOtherMethod);
}

TEST_CASE("only what the internet routes to is public", "[net]") {
  for (const char* text :
       {"127.0.0.1", "127.66.0.1", "10.0.0.5", "172.16.0.1", "172.31.255.255", "192.168.1.1",
        "169.254.169.254", "100.64.0.1", "0.0.0.0", "0.1.2.3", "224.0.0.1", "255.255.255.255",
        "198.18.0.1", "168.63.129.16", "192.0.2.1"}) {
    CAPTURE(text);
    CHECK_FALSE(is_public(*address_of(*parse_endpoint(std::string(text) + ":443"))));
  }
  for (const char* text :
       {"::1", "::", "fe80::1", "fc00::1", "fd00:ec2::254", "ff02::1", "::ffff:a00:1",
        "::ffff:7f00:1", "64:ff9b::a00:1", "2002:a00:1::1", "2001::1", "2001:db8::1", "::7f00:1"}) {
    CAPTURE(text);
    CHECK_FALSE(is_public(*address_of(*parse_endpoint("[" + std::string(text) + "]:443"))));
  }
  for (const char* text : {"1.1.1.1:443", "172.32.0.1:443", "151.101.1.1:443", "[2606:4700::1]:443",
                           "[64:ff9b::101:101]:443", "[::ffff:101:101]:443"}) {
    CAPTURE(text);
    CHECK(is_public(*address_of(*parse_endpoint(text))));
  }
}

TEST_CASE("the proxy is announced when a name is listed, and only then", "[net]") {
  Box box;
  if (!has_view(box)) return;
  box.confinement.net = {"127.0.0.1:5432", "localhost:5432"};
  CHECK(run_net(box, {"environment"}).output == "PATH=/usr/bin:/bin\n");
  CHECK(run_net(box, {"connect", kProxy}).refused());
  box.confinement.net = {"repo.hex.pm:443"};
  CHECK(run_net(box, {"environment"}).output ==
        "PATH=/usr/bin:/bin\nHTTP_PROXY=http://" + kProxy + "\nHTTPS_PROXY=http://" + kProxy +
            "\nhttp_proxy=http://" + kProxy + "\nhttps_proxy=http://" + kProxy +
            "\nNO_PROXY=localhost,127.0.0.1,::1\nno_proxy=localhost,127.0.0.1,::1\n");
  box.environment.push_back("https_proxy=http://proxy.example:3128");
  CHECK(run_net(box, {"environment"}).output ==
        "PATH=/usr/bin:/bin\nhttps_proxy=http://proxy.example:3128\n");
}

TEST_CASE("a listed destination is reached through the proxy, with the bytes sent too early",
          "[net]") {
  Box box;
  if (!has_view(box)) return;
  const EchoServer upstream("127.0.0.1:0");
  box.confinement.net = {"repo.hex.pm:443", "localhost:" + upstream.port(), upstream.address()};
  for (const std::string& host : {"127.0.0.1:"s, "LocalHost:"s}) {
    const Probe answer =
        run_net(box, {"talk", kProxy,
                      "CONNECT " + host + upstream.port() + " HTTP/1.1\r\nHost: x\r\n\r\nhello"});
    CHECK(answer.output == "HTTP/1.1 200 Connection established\r\n\r\nhello\n");
  }
  CHECK(upstream.accepted() == 2);
}

TEST_CASE(
    "net_proxy_parser: a destination that is not listed gets a 403 that says what would "
    "allow it, and is recorded",
    "[net]") {
  Box box;
  if (!has_view(box)) return;
  const EchoServer other("127.0.0.1:0");
  box.confinement.net = {"repo.hex.pm:443"};
  for (const std::string& target :
       {"evil.example:443"s, "repo.hex.pm:80"s, "xn--repo-hex.pm:443"s, "repo.hex.pm.evil.com:443"s,
        other.address(), "169.254.169.254:80"s}) {
    CAPTURE(target);
    const Probe answer = run_net(box, {"ask", kProxy, "CONNECT " + target + " HTTP/1.1\r\n\r\n"});
    CHECK(answer.output.starts_with("HTTP/1.1 403 Forbidden\r\n"));
    CHECK(answer.output.find("mixguard: " + target +
                             " is not in [net] allow; this would allow it: "
                             "[net] allow = [\"" +
                             target + "\"]") != std::string::npos);
    REQUIRE(answer.outcome.network.refused.size() == 1);
    CHECK(answer.outcome.network.refused[0].destination == target);
    CHECK(answer.outcome.network.refused[0].count == 1);
    CHECK(answer.outcome.network.relayed.empty());
  }
  CHECK(other.accepted() == 0);
  const Probe smuggled = run_net(box, {"ask", kProxy, "CONNECT repo.hex.pm.:443 HTTP/1.1\r\n\r\n"});
  CHECK(smuggled.output.starts_with("HTTP/1.1 400 Bad Request\r\n"));
  CHECK(smuggled.outcome.network.malformed_requests == 1);
  CHECK(run_net(box, {"ask", kProxy, "GET http://repo.hex.pm/ HTTP/1.1\r\n\r\n"})
            .output.starts_with("HTTP/1.1 405 "));
}

TEST_CASE("a destination without anybody there is a bad gateway, not a refusal", "[net]") {
  Box box;
  if (!has_view(box)) return;
  const std::string port = free_port();
  box.confinement.net = {"repo.hex.pm:443", "127.0.0.1:" + port};
  const Probe answer =
      run_net(box, {"ask", kProxy, "CONNECT 127.0.0.1:" + port + " HTTP/1.1\r\n\r\n"});
  CHECK(answer.output.starts_with("HTTP/1.1 502 Bad Gateway\r\n"));
  CHECK(answer.outcome.network.refused.empty());
}

TEST_CASE("a listed name is in the hosts file and nothing else can be looked up", "[net]") {
  Box box;
  if (!has_view(box)) return;
  box.confinement.net = {"db.example:5432", "repo.hex.pm:443", "hex.pm:443", "repo.hex.pm:80"};
  box.workspace.binds.push_back({"/etc/hosts", "/etc/hosts", false, true});
  CHECK(run_net(box, {"resolve", "db.example"}).output == "127.66.0.1 ");
  CHECK(run_net(box, {"resolve", "repo.hex.pm"}).output == "127.66.0.2 ");
  CHECK(run_net(box, {"resolve", "hex.pm"}).output == "127.66.0.3 ");
  CHECK(run_net(box, {"resolve", "localhost"}).worked());
  CHECK(run_net(box, {"resolve", "example.org"}).refused());
  for (const char* address : {"127.66.0.1:5432", "127.66.0.2:443", "127.66.0.2:80"})
    CHECK(run_net(box, {"connect", address}).worked());
  for (const char* address : {"127.66.0.1:443", "127.66.0.3:80", "127.66.0.4:443"})
    CHECK(run_net(box, {"connect", address}).refused());
}

TEST_CASE("a name that leads to a private address is refused unless that address is listed",
          "[net]") {
  Box box;
  if (!has_view(box)) return;
  // The machine's own name is the only one that leads to itself everywhere.
  char name[256] = {};
  ::gethostname(name, sizeof(name) - 1);
  const std::string host = name;
  const EchoServer own("0.0.0.0:0");
  REQUIRE(mixguard::policy::is_endpoint(host + ":" + own.port()));
  box.confinement.net = {host + ":" + own.port()};
  const Probe refused = run_net(box, {"talk", "127.66.0.1:" + own.port(), "x"});
  CHECK(refused.refused());
  CHECK(own.accepted() == 0);
  if (refused.outcome.network.refused.empty()) {
    WARN("skipped: " << host << " leads nowhere");
    return;
  }
  const std::string destination = refused.outcome.network.refused[0].destination;
  if (destination.starts_with("[")) return;
  box.confinement.net.push_back(destination);
  CHECK(run_net(box, {"talk", "127.66.0.1:" + own.port(), "x"}).output == "x\n");
}
