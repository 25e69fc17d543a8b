// SPDX-License-Identifier: Apache-2.0
#include "policy/explain.hpp"

#include "policy/layout.hpp"
#include "tests/policy/support.hpp"

namespace mixguard::policy::test {
namespace {

const Policy& policy() {
  static const Policy policy = policy_of({ruleset(R"(
    name = "acme"
    extends = []
    [net]
    allow = ["127.0.0.1:5432"]
    [limits]
    wall = "10m"
    [[task]]
    id = "migrate"
    name = "ecto.migrate"
    env = ["dev"]
    decision = "allow"
    flags = { step = { type = "int", min = 1, max = 20, alias = "n" } }
    write = ["_build/**"]
    snapshot = { what = ["db"] }
    [[task]]
    id = "never"
    name = "ecto.drop"
    decision = "deny"
    because = "it takes everybody's data with it, and nobody has ever needed it in a hurry as much as they thought"
    instead = "mix ecto.rollback"
  )",
                                                  Layer::kProject, ".mixguard.toml")});
  return policy;
}

std::string told(std::string_view line, const std::map<std::string, std::string>& env = {}) {
  return explain(judge(policy(), line, env), {});
}

TEST_CASE("what would allow a task of the project's own reads its flags as its rules do") {
  const Policy own = policy_of({ruleset(R"(
    [[task]]
    id = "pace"
    name = "ledger.simulate"
    decision = "allow"
    flags = { seconds = { type = "int", min = 1, max = 9, alias = "s" } }
  )",
                                        Layer::kProject, ".mixguard.toml")});
  const Decision decision = judge(own, "mix ledger.simulate --seconds 301", {});
  CHECK(decision.parts.front().would_allow.find("flags = { seconds = { enum = ['301'] } }") !=
        std::string::npos);
}

TEST_CASE("an allowed command is told with what it may do") {
  CHECK(told("mix ecto.migrate -n 2", {{"SOME_KEY", "x"}}) ==
        "ALLOW  mix ecto.migrate --step 2\n"
        "  ✓ MIX_ENV=dev (default)\n"
        "  ✓ --step \"2\" is an integer from 1 to 20\n"
        "  ✓ rule \"migrate\" allows \"ecto.migrate\" in dev (.mixguard.toml:9)\n"
        "  mode      transaction: committed when the command succeeds\n"
        "  write     _build/**\n"
        "  network   127.0.0.1:5432\n"
        "  remember  db\n"
        "  left out  SOME_KEY\n"
        "            under [env]: SOME_KEY = { match = '[ -~]{0,256}', secret = true }\n"
        "  policy of project; nothing was executed\n");
}

TEST_CASE("a refused part is told with its reason, its rule and what to do instead") {
  CHECK(told("mix do ecto.migrate + ecto.drop") ==
        "DENY  mix do ecto.migrate + ecto.drop                2 parts, the strictest wins\n"
        "  1  ALLOW  ecto.migrate\n"
        "     ✓ MIX_ENV=dev (default)\n"
        "     ✓ rule \"migrate\" allows \"ecto.migrate\" in dev (.mixguard.toml:9)\n"
        "  2  DENY  ecto.drop                                                      E_RULE\n"
        "     ✓ MIX_ENV=dev (default)\n"
        "     ✗ rule \"never\" denies \"ecto.drop\" in dev (.mixguard.toml:17)\n"
        "       because it takes everybody's data with it, and nobody has ever needed it\n"
        "               in a hurry as much as they thought\n"
        "       instead mix ecto.rollback\n"
        "  policy of project; nothing was executed\n");
}

TEST_CASE("a near miss is told, and the rule that would allow exactly this") {
  CHECK(told("mix ecto.migrate --stop 2") ==
        "DENY  mix ecto.migrate --stop 2                                   E_FLAG_UNKNOWN\n"
        "  ✓ MIX_ENV=dev (default)\n"
        "  ✗ rule \"migrate\" has no flag --stop; did you mean --step? "
        "(.mixguard.toml:9)\n"
        "  policy of project; nothing was executed\n");
  const std::string other = told("mix ecto.migrate", {{"MIX_ENV", "test"}});
  CHECK(other.find("rule \"migrate\" speaks of it in dev, not in test") != std::string::npos);
  CHECK(other.find("      id = \"ecto-migrate-test\"\n") != std::string::npos);
}

