// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "tests/policy/support.hpp"

namespace mixguard::policy::test {
namespace {

Ruleset user(std::string_view text) { return ruleset(text, Layer::kUser, "user.toml"); }
Ruleset system_wide(std::string_view text) { return ruleset(text, Layer::kSystem, "system.toml"); }

std::string rule(std::string_view id, std::string_view task, std::string_view decision,
                 std::string_view more = "") {
  return "[[task]]\nid = '" + std::string(id) + "'\nname = '" + std::string(task) +
         "'\ndecision = '" + std::string(decision) + "'\n" + std::string(more) + "\n";
}

const std::map<std::string, std::string> kProd = {{"MIX_ENV", "prod"}};
const std::map<std::string, std::string> kStaging = {{"MIX_ENV", "staging"}};

TEST_CASE("the strictest of all rules that match wins, whatever layer it is of") {
  const Policy policy = policy_of({user(rule("u", "x", "deny")), ruleset(rule("p", "x", "allow"))});
  CHECK(outcome(policy, "mix x") == "deny E_RULE");
  const Policy asking = policy_of({user(rule("u", "x", "allow")), ruleset(rule("p", "x", "ask"))});
  CHECK(outcome(asking, "mix x") == "ask E_RULE");
}

TEST_CASE("a project may allow its own tasks in dev and test, and nowhere else") {
  const Policy policy = policy_of({ruleset(rule("p", "x", "allow"))});
  CHECK(outcome(policy, "mix x") == "allow");
  CHECK(outcome(policy, "mix x", {{"MIX_ENV", "test"}}) == "allow");
  CHECK(outcome(policy, "mix x", kStaging) == "deny E_NO_RULE");
  CHECK(outcome(policy, "mix x", kProd) == "deny E_NO_RULE");
  CHECK(judge(policy, "mix x", kProd).parts.front().near_miss->id == "p");
}

TEST_CASE("what the user allows, the project may allow too") {
  const Policy policy =
      policy_of({user(rule("u", "x", "allow")), ruleset(rule("p", "x", "allow"))});
  CHECK(outcome(policy, "mix x", kProd) == "allow");
}

TEST_CASE("a user or the system may allow anything") {
  CHECK(outcome(policy_of({user(rule("u", "ecto.drop", "allow"))}), "mix ecto.drop", kProd) ==
        "allow");
  CHECK(outcome(policy_of({system_wide(rule("s", "ecto.drop", "allow"))}), "mix ecto.drop",
                kProd) == "allow");
}

TEST_CASE("a policy named on the command line is entitled like the user's") {
  Ruleset named = ruleset(rule("p", "x", "allow"));
  named.named_explicitly = true;
  CHECK(outcome(policy_of({named}), "mix x", kProd) == "allow");
  CHECK(outcome(policy_of({user(rule("u", "x", "deny")), named}), "mix x", kProd) == "deny E_RULE");
}

TEST_CASE("the catalogue speaks where no layer does") {
  const Policy none = policy_of({});
  CHECK(none.has_builtin());
  CHECK(outcome(none, "mix compile") == "allow");
  CHECK(outcome(none, "mix ecto.drop") == "ask E_RULE");
  const Policy project = policy_of({ruleset(rule("p", "ecto.drop", "allow", "env = ['dev']"))});
  CHECK(outcome(project, "mix ecto.drop") == "allow");
  CHECK(outcome(project, "mix ecto.drop", {{"MIX_ENV", "test"}}) == "ask E_RULE");
  CHECK(outcome(project, "mix compile") == "allow");
}

TEST_CASE("the catalogue's denials in prod yield to a user and not to a project") {
  for (const std::string decision : {"allow", "ask"}) {
    INFO(decision);
    CHECK(outcome(policy_of({ruleset(rule("p", "ecto.drop", decision))}), "mix ecto.drop", kProd) ==
          "deny E_RULE");
  }
  CHECK(outcome(policy_of({user(rule("u", "ecto.drop", "ask"))}), "mix ecto.drop", kProd) ==
        "ask E_RULE");
}

TEST_CASE("an allow rule that a project is not entitled to does not silence the catalogue") {
  const Policy policy = policy_of({ruleset(rule("p", "test", "allow"))});
  CHECK(outcome(policy, "mix test", kStaging) == "ask E_RULE");
  CHECK(outcome(policy_of({ruleset(rule("p", "compile", "allow"))}), "mix compile", kProd) ==
        "allow");
}

TEST_CASE("a project may ask where the catalogue allows") {
  CHECK(outcome(policy_of({ruleset(rule("p", "compile", "ask"))}), "mix compile", kProd) ==
        "ask E_RULE");
}

TEST_CASE("a denial of some flags leaves the catalogue to speak of the others") {
  const Policy policy =
      policy_of({ruleset(rule("p", "test", "deny", "flags = { cover = 'bool' }"))});
  CHECK(outcome(policy, "mix test --cover") == "deny E_RULE");
  CHECK(outcome(policy, "mix test --trace") == "allow");
}

TEST_CASE("the catalogue is underneath until every layer takes it away") {
  CHECK_FALSE(bare_policy("").has_builtin());
  CHECK(outcome(bare_policy(""), "mix compile") == "deny E_NO_RULE");
  CHECK(policy_of({user(""), ruleset("extends = []")}).has_builtin());
  CHECK_FALSE(policy_of({user("extends = []"), ruleset("extends = []")}).has_builtin());
}

TEST_CASE("the strictest default that any layer names is the default") {
  CHECK(outcome(policy_of({ruleset("default = 'ask'")}), "mix x") == "ask E_NO_RULE");
  CHECK(outcome(policy_of({user("default = 'deny'"), ruleset("default = 'ask'")}), "mix x") ==
        "deny E_NO_RULE");
  CHECK(outcome(policy_of({user(""), ruleset("default = 'ask'")}), "mix x") == "ask E_NO_RULE");
}

TEST_CASE("flags that do not fit the only rule are denied, whatever the default") {
  const Policy policy = policy_of({ruleset("default = 'ask'\n" + rule("p", "x", "allow"))});
  CHECK(outcome(policy, "mix x --bogus") == "deny E_FLAG_UNKNOWN");
}

TEST_CASE("what may be written is the union within a layer and the intersection down the layers") {
  const Policy policy = policy_of(
      {user(rule("u1", "x", "allow", "write = ['_build/**']") +
            rule("u2", "x", "allow", "write = ['lib/**', 'doc/**']")),
       ruleset(rule("p", "x", "allow", "write = ['lib/a/*.ex', '_build/**', 'test/**']"))});
  CHECK(judge(policy, "mix x").confinement.write == Words{"_build/**", "lib/a/*.ex"});
}

TEST_CASE("the network is what all layers grant, and a rule's own endpoints below their ceiling") {
  const std::string rules =
      "[net]\nallow = ['a:1', 'b:2']\n" + rule("p", "x", "allow", "net = ['c:3', 'd:4']");
  CHECK(judge(policy_of({ruleset(rules)}), "mix x").confinement.net ==
        Words{"a:1", "b:2", "c:3", "d:4"});
  CHECK(judge(policy_of({user("[net]\nallow = ['b:2', 'c:3']"), ruleset(rules)}), "mix x")
            .confinement.net == Words{"b:2", "c:3"});
  CHECK(judge(policy_of({user("[net]\nallow = []")}), "mix deps.get").confinement.net.empty());
  CHECK_FALSE(judge(policy_of({}), "mix deps.get").confinement.net.empty());
}

TEST_CASE("limits are the smallest, hidden files the union, safeguards the strictest of all") {
  const Policy policy = policy_of({user(R"(
                                     [limits]
                                     wall = "10m"
                                     memory = "1GiB"
                                     [fs]
                                     deny = ["a"]
                                     [safeguards]
                                     landlock = "require"
                                     cgroup = "off"
                                   )"),
                                   ruleset(R"(
                                     [limits]
                                     wall = "5s"
                                     processes = 9
                                     [fs]
                                     deny = ["b"]
                                     read = ["${root}/x", "/opt/**"]
                                     [safeguards]
                                     landlock = "off"
                                     cgroup = "if-available"
                                   )")});
  const Confinement may = judge(policy, "mix compile").confinement;
  CHECK(may.limits.wall_ms == 5'000);
  CHECK(may.limits.memory == 1ULL << 30U);
  CHECK(may.limits.processes == 9);
  CHECK(may.deny == Words{"a", "b"});
  CHECK(may.read == Words{"/home/u/shop/x", "/opt/**"});
  REQUIRE(may.safeguards.size() == 2);
  CHECK(may.safeguards[0].requirement == Requirement::kRequire);
  CHECK(may.safeguards[1].requirement == Requirement::kIfAvailable);
}

TEST_CASE("a denied command is given nothing") {
  const Policy policy = policy_of({});
  CHECK(judge(policy, "mix do compile + hex.publish").confinement.write.empty());
}

TEST_CASE("a command of several parts may do what each of them may") {
  const Decision decision = judge(policy_of({}), "mix do deps.get + phx.server");
  CHECK(outcome(decision) == "allow");
  CHECK(decision.confinement.mode == RunMode::kLive);
  CHECK(decision.snapshot.what == Words{"deps"});
  CHECK(std::count(decision.confinement.write.begin(), decision.confinement.write.end(),
                   "mix.lock") == 1);
  CHECK(std::count(decision.confinement.write.begin(), decision.confinement.write.end(),
                   "priv/static/**") == 1);
}

TEST_CASE("keeping what a failed command left takes the consent of every rule") {
  const std::string keep = "snapshot = { what = ['db'], on_failure = 'keep' }";
  const Policy alone = policy_of({ruleset(rule("p", "x", "allow", keep))});
  CHECK(judge(alone, "mix x").snapshot.on_failure == OnFailure::kKeep);
  const Policy nothing = policy_of(
      {ruleset(rule("p", "x", "allow", "snapshot = { what = [], on_failure = 'keep' }"))});
  CHECK(judge(nothing, "mix x").snapshot.on_failure == OnFailure::kKeep);
  const Policy both = policy_of({ruleset(
      rule("p", "x", "allow", keep) + rule("q", "x", "allow", "snapshot = { what = ['deps'] }"))});
  CHECK(judge(both, "mix x").snapshot.on_failure == OnFailure::kRollback);
  CHECK(judge(both, "mix x").snapshot.what == Words{"db", "deps"});
}

TEST_CASE("what tests and compilers compile stays when they fail, alone and in an alias") {
  const Policy policy = policy_of({});
  for (const char* command : {"mix test", "mix compile", "mix do compile + test", "mix coveralls"})
    CHECK(judge(policy, command).snapshot.keeps_build);
  for (const char* command : {"mix format", "mix deps.get", "mix phx.gen.schema A a b:string"})
    CHECK_FALSE(judge(policy, command).snapshot.keeps_build);
}

TEST_CASE("of two canonical names of one module, the one that the policy uses is right") {
  const Policy policy = policy_of({ruleset(rule("p", "a_1", "deny"))});
  CHECK(outcome(policy, "mix a1") == "deny E_TASK_SPELLING");
  CHECK(judge(policy, "mix a1").instead == "mix a_1");
  CHECK(outcome(policy, "mix a_1") == "deny E_RULE");
}

TEST_CASE("the reason is the one met first in the order of evaluation") {
  const Policy policy = policy_of({});
  CHECK(outcome(policy, "mix do compile --bogus + Ecto.drop") == "deny E_TASK_SPELLING");
  CHECK(outcome(policy, "mix compile --bogus", {{"MIX_ENV", "PROD"}}) == "deny E_ENV");
  CHECK(outcome(policy, "mix Ecto.drop", {{"MIX_ENV", "PROD"}}) == "deny E_TASK_SPELLING");
  CHECK(outcome(policy, "mix do hex.publish + compile --bogus") == "deny E_FLAG_UNKNOWN");
  CHECK(outcome(policy, "env mix Ecto.drop") == "deny E_LAUNCHER");
  CHECK(outcome(policy, "env mix \t") == "deny E_CONTROL");
}

TEST_CASE("the rules that decided are named, strictest first, once each") {
  const Policy policy = policy_of({user(rule("u", "x", "deny")), ruleset(rule("p", "x", "deny"))});
  const Decision decision = judge(policy, "mix do x + x");
  REQUIRE(decision.rules.size() == 2);
  CHECK(decision.rules[0].id == "u");
  CHECK(decision.rules[0].layer == "user");
  CHECK(decision.rules[1].id == "p");
  CHECK(decision.rules[1].line == 2);
  CHECK(decision.policy.layers == Words{"builtin", "user", "project"});
}

}  // namespace
}  // namespace mixguard::policy::test
