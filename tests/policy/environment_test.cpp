// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "policy/env_names.hpp"
#include "tests/policy/support.hpp"

namespace mixguard::policy::test {
namespace {

const Policy& policy() {
  static const Policy policy = bare_policy(R"(
    [env]
    MIX_ENV = { enum = ["dev", "test", "prod", "e2e"], default = "dev" }
    MODE = { enum = ["a", "b"], default = "a" }
    TOKEN = { match = '[a-z]{4}', secret = true }
    KEY_BASE = { match = '.{4,}', secret = true, required = ["prod"] }
    FREE = {}
    ERL_FLAGS = { enum = ["+S 2"] }
    PATH = { match = '.*' }
    [[task]]
    id = "t"
    name = ["t", "test", "compile"]
    decision = "allow"
  )");
  return policy;
}

Decision judge_env(std::vector<std::string> entries, std::string_view line = "mix t") {
  Facts given = facts();
  given.environment = std::move(entries);
  return decide(policy(), words(line), given);
}

MixExs preferences(std::vector<PreferredEnv> envs) {
  MixExs exs;
  exs.preferred_envs = std::move(envs);
  return exs;
}

std::string value(const Decision& decision, std::string_view name) {
  for (const EnvVariable& variable : decision.environment) {
    if (variable.name == name) return variable.value + (variable.secret ? " (secret)" : "");
  }
  return "(absent)";
}

TEST_CASE("MIX_ENV is what was given, unless that is empty") {
  CHECK(value(judge_env({"MIX_ENV=prod", "KEY_BASE=12345"}), "MIX_ENV") == "prod");
  CHECK(value(judge_env({"MIX_ENV="}), "MIX_ENV") == "dev");
  CHECK(value(judge_env({}), "MIX_ENV") == "dev");
}

TEST_CASE("a task's own preference comes before the default, the project's before the task's") {
  CHECK(judge_env({}, "mix test").parts.front().env == "test");
  CHECK(judge_env({"MIX_ENV=dev"}, "mix test").parts.front().env == "dev");
  Facts preferring = facts();
  preferring.mix_exs = {preferences({{"test", "e2e"}, {"t", "test"}})};
  CHECK(decide(policy(), words("mix test"), preferring).parts.front().env == "e2e");
  CHECK(decide(policy(), words("mix t"), preferring).parts.front().env == "test");
}

TEST_CASE("the preference of do counts for all its parts, and none of theirs does") {
  CHECK(judge_env({}, "mix do test + t").parts.back().env == "dev");
  CHECK(judge_env({"MIX_ENV=test"}, "mix do t + test").parts.back().env == "test");
  Facts preferring = facts();
  preferring.mix_exs = {preferences({{"do", "test"}})};
  CHECK(decide(policy(), words("mix do t + test"), preferring).parts.back().env == "test");
}

TEST_CASE("MIX_ENV is left unset only where Mix itself would refuse the default") {
  CHECK(value(judge_env({}, "mix do t + test"), "MIX_ENV") == "(absent)");
  CHECK(value(judge_env({}, "mix do t + compile"), "MIX_ENV") == "dev");
  CHECK(value(judge_env({"MIX_ENV=dev"}, "mix do t + test"), "MIX_ENV") == "dev");
}

TEST_CASE("an environment that no rule lets through is refused") {
  for (const std::string env : {"PROD", "production", "prod\n", "dev;id", "staging", " dev"}) {
    INFO(env);
    CHECK(outcome(judge_env({"MIX_ENV=" + env})) == "deny E_ENV");
  }
  const Policy without_rule = policy_of({});
  CHECK(outcome(without_rule, "mix compile", {{"MIX_ENV", "e2e"}}) == "deny E_ENV");
  CHECK(outcome(without_rule, "mix compile", {{"MIX_ENV", "staging"}}) == "allow");
}

TEST_CASE("a preferred environment has to satisfy the rule as well") {
  Facts preferring = facts();
  preferring.mix_exs = {preferences({{"t", "moon"}})};
  CHECK(outcome(decide(policy(), words("mix t"), preferring)) == "deny E_ENV");
}

TEST_CASE("variables with a rule are passed when they fit, and refused when they do not") {
  CHECK(value(judge_env({"MODE=b"}), "MODE") == "b");
  CHECK(value(judge_env({"TOKEN=abcd"}), "TOKEN") == "abcd (secret)");
  CHECK(outcome(judge_env({"MODE=c"})) == "deny E_ENV");
  CHECK(outcome(judge_env({"TOKEN=abcde"})) == "deny E_ENV");
  CHECK(outcome(judge_env({"FREE=x\ny"})) == "deny E_ENV");
  CHECK(value(judge_env({"FREE=x y;z"}), "FREE") == "x y;z");
}

TEST_CASE("a secret's value is never in the message") {
  const Decision decision = judge_env({"TOKEN=hunter22"});
  CHECK(decision.message == "TOKEN does not fit its rule; expected a match of [a-z]{4}");
}

TEST_CASE("defaults stand in for what is not set, and what is required must be") {
  CHECK(value(judge_env({}), "MODE") == "a");
  CHECK(outcome(judge_env({"MIX_ENV=prod"})) == "deny E_ENV");
  CHECK(judge_env({"MIX_ENV=prod"}).message == "KEY_BASE is required in prod and is not set");
  CHECK(value(judge_env({"MIX_ENV=test"}), "KEY_BASE") == "(absent)");
}

TEST_CASE("an expectation need not name what is required and beside its point") {
  CHECK(Policy::build({ruleset(R"(
    [env]
    KEY_BASE = { match = '.{4,}', secret = true, required = ["prod"] }
    [[task]]
    id = "never"
    name = "x"
    decision = "deny"
    [[expect]]
    run = ["mix", "x"]
    env = { MIX_ENV = "prod" }
    is = "deny"
    rule = "never"
  )")}));
}

TEST_CASE("a name that appears twice is refused, whichever value is good") {
  CHECK(outcome(judge_env({"MIX_ENV=dev", "MIX_ENV=dev"})) == "deny E_ENV_DUP");
  CHECK(outcome(judge_env({"MODE=a", "MODE=b"})) == "deny E_ENV_DUP");
  CHECK(outcome(judge_env({"LANG=C", "LANG=C"})) == "deny E_ENV_DUP");
  CHECK(outcome(judge_env({"OTHER=1", "OTHER=2"})) != "deny E_ENV_DUP");
}

TEST_CASE("harmless variables pass with harmless values") {
  const Decision decision =
      judge_env({"HOME=/home/u", "LANG=en_US.UTF-8", "LC_ALL=C", "TERM=xterm-256color", "CI=true",
                 "TZ=Europe/Paris", "NO_COLOR=1", "USER=$(id)", "LOGNAME=a\nb"});
  CHECK(value(decision, "HOME") == "/home/u");
  CHECK(value(decision, "LC_ALL") == "C");
  CHECK(value(decision, "CI") == "true");
  CHECK(value(decision, "USER") == "(absent)");
  CHECK(value(decision, "LOGNAME") == "(absent)");
}

TEST_CASE("what can inject code is left out without a rule that names its values") {
  const auto name = GENERATE(as<std::string>(), "ERL_AFLAGS", "ERL_OTP25_FLAGS", "ERL_ZFLAGS",
                             "ELIXIR_ERL_OPTIONS", "ERL_LIBS", "MIX_PATH", "MIX_HOME",
                             "MIX_ARCHIVES", "MIX_EXS", "LD_PRELOAD", "LD_LIBRARY_PATH", "BASH_ENV",
                             "GIT_SSH_COMMAND", "HEX_MIRROR", "ECTO_EDITOR", "MAKEFLAGS",
                             "XDG_CONFIG_HOME", "ERL_COMPILER_OPTIONS", "RUN_ERL_PIPE");
  const Decision decision = judge_env({name + "=x"});
  CHECK(outcome(decision) == "allow");
  CHECK(value(decision, name) == "(absent)");
  REQUIRE(decision.dropped.size() == 1);
  CHECK(decision.dropped.front().passes_with == name + " = { enum = ['…'] }");
}

TEST_CASE("a rule with values passes even what can inject code, and only those values") {
  CHECK(value(judge_env({"ERL_FLAGS=+S 2"}), "ERL_FLAGS") == "+S 2");
  CHECK(outcome(judge_env({"ERL_FLAGS=-eval x"})) == "deny E_ENV");
}

TEST_CASE("PATH and TMPDIR are not for the caller or the policy to give") {
  const Decision decision = judge_env({"PATH=/tmp/evil", "TMPDIR=/tmp"});
  CHECK(value(decision, "PATH") == "(absent)");
  CHECK(value(decision, "TMPDIR") == "(absent)");
  CHECK(decision.dropped.empty());
}

TEST_CASE("what is left out is named with a line that would pass it") {
  const auto value = GENERATE(as<std::string>(), "plain", "", "with spaces & $signs", "gr\u00fcn",
                              std::string(700, 'x'), "two\nlines");
  const Decision decision = judge_env({"SOME_TOKEN=" + value});
  REQUIRE(decision.dropped.size() == 1);
  const std::string line = decision.dropped.front().passes_with;
  CHECK(line.find("secret = true") != std::string::npos);
  const Policy passing =
      bare_policy("[env]\n" + line + "\n[[task]]\nid='t'\nname='t'\ndecision='allow'");
  const Decision passed = judge(passing, "mix t", {{"SOME_TOKEN", value}});
  CHECK(outcome(passed) == "allow");
  CHECK(passed.dropped.empty());
}

TEST_CASE("entries that are no variables are left out") {
  CHECK(outcome(judge_env({"", "=", "=x", "novalue"})) == "allow");
}

TEST_CASE("a value has to satisfy the rules of every layer") {
  const Policy layered =
      policy_of({ruleset("[env]\nMODE = { enum = ['a', 'b'] }", Layer::kUser, "u.toml"),
                 ruleset("[env]\nMODE = { enum = ['b', 'c'] }")});
  CHECK(outcome(layered, "mix compile", {{"MODE", "b"}}) == "allow");
  CHECK(outcome(layered, "mix compile", {{"MODE", "a"}}) == "deny E_ENV");
  CHECK(outcome(layered, "mix compile", {{"MODE", "c"}}) == "deny E_ENV");
}

TEST_CASE("what runs code in the VM, Mix, a shell, git, make or the linker is known by name") {
  for (const char* name : {"ERL_AFLAGS",
                           "ERL_FLAGS",
                           "ERL_ZFLAGS",
                           "ERL_LIBS",
                           "ERL_COMPILER_OPTIONS",
                           "ERLC_EMULATOR",
                           "ELIXIR_ERL_OPTIONS",
                           "ELIXIR_EDITOR",
                           "MIX_EXS",
                           "MIX_ARCHIVES",
                           "MIX_HOME",
                           "MIX_PATH",
                           "MIX_DEPS_PATH",
                           "MIX_BUILD_PATH",
                           "MIX_BUILD_ROOT",
                           "MIX_REBAR3",
                           "MIX_INSTALL_DIR",
                           "HEX_MIRROR",
                           "HEX_HOME",
                           "LD_PRELOAD",
                           "LD_AUDIT",
                           "LD_LIBRARY_PATH",
                           "BASH_ENV",
                           "ENV",
                           "BASH_FUNC_ls%%",
                           "GIT_SSH_COMMAND",
                           "GIT_CONFIG_COUNT",
                           "GIT_EXTERNAL_DIFF",
                           "PAGER",
                           "EDITOR",
                           "MAKEFLAGS",
                           "CC",
                           "RUSTC_WRAPPER",
                           "PKG_CONFIG_PATH",
                           "PERL5DB",
                           "PYTHONPATH",
                           "NODE_OPTIONS",
                           "OPENSSL_CONF",
                           "GCONV_PATH",
                           "XDG_CONFIG_HOME"}) {
    INFO(name);
    CHECK(injects_code(name));
    CHECK_FALSE(is_harmless(name));
  }
  for (const char* name : {"ERLANG", "MIX_ENV", "MIX_TARGET", "GITHUB_ACTIONS", "CARGO", "ASSETS"})
    CHECK_FALSE(injects_code(name));
}

}  // namespace
}  // namespace mixguard::policy::test
