// SPDX-License-Identifier: Apache-2.0
#include "policy/proposal.hpp"

#include "tests/policy/support.hpp"

namespace mixguard::policy::test {
namespace {

constexpr const char* kRules = R"(version = 1

[[task]]
id = "simulate"
name = "ledger.simulate"
env = ["dev"]
decision = "allow"
flags = { seconds = { type = "int", min = 1, max = 300 } }
args = []
write = ["_build/**"]

[[task]]
id = "export"
name = "ledger.export"
env = ["dev", "test"]
decision = "allow"
flags = { out = { type = "path", under = "${root}/exports" } }

[[task]]
id = "no-drop"
name = "ledger.drop"
decision = "deny"
)";

PolicySource source(std::string text = kRules, std::vector<Ruleset> above = {}) {
  return {std::move(above), ".mixguard.toml", std::move(text)};
}

Policy build(const PolicySource& from, const std::vector<std::string>& tables = {}) {
  auto built = build_with(from, with_tables(from.text, tables));
  if (!built) FAIL(built.error().front().to_string());
  return std::move(*built);
}

// As the record has it: what was decided, and why.
Denial denial(const PolicySource& from, const Words& argv, const std::string& env = "dev",
              const std::string& time = "2026-11-20T10:00:00.000Z") {
  Denial seen{argv, facts({{"MIX_ENV", env}}), "", 1, time, time};
  seen.facts.environment_is_complete = false;
  seen.reason = to_string(decide(build(from), argv, seen.facts).reason);
  return seen;
}

std::vector<Denial> denials(const PolicySource& from, const std::vector<std::string>& lines) {
  std::vector<Denial> all;
  for (const std::string& line : lines) all.push_back(denial(from, words(line)));
  return all;
}

Learned learn(const PolicySource& from, const std::vector<Denial>& seen) {
  auto learned = propose(from, seen);
  if (!learned) FAIL(learned.error().front().to_string());
  return std::move(*learned);
}

// The only proposal for these commands.
Proposal only(const PolicySource& from, const std::vector<Denial>& seen) {
  Learned learned = learn(from, seen);
  for (const auto& [why, count] : learned.not_learnable) UNSCOPED_INFO(count << " " << why);
  REQUIRE(learned.proposals.size() == 1);
  return std::move(learned.proposals.front());
}

// Why the only command is not for a rule.
std::string obstacle(const PolicySource& from, const Denial& seen) {
  const Learned learned = learn(from, {seen});
  CHECK(learned.proposals.empty());
  REQUIRE(learned.not_learnable.size() == 1);
  CHECK(learned.not_learnable.begin()->second == seen.count);
  return learned.not_learnable.begin()->first;
}

void check_allows(const PolicySource& from, const Proposal& proposal,
                  const std::vector<std::string>& lines) {
  INFO(proposal.toml);
  const Policy policy = build(from, {proposal.toml});
  for (const std::string& line : lines) {
    INFO(line);
    CHECK(judge(policy, line, {{"MIX_ENV", "dev"}}).verdict == Verdict::kAllow);
  }
}

void check_refuses(const PolicySource& from, const Proposal& proposal,
                   const std::vector<std::string>& lines) {
  INFO(proposal.toml);
  const Policy policy = build(from, {proposal.toml});
  for (const std::string& line : lines) {
    INFO(line);
    CHECK(judge(policy, line, {{"MIX_ENV", "dev"}}).verdict != Verdict::kAllow);
  }
}

TEST_CASE("integers out of a rule's bounds become the range that was seen") {
  const auto from = source();
  const std::vector<std::string> seen = {"mix ledger.simulate --seconds 400",
                                         "mix ledger.simulate --seconds 600"};
  const Proposal proposal = only(from, denials(from, seen));
  check_allows(from, proposal, seen);
  check_allows(from, proposal, {"mix ledger.simulate --seconds 500"});
  check_refuses(from, proposal,
                {"mix ledger.simulate --seconds 601", "mix ledger.simulate --seconds 399",
                 "mix ledger.simulate --seconds 400 --fast", "mix ledger.simulate 5"});
}

TEST_CASE("a proposal grants what the rule that nearly fitted grants") {
  const auto from = source();
  const Proposal proposal = only(from, denials(from, {"mix ledger.simulate --seconds 400"}));
  CHECK(proposal.toml.find("write = ['_build/**']") != std::string::npos);
}

TEST_CASE("paths become the one directory below the project that they share") {
  const auto from = source();
  const std::vector<std::string> seen = {"mix ledger.export --out out/2024/a.csv",
                                         "mix ledger.export --out out/2025/b.csv"};
  const Proposal proposal = only(from, denials(from, seen));
  CHECK(proposal.toml.find("under = '${root}/out'") != std::string::npos);
  check_allows(from, proposal, seen);
  check_refuses(from, proposal,
                {"mix ledger.export --out lib/a.csv", "mix ledger.export --out out/../mix.exs",
                 "mix ledger.export --out outer/a.csv"});
}

TEST_CASE("paths that share nothing but the project are listed one by one") {
  const auto from = source();
  const std::vector<std::string> seen = {"mix ledger.export --out out/a.csv",
                                         "mix ledger.export --out tmp/b.csv"};
  const Proposal proposal = only(from, denials(from, seen));
  check_allows(from, proposal, seen);
  check_refuses(from, proposal, {"mix ledger.export --out out/b.csv"});
}

TEST_CASE("a single value is not widened") {
  const auto from = source();
  const Proposal number = only(from, denials(from, {"mix ledger.simulate --seconds 400"}));
  check_refuses(from, number, {"mix ledger.simulate --seconds 401"});
  const Proposal path = only(from, denials(from, {"mix ledger.export --out out/a.csv"}));
  check_refuses(from, path, {"mix ledger.export --out out/b.csv"});
}

TEST_CASE("words of an unknown task become a list, and its arguments stay where they were") {
  const auto from = source();
  const std::vector<std::string> seen = {"mix shop.sync eu --dry", "mix shop.sync us --dry"};
  const Proposal proposal = only(from, denials(from, seen));
  check_allows(from, proposal, seen);
  check_refuses(
      from, proposal,
      {"mix shop.sync cn", "mix shop.sync", "mix shop.sync eu us", "mix shop.sync --wet"});
}

TEST_CASE("commands with different flags do not combine") {
  const auto from = source();
  const Learned learned =
      learn(from, denials(from, {"mix shop.push --one a", "mix shop.push --two b"}));
  REQUIRE(learned.proposals.size() == 2);
  const Policy policy = build(from, {learned.proposals[0].toml, learned.proposals[1].toml});
  CHECK(outcome(policy, "mix shop.push --one a", {{"MIX_ENV", "dev"}}) == "allow");
  CHECK(outcome(policy, "mix shop.push --one b", {{"MIX_ENV", "dev"}}) != "allow");
  CHECK(outcome(policy, "mix shop.push --one a --two b", {{"MIX_ENV", "dev"}}) != "allow");
}

TEST_CASE("an argument that was sometimes left out may be left out") {
  const auto from = source();
  const std::vector<std::string> seen = {"mix shop.sync", "mix shop.sync eu"};
  const Proposal proposal = only(from, denials(from, seen));
  check_allows(from, proposal, seen);
  check_refuses(from, proposal, {"mix shop.sync us", "mix shop.sync eu eu"});
}

TEST_CASE("what cannot be said in one rule is said in several, none of them wider") {
  const auto from = source();
  const Learned learned =
      learn(from, denials(from, {"mix shop.sync", "mix shop.sync eu now"}));  // not: one argument
  REQUIRE(learned.proposals.size() == 2);
  CHECK(learned.proposals[0].id != learned.proposals[1].id);
  const Policy policy = build(from, {learned.proposals[0].toml, learned.proposals[1].toml});
  CHECK(outcome(policy, "mix shop.sync eu now", {{"MIX_ENV", "dev"}}) == "allow");
  CHECK(judge(policy, "mix shop.sync eu", {{"MIX_ENV", "dev"}}).verdict == Verdict::kDeny);
}

TEST_CASE("a command is proposed for the environments it was seen in, and no others") {
  const auto from = source();
  const Words simulate = words("mix ledger.simulate --seconds 5");
  const Words sync = words("mix shop.sync");
  const Learned learned = learn(from, {denial(from, simulate, "test"), denial(from, sync, "dev"),
                                       denial(from, sync, "test")});
  REQUIRE(learned.proposals.size() == 2);
  std::vector<std::string> tables;
  for (const Proposal& proposal : learned.proposals) tables.push_back(proposal.toml);
  const Policy policy = build(from, tables);
  CHECK(outcome(policy, "mix ledger.simulate --seconds 5", {{"MIX_ENV", "test"}}) == "allow");
  CHECK(outcome(policy, "mix shop.sync", {{"MIX_ENV", "dev"}}) == "allow");
  CHECK(outcome(policy, "mix shop.sync", {{"MIX_ENV", "test"}}) == "allow");
}

TEST_CASE("what the catalogue asks about can be allowed in dev") {
  const auto from = source();
  const Proposal proposal = only(from, denials(from, {"mix ecto.reset"}));
  check_allows(from, proposal, {"mix ecto.reset"});
  check_refuses(from, proposal, {"mix ecto.reset --quiet", "mix ecto.drop"});
}

TEST_CASE("evidence counts every time and names every command once") {
  const auto from = source();
  Denial first = denial(from, words("mix shop.sync eu"), "dev", "2026-11-20T10:00:00.000Z");
  first.count = 3;
  first.last = "2026-11-22T10:00:00.000Z";
  const Denial second = denial(from, words("mix shop.sync us"), "dev", "2026-11-19T10:00:00.000Z");
  const Proposal proposal = only(from, {first, second});
  CHECK(proposal.count == 4);
  CHECK(proposal.first == second.first);
  CHECK(proposal.last == first.last);
  CHECK(proposal.commands.size() == 2);
}

TEST_CASE("parts of one command get a proposal each, and both together allow it") {
  const auto from = source();
  const Learned learned = learn(from, denials(from, {"mix do shop.sync + shop.push"}));
  REQUIRE(learned.proposals.size() == 2);
  const Policy policy = build(from, {learned.proposals[0].toml, learned.proposals[1].toml});
  CHECK(outcome(policy, "mix do shop.sync + shop.push", {{"MIX_ENV", "dev"}}) == "allow");
}

TEST_CASE("a part that no rule is for spoils the whole command") {
  const auto from = source();
  CHECK(obstacle(from, denial(from, words("mix do shop.sync + ledger.drop"))) ==
        "rule of a policy file");
}

TEST_CASE("a program is proposed with exactly its words, which may differ in one place") {
  const auto from = source("version = 1\n");
  std::vector<Denial> seen;
  for (const char* line : {"git log --oneline", "git status --oneline"}) {
    Denial one{words(line), facts(), "E_LAUNCHER", 1, "2026", "2026"};
    one.facts.program_path = "/usr/bin/git";
    seen.push_back(one);
  }
  const Proposal proposal = only(from, seen);
  INFO(proposal.toml);
  const Policy policy = build(from, {proposal.toml});
  for (const Denial& one : seen) CHECK(allows(policy, one));
  Denial other = seen.front();
  other.argv = words("git push --oneline");
  CHECK_FALSE(allows(policy, other));
  other.argv = words("git log --oneline extra");
  CHECK_FALSE(allows(policy, other));
}

TEST_CASE("programs whose words differ in two places are not crossed with each other") {
  const auto from = source("version = 1\n");
  std::vector<Denial> seen;
  for (const char* line : {"git log one", "git show two"}) {
    Denial one{words(line), facts(), "E_LAUNCHER", 1, "2026", "2026"};
    one.facts.program_path = "/usr/bin/git";
    seen.push_back(one);
  }
  const Learned learned = learn(from, seen);
  REQUIRE(learned.proposals.size() == 2);
  const Policy policy = build(from, {learned.proposals[0].toml, learned.proposals[1].toml});
  Denial crossed = seen.front();
  crossed.argv = words("git log two");
  CHECK_FALSE(allows(policy, crossed));
}

TEST_CASE("what no rule is for is counted by its reason") {
  const auto from = source();
  const auto why = [&](const Words& argv, const std::string& env = "dev") {
    INFO(argv.back());
    return obstacle(from, denial(from, argv, env));
  };
  CHECK(why({"mix", "shop.sync", "a\x01"}) == "hard gate");
  CHECK(why({"mix", "shop.sync", "$(id)"}) == "hard gate");
  CHECK(why({"mix", "ledger.export", "--out", "exports/a;b"}) == "hard gate");
  CHECK(why(words("env mix test")) == "launcher or wrapper");
  CHECK(why(words("sh -c x")) == "launcher or wrapper");
  CHECK(why(words("mix Ecto.Drop")) == "misspelt task");
  CHECK(why(words("mix ledger.drop")) == "rule of a policy file");
  CHECK(why(words("mix ecto.drop"), "prod") == "neither dev nor test");
  CHECK(why(words("mix ecto.drop"), "staging") == "neither dev nor test");
  CHECK(why(words("mix run -e System.halt")) == "code or database");
  CHECK(why(words("mix shop.sync --token abc")) == "secret among the words");
  CHECK(why(words("mix shop.sync --api-key=abc")) == "secret among the words");
  CHECK(why(words("mix shop.sync --pwd hunter2")) == "secret among the words");
  CHECK(why(words("mix shop.sync ghp_0123456789abcdefghij")) == "secret among the words");
  CHECK(why(words("mix shop.sync ecto://u:p@localhost/db")) == "secret among the words");
  CHECK(why(words("mix shop.sync (secret)")) != "");
  CHECK(why(words("mix ledger.simulate --seconds 1 --seconds 2")) == "repeated flag");
  CHECK(why(words("mix ledger.simulate --second 1")) == "no narrow rule can say it");
  CHECK(why(words("mix ledger.simulate --seconds 5")) == "allowed by now");
}

TEST_CASE("a duplicated environment and a policy that was not trusted are not for a rule") {
  const auto from = source();
  Denial seen = denial(from, words("mix shop.sync"));
  seen.reason = "E_ENV_DUP";
  CHECK(obstacle(from, seen) == "environment variables");
  seen.reason = "E_UNTRUSTED";
  CHECK(obstacle(from, seen) == "policy not trusted");
  seen.reason = "E_PATH";  // recorded by the look at symlinks: the words themselves are no trouble
  CHECK(obstacle(from, seen) == "path that leaves by a symlink");
}

TEST_CASE("what a layer above denies or asks is not for the project") {
  const std::string text =
      "[[task]]\nid = \"a\"\nname = \"shop.sync\"\ndecision = \"deny\"\n"
      "[[task]]\nid = \"b\"\nname = \"shop.push\"\ndecision = \"ask\"\n";
  for (const Layer layer : {Layer::kUser, Layer::kSystem}) {
    const auto from = source(kRules, {ruleset(text, layer, "above.toml")});
    CHECK(obstacle(from, denial(from, words("mix shop.sync"))) == "rule of a policy file");
    CHECK(obstacle(from, denial(from, words("mix shop.push"))) == "rule of a policy file");
  }
}

TEST_CASE("an expectation of the file stands against a proposal") {
  const auto from =
      source(std::string(kRules) + "\n[[expect]]\nrun = [\"mix\", \"shop.sync\"]\nis = \"deny\"\n");
  CHECK(obstacle(from, denial(from, words("mix shop.sync"))) == "a rule alone would not allow it");
}

TEST_CASE("an alias that cannot be allowed by rules for its tasks is not proposed for") {
  const auto from = source();
  Denial seen = denial(from, words("mix shop.sync"));
  seen.facts.mix_exs = {
      read_mix_exs("defmodule M do\n  use Mix.Project\n  def project, do: [app: :m, aliases: "
                   "[\"shop.sync\": [\"ledger.drop\", \"shop.sync\"]]]\nend\n")};
  CHECK(obstacle(from, seen) == "rule of a policy file");
}

TEST_CASE("tables follow an empty line, whatever the text ends with") {
  CHECK(with_tables("a = 1", {"[b]\n"}) == "a = 1\n\n[b]\n");
  CHECK(with_tables("a = 1\n", {"[b]\n", "[c]\n"}) == "a = 1\n\n[b]\n\n[c]\n");
  CHECK(with_tables("a = 1\n\n", {"[b]\n"}) == "a = 1\n\n[b]\n");
}

}  // namespace
}  // namespace mixguard::policy::test
