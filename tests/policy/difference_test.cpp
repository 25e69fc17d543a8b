// SPDX-License-Identifier: Apache-2.0
#include "policy/difference.hpp"

#include <rapidcheck.h>

#include <algorithm>

#include "policy/text.hpp"
#include "tests/policy/support.hpp"

namespace mixguard::policy::test {
namespace {

Policy named(std::string_view text, std::string_view file = "b.toml") {
  Ruleset rules = ruleset(text, Layer::kProject, file);
  rules.named_explicitly = true;
  return policy_of({std::move(rules)});
}

// Each change on a line, without its rules: "+ decision ecto.drop [dev,test] with …: ask -> deny".
Words told(const Difference& difference) {
  Words lines;
  for (const Change& change : difference.changes) {
    std::string line = change.wider ? "+ " : "- ";
    line += std::string(to_string(change.aspect)) + " " + change.task + " [" +
            (change.everywhere ? "*" : comma_list(change.envs)) + "]";
    if (!change.with.empty()) line += " with " + comma_list(change.with);
    lines.push_back(line + ": " + comma_list(change.from) + " -> " + comma_list(change.to));
  }
  return lines;
}

Words told(std::string_view a, std::string_view b) { return told(difference(named(a), named(b))); }

constexpr const char* kMigrate = R"(
  extends = []
  [[task]]
  id = "migrate"
  name = "ecto.migrate"
  decision = "allow"
)";

std::string migrate(const std::string& rest) { return kMigrate + rest; }

TEST_CASE("without a change of what is decided there is no difference") {
  CHECK(told(migrate(""), migrate("because = 'of this'")).empty());
  CHECK(told("name = 'a'", "").empty());
  CHECK(told("[[task]]\nid='x'\nname='test'\ndecision='deny'",
             "[[task]]\nid='y'\nname='test'\nenv=['dev','test','staging','prod']\ndecision='deny'")
            .empty());
  CHECK(difference(policy_of({}), named("")).changes.empty());
}

TEST_CASE("one change in every environment and with all words is one line") {
  CHECK(told(migrate(""), "extends = []\n[[task]]\nid='m'\nname='ecto.migrate'\ndecision='ask'") ==
        Words{"- decision ecto.migrate [*]: allow -> ask"});
  CHECK(told("", "[[task]]\nid='d'\nname='ecto.drop'\nenv=['dev','test']\ndecision='deny'") ==
        Words{"- decision ecto.drop [dev, test]: ask -> deny"});
}

TEST_CASE("bounds that move are told with the integers between") {
  CHECK(told(migrate("flags = { step = { type = 'int', min = 1, max = 20 } }"),
             migrate("flags = { step = { type = 'int', min = 1, max = 1 } }")) ==
        Words{"- decision ecto.migrate [*] with --step 2..20: allow -> deny"});
  CHECK(told(migrate("flags = { step = { type = 'int', min = 3 } }"),
             migrate("flags = { step = { type = 'int', min = -2, max = 9 } }")) ==
        Words{"+ decision ecto.migrate [*] with --step -2..2: deny -> allow",
              "- decision ecto.migrate [*] with --step 10..1000000000: allow -> deny"});
}

TEST_CASE("each kind of word that a rule tells apart is tried") {
  const auto [a, b, with] = GENERATE(table<std::string, std::string, std::string>({
      {"", "flags = { quiet = 'bool' }", "--quiet, --no-quiet"},
      {"flags = { x1 = { enum = ['a', 'b'] } }", "flags = { x1 = { enum = ['a', 'b', 'c'] } }",
       "--x1 c"},
      {"flags = { quiet = 'bool' }", "flags = { quiet = { type = 'bool', alias = 'q' } }", "-q"},
      {"flags = { only = 'name' }", "flags = { only = { type = 'name', repeat = true } }",
       "--only twice"},
      {"flags = { only = 'name' }", "flags = { only = 'module' }", "--only A"},
      {"", "flags = { tag = { type = 'string', match = 'v[0-9]+[.][0-9]', max_len = 9 } }",
       "--tag v0.0"},
      {"flags = { at = { type = 'path', under = '${root}/priv' } }",
       "flags = { at = { type = 'path', under = '${root}/priv/repo' } }", ""},
      {"", "args = [{ type = 'path', repeat = [0, 4] }]", "1..4 arguments"},
      {"args = [{ type = 'name', repeat = [0, 4] }]", "args = [{ type = 'name', repeat = [0, 6] }]",
       "5..6 arguments"},
      {"args = ['name']", "args = [{ type = 'name', repeat = [0, 1] }]", "alone"},
      {"", "flags = { since = 'version' }", "--since 20240101000000"},
  }));
  INFO(a << "   " << b);
  const Words changes = told(migrate(a), migrate(b));
  REQUIRE_FALSE(changes.empty());
  const bool is_told = std::any_of(changes.begin(), changes.end(), [&](const std::string& line) {
    return with.empty() || line.find(" with " + with + ": ") != std::string::npos;
  });
  INFO(changes.front());
  CHECK(is_told);
}

TEST_CASE("a value that only an expectation knows is tried") {
  const std::string strict =
      "flags = { url = { type = 'string', match = '[^/]+@corp/[0-9]{2,}', "
      "max_len = 40 } }\n";
  const auto gaps = difference(named(migrate("")), named(migrate(strict)));
  CHECK(gaps.changes.empty());
  REQUIRE(gaps.not_compared.size() == 1);
  CHECK(gaps.not_compared.front().file == "b.toml");
  CHECK(gaps.not_compared.front().what.find("ecto.migrate with --url") == 0);
  CHECK(difference(named(migrate(strict)), named(migrate(strict))).not_compared.empty());
  CHECK(told(migrate(""), migrate(strict) +
                              "[[expect]]\nrun=['mix','ecto.migrate','--url=x@corp/42']\n"
                              "is='allow'") ==
        Words{"+ decision ecto.migrate [*] with --url x@corp/42: deny -> allow"});
}

TEST_CASE("what a command is given is compared where both let it through") {
  CHECK(told(migrate("write = ['a/**']"), migrate("write = ['a/b', 'c']")) ==
        Words{"+ write ecto.migrate [*]: a/** -> a/b, c"});
  CHECK(told(migrate("write = ['a/**']"), migrate("write = ['a/b']")) ==
        Words{"- write ecto.migrate [*]: a/** -> a/b"});
  CHECK(told(migrate("net = ['h:1']"), migrate("net = ['h:1', 'h:2']")) ==
        Words{"+ network ecto.migrate [*]: h:1 -> h:1, h:2"});
  CHECK(told(migrate(""), migrate("mode = 'live'")) ==
        Words{"+ mode ecto.migrate [*]: transaction -> live"});
  CHECK(told(migrate("snapshot = { what = ['db'] }"), migrate("")) ==
        Words{"+ snapshot ecto.migrate [*]: db -> "});
}

TEST_CASE("what all commands share is told once") {
  CHECK(told("",
             "[fs]\nread = ['/opt/**']\ndeny = ['**/.env*']\n[net]\npublish=['127.0.0.1:1']\n"
             "[limits]\nwall = '10m'\n[safeguards]\nlandlock = 'require'") ==
        Words{"+ read  [*]:  -> /opt/**", "+ published  [*]:  -> 127.0.0.1:1",
              "- hidden  [*]:  -> **/.env*", "- limits  [*]:  -> wall 10m",
              "- safeguards  [*]:  -> landlock require"});
  CHECK(
      told("[limits]\nmemory = '4GiB'\ncpu = '90s'", "[limits]\nmemory = '4097MiB'\ncpu = '1m'") ==
      Words{"+ limits  [*]: cpu 90s, memory 4GiB -> cpu 1m, memory 4097MiB"});
}

TEST_CASE("variables are tried with their values and without") {
  CHECK(told("", "[env]\nFOO = { enum = ['x', 'y'] }") ==
        Words{"+ variable  [*] with FOO=x, FOO=y: left out -> passed",
              "- variable  [*] with FOO=a: left out -> refused"});
  CHECK(told("[env]\nFOO = { match = '.{64,}', secret = true }",
             "[env]\nFOO = { match = '.{64,}', secret = true, required = ['prod'] }") ==
        Words{"- variable  [prod] with FOO unset: unset -> refused"});
  CHECK(told("[env]\nMIX_ENV = { enum = ['dev', 'test', 'prod'] }",
             "[env]\nMIX_ENV = { enum = ['dev', 'test', 'prod'], default = 'prod' }") ==
        Words{"+ variable  [] with MIX_ENV unset: set to \"dev\" -> set to \"prod\""});
}

TEST_CASE("an environment that is refused changes every task in it") {
  const auto found =
      difference(policy_of({}), named("[env]\nMIX_ENV = { enum = ['dev', 'test', 'prod'] }"));
  REQUIRE(found.changes.size() > 50);
  for (const Change& change : found.changes) {
    CHECK(change.envs == Words{"staging"});
    CHECK(change.to == Words{"deny"});
  }
  const std::string text = tell(found, {});
  CHECK(std::count(text.begin(), text.end(), '\n') < 40);
}

TEST_CASE("the default shows in a task that nothing speaks of") {
  CHECK(told("", "default = 'ask'") == Words{"+ decision unnamed.task [*]: deny -> ask"});
  CHECK(told("extends = []", "extends = []\ndefault = 'ask'") ==
        Words{"+ decision unnamed.task [*]: deny -> ask"});
}

TEST_CASE("an alias that is a function and a program are tasks of their own") {
  CHECK(told("", "[[task]]\nid='a'\nname='@alias'\nenv='dev'\ndecision='deny'") ==
        Words{"- decision @alias [dev]: ask -> deny"});
  CHECK(told("",
             "[[exec]]\nid='g'\npath='/usr/bin/git'\nas='command'\ndecision='allow'\n"
             "argv=['git', ['log', 'show'], '<path>']") ==
        Words{"+ decision /usr/bin/git []: deny -> allow"});
  CHECK(told("[[exec]]\nid='g'\npath='/usr/bin/git'\nas='command'\ndecision='allow'\n"
             "argv=['git', ['log', 'show']]",
             "[[exec]]\nid='g'\npath='/usr/bin/git'\nas='command'\ndecision='allow'\n"
             "argv=['git', ['log']]") ==
        Words{"- decision /usr/bin/git [] with show: allow -> deny"});
}

TEST_CASE("a difference is told in so many words") {
  const Difference found = difference(named(R"(
[[task]]
id = "migrate"
name = "ecto.migrate"
decision = "allow"
env = ["dev", "test"]
flags = { step = { type = "int", min = 1, max = 20 } }
write = ["_build/**"]

[[task]]
id = "none"
name = ["ecto.drop", "ecto.reset"]
decision = "deny"
)",
                                            "a.toml"),
                                      named(R"(
[[task]]
id = "migrate"
name = "ecto.migrate"
decision = "allow"
env = ["dev", "test"]
flags = { step = { type = "int", min = 1, max = 1 }, quiet = "bool" }
write = ["_build/**", "priv/**"]

[[task]]
id = "reset"
name = ["ecto.drop", "ecto.reset"]
env = ["dev"]
decision = "allow"
)"));
  CHECK(tell(found, {}) == R"(4 wider, 1 narrower, trying one flag at a time
wider
  deny -> allow  ecto.drop, ecto.reset                                       dev
                 MIX_ENV=dev mix ecto.drop                       b.toml:11 reset
  deny -> ask    ecto.drop, ecto.reset                             test, staging
                 MIX_ENV=test mix ecto.drop                       a.toml:11 none
  deny -> allow  ecto.migrate                                          dev, test
                 with --quiet, --no-quiet
                 MIX_ENV=dev mix ecto.migrate --quiet           b.toml:3 migrate
  write          ecto.migrate                                          dev, test
                 +priv/**
                 MIX_ENV=dev mix ecto.migrate                   b.toml:3 migrate
narrower
  allow -> deny  ecto.migrate                                          dev, test
                 with --step 2..20
                 MIX_ENV=dev mix ecto.migrate --step 2          b.toml:3 migrate
)");
  CHECK(tell(difference(named(""), named("")), {}) ==
        "no difference, as far as one flag at a time can tell\n");
}

// ---- Properties

rc::Gen<std::string> one_of(Words words) { return rc::gen::elementOf(std::move(words)); }

rc::Gen<TaskRule> rules() {
  return rc::gen::exec([] {
    TaskRule rule;
    rule.line = *rc::gen::inRange<std::uint32_t>(1, 99);
    rule.id = "r" + std::to_string(rule.line);
    rule.file = "p.toml";
    rule.names = {*one_of({"a", "b", "test", "ecto.drop", "run", "@alias"})};
    rule.verdict = static_cast<Verdict>(*rc::gen::inRange(0, 3));
    if (*rc::gen::arbitrary<bool>()) rule.envs = {*one_of({"dev", "test", "prod", "ci"})};
    rule.has_flags = *rc::gen::arbitrary<bool>();
    if (rule.has_flags) {
      FlagRule flag;
      flag.name = *one_of({"step", "quiet", "only"});
      flag.type.kind = flag.name == "step"    ? ValueKind::kInt
                       : flag.name == "quiet" ? ValueKind::kBool
                                              : ValueKind::kName;
      if (flag.name == "step") flag.type.max = *rc::gen::inRange<std::int64_t>(-3, 4);
      flag.repeat = *rc::gen::arbitrary<bool>();
      rule.flags = {flag};
    }
    if (*rc::gen::arbitrary<bool>()) {
      ArgRule arg;
      arg.type.kind = ValueKind::kPath;
      arg.min_count = *rc::gen::inRange<std::uint32_t>(0, 2);
      arg.max_count = arg.min_count + *rc::gen::inRange<std::uint32_t>(0, 2);
      if (arg.max_count > 0) rule.args = {arg};
    }
    if (*rc::gen::arbitrary<bool>()) rule.write = {*one_of({"a/**", "b", "**"})};
    if (*rc::gen::arbitrary<bool>()) rule.net = {*one_of({"h:1", "h:2"})};
    if (*rc::gen::arbitrary<bool>()) rule.mode = RunMode::kLive;
    return rule;
  });
}

rc::Gen<EnvRule> variables() {
  return rc::gen::exec([] {
    EnvRule rule;
    rule.name = *one_of({"FOO", "BAR"});
    if (*rc::gen::arbitrary<bool>()) rule.choices = {"x", *one_of({"y", "z"})};
    if (*rc::gen::arbitrary<bool>()) rule.default_value = "x";
    rule.secret = *rc::gen::arbitrary<bool>();
    if (*rc::gen::arbitrary<bool>()) rule.required_envs = {"prod"};
    return rule;
  });
}

// A project's file: few tasks, so that rules meet.
rc::Gen<Ruleset> rulesets() {
  return rc::gen::exec([] {
    Ruleset made;
    made.file = "p.toml";
    made.named_explicitly = *rc::gen::arbitrary<bool>();
    // Mostly without the catalogue, which takes most of the time.
    if (*rc::gen::inRange(0, 20) == 0) made.extends = {"builtin:elixir"};
    made.tasks = *rc::gen::resize(4, rc::gen::container<std::vector<TaskRule>>(rules()));
    if (*rc::gen::arbitrary<bool>()) made.env.push_back(*variables());
    if (*rc::gen::arbitrary<bool>()) {
      made.env.push_back({});
      made.env.back().name = "MIX_ENV";
    }
    return made;
  });
}

// What of an example a change states.
void require_stated(const Change& change, const Policy& policy, const Words& stated) {
  const Decision decision = judge_example(policy, change.example);
  if (change.aspect != Aspect::kVariable) {
    RC_ASSERT(items(change.aspect, decision) == stated);
  } else {
    RC_ASSERT((stated == Words{"refused"}) == (decision.reason == Reason::kEnv));
  }
}

TEST_CASE("a policy does not differ from itself") {
  CHECK(rc::check([] {
    const Ruleset rules = *rulesets();
    const Difference found = difference(policy_of({rules}), policy_of({rules}));
    RC_ASSERT(found.changes.empty());
    RC_ASSERT(found.not_compared.empty());
  }));
}

TEST_CASE("every example is decided as it is told, and the other way round it is the mirror") {
  CHECK(rc::check([] {
    const Policy a = policy_of({*rulesets()});
    const Policy b = policy_of({*rulesets()});
    const Difference there = difference(a, b);
    const Difference back = difference(b, a);
    RC_ASSERT(there.changes.size() == back.changes.size());
    for (const Change& change : there.changes) {
      require_stated(change, a, change.from);
      require_stated(change, b, change.to);
      const auto mirrored =
          std::find_if(back.changes.begin(), back.changes.end(), [&](const Change& other) {
            return other.aspect == change.aspect && other.task == change.task &&
                   other.envs == change.envs && other.with == change.with &&
                   other.from == change.to && other.to == change.from &&
                   other.example.run == change.example.run &&
                   other.example.env == change.example.env;
          });
      RC_ASSERT(mirrored != back.changes.end());
      RC_ASSERT(mirrored->wider || change.wider);
    }
  }));
}

TEST_CASE("a rule that changes the answer to a command with one flag shows") {
  CHECK(rc::check([] {
    const Ruleset before = *rulesets();
    Ruleset after = before;
    after.tasks.push_back(*rules());
    const Policy a = policy_of({before});
    const Policy b = policy_of({after});
    const std::string task = after.tasks.back().names.front();
    if (task == "@alias") return;
    const std::string env = *one_of({"dev", "test", "staging", "prod"});
    Words argv = {"mix", task};
    const Words more = *rc::gen::elementOf(std::vector<Words>{{},
                                                              {"--step", "-1"},
                                                              {"--step=2"},
                                                              {"--quiet"},
                                                              {"--no-quiet"},
                                                              {"--only", "x"},
                                                              {"lib/a.ex"},
                                                              {"--nothing"}});
    argv.insert(argv.end(), more.begin(), more.end());
    const Example example{argv, {{"MIX_ENV", env}}, false, false};
    const Verdict was = judge_example(a, example).verdict;
    const Verdict is = judge_example(b, example).verdict;
    if (was == is) return;
    const Difference found = difference(a, b);
    const bool shows =
        std::any_of(found.changes.begin(), found.changes.end(), [&](const Change& change) {
          return change.task == task && change.aspect == Aspect::kDecision &&
                 std::find(change.envs.begin(), change.envs.end(), env) != change.envs.end() &&
                 change.from == Words{std::string(to_string(was))} &&
                 change.to == Words{std::string(to_string(is))};
        });
    RC_ASSERT(shows);
  }));
}

}  // namespace
}  // namespace mixguard::policy::test