TEST_CASE("no line of an explanation is wider than asked, but for what is to be pasted") {
  for (const unsigned width : {60U, 80U, 120U}) {
    std::string text = explain(judge(policy(), "mix do ecto.migrate + ecto.drop"), {false, width});
    while (!text.empty()) {
      const std::size_t end = text.find('\n');
      CHECK(columns(text.substr(0, end)) <= width);
      text.erase(0, end + 1);
    }
  }
}

TEST_CASE("colour is there when asked for, and never else") {
  const Decision decision = judge(policy(), "mix ecto.drop");
  CHECK(explain(decision, {}).find('\x1b') == std::string::npos);
  CHECK(explain(decision, {true, 80}).find("\x1b[1;31mDENY\x1b[0m") != std::string::npos);
}

TEST_CASE("nothing of a command reaches the terminal unescaped") {
  const Decision decision = decide(policy(), {"mix", "a\x1b[2Jb", "\u202e"}, facts());
  const std::string text = explain(decision, {}) + refusal(decision);
  CHECK(text.find('\x1b') == std::string::npos);
  CHECK(text.find("\u202e") == std::string::npos);
}

TEST_CASE("a refusal is one or two lines") {
  CHECK(refusal(judge(policy(), "mix ecto.drop")) ==
        "mixguard: denied: rule \"never\" denies \"ecto.drop\" in dev [E_RULE, .mixguard.toml:17]\n"
        "          because it takes everybody's data with it, and nobody has ever needed it in a "
        "hurry as much as they thought; instead: mix ecto.rollback\n");
  CHECK(refusal(judge(policy(), "mix x")) ==
        "mixguard: denied: no rule allows \"x\" in dev [E_NO_RULE]\n");
  CHECK(refusal(judge(policy_of({}), "mix ecto.drop")) ==
        "mixguard: approval needed: rule \"ecto.drop\" asks before \"ecto.drop\" in dev [E_RULE, "
        "builtin:elixir]\n"
        "          because it drops the database of the environment\n");
  CHECK(refusal(judge(policy(), "mix ecto.migrate")).empty());
}

TEST_CASE("the effective policy is shown layer by layer") {
  CHECK(show(policy(), {}) ==
        "project  acme                                                     .mixguard.toml\n"
        "  network     127.0.0.1:5432\n"
        "  limits      wall 10m\n"
        "  allow  migrate  ecto.migrate in dev                           .mixguard.toml:9\n"
        "    flag      --step, -n an integer from 1 to 20\n"
        "    write     _build/**\n"
        "    remember  db\n"
        "  deny  never  ecto.drop                                       .mixguard.toml:17\n"
        "    because   it takes everybody's data with it, and nobody has ever needed it\n"
        "                in a hurry as much as they thought\n"
        "    instead   mix ecto.rollback\n");
  CHECK(show(policy_of({}), {}).starts_with("builtin  speaks where no layer does"));
}

TEST_CASE("no rule is offered for an environment that no rule can name") {
  const Policy lenient = policy_of({ruleset("[env]\nMIX_ENV = { match = '.*' }")});
  CHECK(judge(lenient, "mix ecto.drop", {{"MIX_ENV", "prod`"}}).parts.front().would_allow.empty());
  CHECK_FALSE(
      judge(lenient, "mix ecto.drop", {{"MIX_ENV", "x"}}).parts.front().would_allow.empty());
  // One rule cannot have a flag no-x besides the boolean x.
  CHECK(judge(lenient, "mix un.known --fast --no-fast").parts.front().would_allow.empty());
  CHECK_FALSE(judge(lenient, "mix un.known --fast --no-slow").parts.front().would_allow.empty());
}

TEST_CASE("the rule that is offered can be read, however long the names are") {
  const std::string environment = "[env]\nMIX_ENV = { match = '[a-z]+' }\n";
  const std::string task(60, 't');
  const std::map<std::string, std::string> env = {{"MIX_ENV", std::string(30, 'e')}};
  const Decision decision = judge(policy_of({ruleset(environment)}), "mix " + task, env);
  const std::string rule = decision.parts.front().would_allow;
  const Policy offered = policy_of({ruleset(environment + rule, Layer::kUser)});
  CHECK(outcome(offered, "mix " + task, env) == "allow");
}

}  // namespace
}  // namespace mixguard::policy::test
