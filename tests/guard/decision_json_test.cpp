// SPDX-License-Identifier: Apache-2.0
#include "guard/output/decision_json.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "policy/engine.hpp"

namespace mixguard::guard {
namespace {

using Words = std::vector<std::string>;

policy::Policy lenient() {
  auto rules = policy::parse_ruleset(
      "version = 1\n[env]\nTOKEN = { match = '[a-z]+', secret = true }\n[limits]\nwall = \"2m\"\n"
      "processes = 64\n[[task]]\nid = \"near\"\nname = \"shop.near\"\ndecision = \"allow\"\n"
      "flags = { step = { type = \"int\", max = 3 } }\n[[task]]\nid = \"live\"\nname = "
      "\"shop.live\"\n"
      "decision = \"ask\"\nmode = \"live\"\nbecause = \"why\"\ninstead = \"what\"\n",
      "p.toml", policy::Layer::kUser);
  REQUIRE(rules);
  auto policy = policy::Policy::build({std::move(*rules)});
  REQUIRE(policy);
  return std::move(*policy);
}

TEST_CASE("a decision can be read back from its document") {
  const policy::Policy policy = lenient();
  policy::Facts facts;
  facts.project_root = facts.cwd = "/home/u/shop";
  facts.environment = {"HOME=/home/u", "TOKEN=hunter", "MIX_ENV=dev"};
  facts.mix_exs = {
      policy::read_mix_exs("defmodule A do\n  use Mix.Project\n  def project, do: [aliases: [a: "
                           "[\"test\", &f/1]]]\nend")};
  const Words argv = GENERATE(
      Words{"mix", "test"}, Words{"mix", "shop.near", "--step", "9"}, Words{"mix", "shop.live"},
      Words{"mix", "a"}, Words{"mix", "do", "compile", "+", "Ecto.Drop"}, Words{"env", "mix"},
      Words{"mix", "ecto.drop"}, Words{"mix", "phx.server"}, Words{"git", "log"});
  policy::Decision decision = decide(policy, argv, facts);
  decision.id = "0123";
  decision.dropped.clear();
  decision.safeguards = {{"paths", policy::SafeguardState::State::kSkipped, "none"}};
  const auto json = decision_json(decision, {});
  CHECK(dump(json).find("hunter") == std::string::npos);
  const auto read = decision_from_json(json);
  REQUIRE(read);
  CHECK(dump(decision_json(*read, {})) == dump(json));
}

TEST_CASE("what is no decision is read as none") {
  CHECK_FALSE(decision_from_json(nlohmann::ordered_json::object()));
  CHECK_FALSE(decision_from_json(nullptr));
  CHECK_FALSE(decision_from_json({{"decision_id", 7}}));
}

}  // namespace
}  // namespace mixguard::guard
