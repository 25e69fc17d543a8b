// SPDX-License-Identifier: Apache-2.0
#include "guard/lineage.hpp"

#include <unistd.h>

#include <catch2/catch.hpp>

namespace mixguard::guard {
namespace {

using Lineage = std::vector<Process>;

constexpr int kTty1 = 34817;
constexpr int kTty2 = 34818;

const Process kInit{1, 0, 1, 0, 1, 0};
const Process kManager{500, 1, 500, 0, 10, 1000};  // what a desktop's session is run by
const Process kEmulator{600, 500, 600, 0, 20, 1000};
const Process kShell{700, 600, 700, kTty1, 30, 1000};
const Process kAgent{800, 700, 700, kTty1, 40, 1000};
const Process kOtherShell{710, 600, 710, kTty2, 35, 1000};

Lineage chain(Process first, Lineage rest) {
  rest.insert(rest.begin(), first);
  return rest;
}

const Lineage kDesktop{kEmulator, kManager, kInit};
const Lineage kAgentChain = chain(kAgent, chain(kShell, kDesktop));
const Lineage kPerson = chain({900, 710, 710, kTty2, 60, 1000}, chain(kOtherShell, kDesktop));

TEST_CASE("the lineage of this process leads to init") {
  const auto own = lineage_of(::getpid());
  REQUIRE(own);
  CHECK(own->front().pid == ::getpid());
  CHECK(own->front().parent == ::getppid());
  CHECK(own->front().session == ::getsid(0));
  CHECK(own->front().started > 0);
  for (std::size_t i = 1; i < own->size(); ++i) CHECK((*own)[i].pid == (*own)[i - 1].parent);
}

TEST_CASE("a process that is not there has no lineage") { CHECK_FALSE(lineage_of(0x3fffffff)); }

TEST_CASE("a person in another window of the same terminal emulator may approve") {
  const Lineage asker = chain({850, 800, 700, kTty1, 50, 1000}, kAgentChain);
  CHECK(why_same_hand(asker, kPerson).empty());
}

TEST_CASE("a person may approve what an agent asked for in a session without a terminal") {
  const Lineage asker =
      chain({850, 840, 840, 0, 50, 1000}, chain({840, 800, 840, 0, 49, 1000}, kAgentChain));
  CHECK(why_same_hand(asker, kPerson).empty());
}

TEST_CASE("a person may approve what a service asked for") {
  const Lineage asker =
      chain({860, 810, 860, 0, 50, 1000}, {{810, 500, 810, 0, 45, 1000}, kManager, kInit});
  CHECK(why_same_hand(asker, kPerson).empty());
}

TEST_CASE("processes in unrelated containers have nothing in common") {
  CHECK(why_same_hand({{20, 0, 20, 0, 5, 1000}}, {{30, 0, 30, kTty2, 6, 1000}}).empty());
}

TEST_CASE("the terminal that asked does not approve") {
  const Lineage asker = chain({850, 700, 700, kTty1, 50, 1000}, chain(kShell, kDesktop));
  const Lineage same = chain({950, 700, 700, kTty1, 70, 1000}, chain(kShell, kDesktop));
  CHECK(why_same_hand(asker, same).find("use another") != std::string::npos);
}

TEST_CASE("an agent's own pseudo-terminal does not approve") {
  const Lineage approver =
      chain({950, 940, 940, kTty2, 70, 1000}, chain({940, 800, 940, kTty2, 69, 1000}, kAgentChain));
  const Lineage in_session = chain({850, 800, 700, kTty1, 50, 1000}, kAgentChain);
  const Lineage detached = chain({850, 800, 850, 0, 50, 1000}, kAgentChain);
  CHECK_FALSE(why_same_hand(in_session, approver).empty());
  CHECK_FALSE(why_same_hand(detached, approver).empty());
}

TEST_CASE("a service that asked does not approve") {
  const Lineage service{{810, 500, 810, 0, 45, 1000}, kManager, kInit};
  const Lineage approver = chain({950, 810, 950, kTty2, 70, 1000}, service);
  CHECK_FALSE(why_same_hand(chain({860, 810, 810, 0, 50, 1000}, service), approver).empty());
  CHECK_FALSE(why_same_hand(chain({860, 810, 860, 0, 50, 1000}, service), approver).empty());
}

TEST_CASE("in a container of root's the agent is not approved by what it starts, even as init") {
  const Process init{1, 0, 1, 0, 1, 0};
  const Lineage approver{{950, 1, 950, kTty2, 70, 0}, init};
  CHECK_FALSE(why_same_hand({{860, 1, 1, 0, 50, 0}, init}, approver).empty());
  CHECK_FALSE(why_same_hand({{860, 1, 860, 0, 50, 0}, init}, approver).empty());
  const Process agent{20, 1, 20, 0, 5, 0};
  CHECK_FALSE(why_same_hand({{860, 20, 860, 0, 50, 0}, agent, init},
                            {{950, 20, 950, kTty2, 70, 0}, agent, init})
                  .empty());
  // What comes in from outside (docker exec) has no parent in there.
  CHECK(why_same_hand({{860, 1, 860, 0, 50, 0}, init}, {{40, 0, 40, kTty2, 70, 0}}).empty());
}

TEST_CASE("a user's service and a user's shell have root's init in common") {
  const Process agent{20, 1, 20, 0, 5, 1000};
  CHECK(why_same_hand({{860, 20, 860, 0, 50, 1000}, agent, kInit},
                      {{950, 1, 950, kTty2, 70, 1000}, kInit})
            .empty());
}

TEST_CASE("a pid that is used again is another process") {
  const Lineage asker = chain({850, 800, 800, 0, 50, 1000}, {{800, 1, 800, 0, 40, 1000}, kInit});
  const Lineage later =
      chain({950, 800, 950, kTty2, 70, 1000}, {{800, 1, 800, 0, 65, 1000}, kInit});
  CHECK(why_same_hand(asker, later).empty());
}

TEST_CASE("without a lineage nobody approves") {
  CHECK_FALSE(why_same_hand({}, kPerson).empty());
  CHECK_FALSE(why_same_hand(kPerson, {}).empty());
}

}  // namespace
}  // namespace mixguard::guard
