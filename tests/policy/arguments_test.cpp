// SPDX-License-Identifier: Apache-2.0
#include "policy/arguments.hpp"

#include "tests/policy/support.hpp"

namespace mixguard::policy::test {
namespace {

const Policy& options_policy() {
  static const Policy policy = bare_policy(R"(
    [[task]]
    id = "t"
    name = "t"
    decision = "allow"
    flags = { step = { type = "int", min = -9, max = 20, alias = "n" }, quiet = { type = "bool", alias = "q" }, all = { type = "bool", alias = "a" }, repo = { type = "module", alias = "r", repeat = true }, "no-start" = "bool", to = "version" }
    args = [{ type = "name", repeat = [0, 3] }]
  )");
  return policy;
}

// "allow: canonical words", or the reason.
std::string reading(std::string_view line) {
  const Decision decision = judge(options_policy(), "mix t " + std::string(line));
  if (decision.verdict != Verdict::kAllow) return std::string(to_string(decision.reason));
  std::string text;
  for (std::size_t i = 2; i < decision.canonical.size(); ++i) {
    text += (text.empty() ? "" : " ") + decision.canonical[i];
  }
  return text;
}

TEST_CASE("flags are read as OptionParser reads them, and stricter") {
  const auto [line, expected] = GENERATE(table<std::string, std::string>({
      {"--step=1", "--step 1"},
      {"--step 1", "--step 1"},
      {"-n 1", "--step 1"},
      {"-n1", "--step 1"},
      {"-n=1", "--step 1"},
      {"--step -1", "--step=-1"},
      {"--step=-1", "--step=-1"},
      {"-n -1", "--step=-1"},
      {"--step 1 --step 2", "E_FLAG_DUP"},
      {"-n1 --step=1", "E_FLAG_DUP"},
      {"--all --no-all", "E_FLAG_DUP"},
      {"--quiet false", "--quiet false"},
      {"--quiet=false", "--no-quiet"},
      {"--quiet=true", "--quiet"},
      {"--no-quiet", "--no-quiet"},
      {"--no-quiet=true", "E_FLAG_TYPE"},
      {"--quiet=banana", "E_FLAG_TYPE"},
      {"--all=1", "E_FLAG_TYPE"},
      {"--quiet=", "E_FLAG_TYPE"},
      {"-q", "--quiet"},
      {"-qa", "--quiet --all"},
      {"-qn1", "--quiet --step 1"},
      {"-nq", "E_FLAG_TYPE"},
      {"-qx", "E_FLAG_UNKNOWN"},
      {"-q1", "E_FLAG_TYPE"},
      {"-rAcme.Repo", "E_FLAG_UNKNOWN"},
      {"--st 1", "E_FLAG_UNKNOWN"},
      {"--STEP 1", "E_FLAG_UNKNOWN"},
      {"--migrations_path x", "E_FLAG_UNKNOWN"},
      {"---all", "E_FLAG_UNKNOWN"},
      {"--all-", "E_FLAG_UNKNOWN"},
      {"--no-step", "E_FLAG_UNKNOWN"},
      {"--no-no-all", "E_FLAG_UNKNOWN"},
      {"--step 0x10", "E_FLAG_TYPE"},
      {"--step 1_000", "E_FLAG_TYPE"},
      {"--step abc", "E_FLAG_TYPE"},
      {"--step +3", "E_FLAG_TYPE"},
      {"--step 1e3", "E_FLAG_TYPE"},
      {"--step 21", "E_FLAG_TYPE"},
      {"--step", "E_FLAG_TYPE"},
      {"--step=", "E_FLAG_TYPE"},
      {"--repo --quiet", "E_FLAG_TYPE"},
      {"--repo A --repo B.C", "--repo A --repo B.C"},
      {"--repo a", "E_FLAG_TYPE"},
      {"--to 20240102030405", "--to 20240102030405"},
      {"--to 0", "E_FLAG_TYPE"},
      {"--no-start", "--no-start"},
      {"--no-start=false", "--no-start=false"},
      {"x --all y", "x --all y"},
      {"-- x", "-- x"},
      {"-- --all", "E_ARG"},
      {"-5", "E_ARG"},
      {"a b c d", "E_ARG"},
      {"A", "E_ARG"},
      {"--", "--"},
      {"-", "E_ARG"},
  }));
  INFO(line);
  CHECK(reading(line) == expected);
}

TEST_CASE("a look-alike dash does not make a flag") {
  CHECK(reading("\u2013step 1") == "E_UNICODE");
}

TEST_CASE("an unknown flag is answered with the one that was meant") {
  const auto message = [](std::string_view line) {
    return judge(options_policy(), "mix t " + std::string(line)).message;
  };
  CHECK(message("--st 1") == "rule \"t\" has no flag --st; did you mean --step?");
  CHECK(message("--quite") == "rule \"t\" has no flag --quite; did you mean --quiet?");
  CHECK(message("--no_start") == "rule \"t\" has no flag --no_start; did you mean --no-start?");
  CHECK(message("--zzz") == "rule \"t\" has no flag --zzz");
}

TEST_CASE("a rule without flags and args takes none") {
  const Policy policy = bare_policy("[[task]]\nid='t'\nname='t'\ndecision='allow'");
  CHECK(outcome(policy, "mix t") == "allow");
  CHECK(outcome(policy, "mix t --x") == "deny E_FLAG_UNKNOWN");
  CHECK(outcome(policy, "mix t x") == "deny E_ARG");
}

TEST_CASE("arguments are taken in order, and later ones keep what they need") {
  const Policy policy = bare_policy(R"(
    [[task]]
    id = "t"
    name = "t"
    decision = "allow"
    args = [{ type = "name", repeat = [0, 2] }, { type = "int", min = 1 }]
  )");
  CHECK(outcome(policy, "mix t 1") == "allow");
  CHECK(outcome(policy, "mix t a 1") == "allow");
  CHECK(outcome(policy, "mix t a b 1") == "allow");
  CHECK(outcome(policy, "mix t") == "deny E_ARG");
  CHECK(outcome(policy, "mix t a b c 1") == "deny E_ARG");
  CHECK(outcome(policy, "mix t a b") == "deny E_ARG");
}

TEST_CASE("tasks that stop at their first argument hand the rest on as it is") {
  const Policy policy = bare_policy(R"(
    [[task]]
    id = "run"
    name = "run"
    decision = "allow"
    flags = { halt = "bool" }
    args = [{ type = "path" }, { type = "string", match = '[a-z-]+', max_len = 20, repeat = [0, 3] }]
  )");
  CHECK(outcome(policy, "mix run --no-halt a.exs --halt x") == "allow");
  CHECK(outcome(policy, "mix run a.exs --unknown") == "allow");
  CHECK(outcome(policy, "mix run --unknown a.exs") == "deny E_FLAG_UNKNOWN");
}

TEST_CASE("a denied flag is seen in every spelling") {
  const Policy policy = bare_policy(R"(
    [[task]]
    id = "any"
    name = "t"
    decision = "allow"
    flags = { all = { type = "bool", alias = "a" }, quiet = { type = "bool", alias = "q" }, xx = { type = "int" } }
    args = [{ type = "string", match = '.*', max_len = 20, repeat = [0, 3] }]
    [[task]]
    id = "not-all"
    name = "t"
    decision = "deny"
    flags = { all = { type = "bool", alias = "a" } }
  )");
  for (const std::string line : {"--all", "--no-all", "--all=true", "--all=banana", "-a", "-qa",
                                 "-a=1", "-- --all", "--ALL", "x --all"}) {
    INFO(line);
    CHECK(outcome(policy, "mix t " + line) == "deny E_RULE");
  }
  CHECK(outcome(policy, "mix t --quiet") == "allow");
  CHECK(outcome(policy, "mix t all") == "allow");
}

TEST_CASE("a denial of --no-x stands where x is turned off by its value") {
  const Policy policy = policy_of({ruleset(R"(
    [[task]]
    id = "ends"
    name = "run"
    decision = "deny"
    flags = { no-halt = "bool" }
  )")});
  CHECK(outcome(policy, "mix run --no-halt") == "deny E_RULE");
  CHECK(outcome(policy, "mix run --halt=false") == "deny E_RULE");
  CHECK(outcome(policy, "mix run --halt") == "allow");
  CHECK(outcome(policy, "mix run --halt=true") == "allow");
}

}  // namespace
}  // namespace mixguard::policy::test
