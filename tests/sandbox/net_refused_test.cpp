// SPDX-License-Identifier: Apache-2.0
// What is said of attempts that the network inside has no place for.
#include <array>
#include <catch2/catch.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sandbox/name_question.hpp"
#include "support/mode.hpp"
#include "support/net_world.hpp"
#include "support/verdict.hpp"

using mixguard::sandbox::no_such_name;
using mixguard::sandbox::read_question;
using mixguard::test::Box;
using mixguard::test::EchoServer;
using mixguard::test::has_view;
using mixguard::test::not_tried_here;
using mixguard::test::Probe;
using mixguard::test::run_net;

namespace {

using Bytes = std::vector<std::uint8_t>;

// Where everything may be started, so that the monitor is there and sees connections.
bool watches_connections(Box& box) {
  if (!has_view(box)) return false;
  if (!box.kernel.exec_events) {
    not_tried_here();
    return false;
  }
  box.exec.judge = [](const auto&) { return mixguard::sandbox::ExecVerdict{true, "", "", {}}; };
  return true;
}

Bytes query_for(std::string_view labels) {  // lengths included
  Bytes query{0x12, 0x34, 0x01, 0x20, 0, 1, 0, 0, 0, 0, 0, 0};
  query.insert(query.end(), labels.begin(), labels.end());
  query.insert(query.end(), {0, 0, 28, 0, 1});
  return query;
}

}  // namespace

TEST_CASE("a connection to what is not listed is recorded where it was going", "[net]") {
  Box box;
  if (!watches_connections(box)) return;
  box.confinement.net = {"10.1.2.3:80"};
  for (const char* address : {"192.0.2.7:443", "169.254.169.254:80", "10.1.2.3:81"}) {
    INFO(address);
    const Probe probe = run_net(box, {"connect", address});
    CHECK(probe.refused());
    REQUIRE(probe.outcome.network.refused.size() == 1);
    CHECK(probe.outcome.network.refused[0].destination == address);
    CHECK(probe.outcome.network.refused[0].count == 1);
  }
}

TEST_CASE("what the command does on its own loopback and with listed endpoints is no refusal",
          "[net]") {
  const EchoServer server("127.0.0.1:0");
  Box box;
  if (!watches_connections(box)) return;
  box.confinement.net = {server.address(), "10.1.2.3:80"};
  for (const std::string& address :
       {server.address(), std::string("10.1.2.3:80"), std::string("127.0.0.1:9"),
        std::string("0.0.0.0:9"), std::string("[::]:9"), std::string("[::ffff:127.0.0.1]:9")}) {
    INFO(address);
    CHECK(run_net(box, {"connect", address}).outcome.network.refused.empty());
  }
}

TEST_CASE("a name that is not listed is refused at once, and recorded once", "[net]") {
  Box box;
  if (!watches_connections(box)) return;
  box.confinement.net = {"hex.pm:443"};
  CHECK(run_net(box, {"resolve", "hex.pm"}).outcome.network.refused.empty());
  const Probe probe = run_net(box, {"resolve", "Repo.Hex.pm"});
  CHECK(probe.refused());
  REQUIRE(probe.outcome.network.refused.size() == 1);
  CHECK(probe.outcome.network.refused[0].destination == "repo.hex.pm");
}

TEST_CASE("a question is read for its name, and answered with that there is none", "[net]") {
  const Bytes query = query_for("\4Repo\3hex\2pm");
  const auto question = read_question(query);
  REQUIRE(question);
  CHECK(question->name == "repo.hex.pm");
  CHECK(question->size == query.size());
  Bytes expected = query;
  expected[2] = 0x81;
  expected[3] = 0x83;
  CHECK(no_such_name(query, *question) == expected);

  // What a resolver adds behind the question (EDNS, RFC 6891) is not part of the answer.
  Bytes longer = query;
  longer[11] = 1;
  longer.insert(longer.end(), {0, 0, 41, 4, 0xd0, 0, 0, 0, 0, 0, 0});
  const auto same = read_question(longer);
  REQUIRE(same);
  CHECK(no_such_name(longer, *same) == expected);
}

TEST_CASE("what is not one plain question is not answered", "[net]") {
  const Bytes good = query_for("\4repo\3hex\2pm");
  for (std::size_t size = 0; size < good.size(); ++size)
    CHECK_FALSE(read_question(std::span(good).first(size)));
  const auto changed = [&](std::size_t at, std::uint8_t to) {
    Bytes query = good;
    query[at] = to;
    return read_question(query).has_value();
  };
  CHECK_FALSE(changed(2, 0x81));   // an answer
  CHECK_FALSE(changed(2, 0x28));   // an update
  CHECK_FALSE(changed(5, 2));      // two questions
  CHECK_FALSE(changed(5, 0));      // none
  CHECK_FALSE(changed(12, 0xc0));  // a pointer
  CHECK_FALSE(changed(12, 0x40));
  CHECK_FALSE(changed(13, ' '));
  CHECK_FALSE(changed(13, 0));
  CHECK_FALSE(changed(13, 0x1b));
  CHECK_FALSE(read_question(query_for("")));
  std::string longest;
  for (int i = 0; i < 5; ++i) longest += static_cast<char>(60) + std::string(60, 'a');
  CHECK_FALSE(read_question(query_for(longest)));
}
