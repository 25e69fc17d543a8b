// SPDX-License-Identifier: Apache-2.0
#include <rapidcheck.h>

#include <algorithm>

#include "policy/builtin.hpp"
#include "tests/policy/support.hpp"

namespace mixguard::policy::test {
namespace {

const Words kTasks = {"a", "b", "c.d"};
const Words kEnvs = {"dev", "test", "prod"};
const Words kFlags = {"one", "two", "three"};

rc::Gen<std::string> word_of(const Words& words) { return rc::gen::elementOf(words); }

rc::Gen<TaskRule> rules() {
  return rc::gen::apply(
      [](std::string name, std::vector<std::string> envs, int verdict,
         std::vector<std::string> flags, bool has_flags, std::uint32_t id) {
        TaskRule rule;
        rule.id = "r" + std::to_string(id % 1000);
        rule.file = "p.toml";
        rule.line = id;
        rule.names = {std::move(name)};
        rule.envs = std::move(envs);
        rule.verdict = static_cast<Verdict>(verdict);
        rule.has_flags = has_flags;
        std::sort(flags.begin(), flags.end());
        flags.erase(std::unique(flags.begin(), flags.end()), flags.end());
        for (std::string& flag : flags) {
          FlagRule made;
          made.name = std::move(flag);
          made.type.kind = ValueKind::kBool;
          if (has_flags) rule.flags.push_back(std::move(made));
        }
        return rule;
      },
      word_of(kTasks), rc::gen::container<Words>(word_of(kEnvs)), rc::gen::inRange(0, 3),
      rc::gen::container<Words>(word_of(kFlags)), rc::gen::arbitrary<bool>(),
      rc::gen::arbitrary<std::uint32_t>());
}

Words command_of(const std::string& task, const Words& flags) {
  Words argv = {"mix", task};
  for (const std::string& flag : flags) argv.push_back("--" + flag);
  return argv;
}

Ruleset project_of(std::vector<TaskRule> tasks) {
  Ruleset made;
  made.file = "p.toml";
  made.tasks = std::move(tasks);
  return made;
}

std::string everything(const Decision& decision) {
  std::string text = outcome(decision) + decision.message + decision.because;
  for (const RuleRef& rule : decision.rules) text += " " + rule.id + std::to_string(rule.line);
  for (const std::string& word : decision.canonical) text += " " + word;
  return text;
}

TEST_CASE("the order of rules never matters") {
  CHECK(rc::check([] {
    auto tasks = *rc::gen::container<std::vector<TaskRule>>(rules());
    const Words argv = command_of(*word_of(kTasks), *rc::gen::container<Words>(word_of(kFlags)));
    const auto env = std::map<std::string, std::string>{{"MIX_ENV", *word_of(kEnvs)}};
    const Decision before = decide(policy_of({project_of(tasks)}), argv, facts(env));
    std::reverse(tasks.begin(), tasks.end());
    const Decision after = decide(policy_of({project_of(tasks)}), argv, facts(env));
    RC_ASSERT(everything(before) == everything(after));
  }));
}

// Of the findings, those that a decision may not leave out.
Words objections(const Decision& decision) {
  Words texts;
  for (const Part& part : decision.parts) {
    for (const Finding& finding : part.findings) {
      if (finding.kind != Finding::Kind::kPassed) texts.push_back(finding.text);
    }
  }
  return texts;
}

TEST_CASE("a decision that tells less is the same decision") {
  CHECK(rc::check([] {
    const Policy policy =
        policy_of({project_of(*rc::gen::container<std::vector<TaskRule>>(rules()))});
    const Words argv = command_of(*word_of(kTasks), *rc::gen::container<Words>(word_of(kFlags)));
    const Facts known = facts({{"MIX_ENV", *word_of(kEnvs)}});
    const Decision full = decide(policy, argv, known);
    const Decision brief = decide(policy, argv, known, Detail::kRefusals);
    RC_ASSERT(everything(brief) == everything(full));
    RC_ASSERT(objections(brief) == objections(full));
  }));
}

TEST_CASE("a further denial never widens what is allowed") {
  CHECK(rc::check([] {
    auto tasks = *rc::gen::container<std::vector<TaskRule>>(rules());
    const Words argv = command_of(*word_of(kTasks), *rc::gen::container<Words>(word_of(kFlags)));
    const auto env = std::map<std::string, std::string>{{"MIX_ENV", *word_of(kEnvs)}};
    const Verdict before = decide(policy_of({project_of(tasks)}), argv, facts(env)).verdict;
    TaskRule denial = *rules();
    denial.verdict = Verdict::kDeny;
    tasks.push_back(denial);
    const Verdict after = decide(policy_of({project_of(tasks)}), argv, facts(env)).verdict;
    RC_ASSERT(after >= before);
  }));
}

TEST_CASE("a byte that a gate refuses is never allowed, wherever it is put") {
  const Policy policy = policy_of({});
  const std::vector<Words> commands = {
      {"mix", "test", "test/a_test.exs:12", "--seed", "0", "--only", "db:slow"},
      {"mix", "ecto.migrate", "--step=2", "-r", "Acme.Repo", "--quiet"},
      {"mix", "do", "compile", "+", "run", "priv/x.exs", "arg"},
      {"iex", "-S", "mix", "phx.server", "--open"}};
  const Words gates = {"\n",     "\r",     "\t",     "\x01",   "\x7f",       "\xc2\x85", "\xff",
                       "\u200b", "\u202e", "\ufeff", "\u00a0", "\U000e0020", "$",        ";",
                       "|",      "&",      "`",      "<",      "(",          "\\"};
  for (const Words& command : commands) {
    REQUIRE(outcome(decide(policy, command, facts())) == "allow");
    for (std::size_t word = 0; word < command.size(); ++word) {
      for (std::size_t at = 0; at <= command[word].size(); ++at) {
        for (const std::string& gate : gates) {
          Words changed = command;
          changed[word].insert(at, gate);
          CAPTURE(word, at, gate);
          REQUIRE(decide(policy, changed, facts()).verdict == Verdict::kDeny);
        }
      }
    }
  }
}

TEST_CASE("no command line whatever makes the engine fail") {
  const Policy policy = policy_of({});
  CHECK(rc::check([&policy] {
    const Words pieces = {"mix",          "do",      "+",    ",",   "a,",     "-",
                          "--",           "--x",     "-n1",  "=",   "--=",    "--no-",
                          "-e",           "iex",     "-S",   "run", "test",   "",
                          "ecto.migrate", "--step",  "\xff", ".",   "_",      "Elixir",
                          "elixir.",      "--step=", "env",  "A=b", "${root}"};
    Words argv = *rc::gen::container<Words>(word_of(pieces));
    if (*rc::gen::arbitrary<bool>()) argv.insert(argv.begin(), "mix");
    const Decision decision = decide(policy, argv, facts());
    RC_ASSERT((decision.verdict == Verdict::kAllow) == (decision.reason == Reason::kNone));
    RC_ASSERT(!decision.parts.empty());
    RC_ASSERT(decision.verdict == Verdict::kAllow || !decision.message.empty());
  }));
}

TEST_CASE("the parser answers every text, and never with an empty list of errors") {
  CHECK(rc::check([] {
    const Words pieces = {"version = 1\n",
                          "[[task]]\n",
                          "id = \"a\"\n",
                          "name = ",
                          "\"test\"\n",
                          "flags = { a = ",
                          "}",
                          "[",
                          "]",
                          "\"bool\"",
                          "\n",
                          "= 1",
                          "[env]\n",
                          "X = { match = '(' }\n",
                          "[limits]\n",
                          "wall = 1\n",
                          "'",
                          "\"\"\""};
    std::string text;
    for (const std::string& piece : *rc::gen::container<Words>(word_of(pieces))) text += piece;
    const auto parsed = parse_ruleset(text, "p.toml", Layer::kProject);
    if (!parsed) {
      RC_ASSERT(!parsed.error().empty());
      RC_ASSERT(parsed.error().front().line > 0U);
    }
  }));
}

TEST_CASE("the rule that an explanation offers allows exactly that command") {
  const Policy bare = bare_policy("");
  const Policy builtin = policy_of({});
  const std::vector<Words> commands = {words("mix ecto.drop"),
                                       words("mix ecto.drop --force -q"),
                                       words("mix run -e IO.puts(1)"),
                                       {"mix", "run", "-e", "IO.puts('a b\"c')"},
                                       words("mix eval x y -z"),
                                       words("mix my.task a --flag --other=1 -- b"),
                                       words("mix ecto.rollback -n 2 -r A.B -r C"),
                                       words("mix test --only a:b --only c test/x_test.exs"),
                                       words("mix ecto.migrate --no-quiet --log-level=info"),
                                       words("mix cmd ls -la"),
                                       words("iex -S mix"),
                                       words("mix help")};
  for (const Words& command : commands) {
    for (const std::string env : {"dev", "staging"}) {
      INFO(command[1] << " in " << env);
      for (const Policy& policy : {bare, builtin}) {
        const Decision refused = decide(policy, command, facts({{"MIX_ENV", env}}));
        if (refused.verdict == Verdict::kAllow) continue;
        const std::string offered = refused.parts.front().would_allow;
        REQUIRE_FALSE(offered.empty());
        Ruleset user = ruleset("extends = []\n" + offered, Layer::kUser);
        const Policy allowing = policy_of({user});
        CHECK(outcome(decide(allowing, command, facts({{"MIX_ENV", env}}))) == "allow");
        Words more = command;
        more.emplace_back("extra");
        CHECK(decide(allowing, more, facts({{"MIX_ENV", env}})).verdict == Verdict::kDeny);
      }
    }
  }
}

}  // namespace
}  // namespace mixguard::policy::test
