// SPDX-License-Identifier: Apache-2.0
#include "policy/alias_expansion.hpp"

#include <algorithm>

#include "policy/explain.hpp"
#include "tests/policy/support.hpp"

namespace mixguard::policy::test {
namespace {

MixExs project_of(const std::string& aliases, const std::string& more = "") {
  return read_mix_exs(
      "defmodule A.MixProject do\n  use Mix.Project\n  def project, do: [aliases: [" + aliases +
      "]" + (more.empty() ? "" : ", " + more) + "]\nend\n");
}

std::string told(const Expansion& expansion) {
  if (expansion.refusal) return std::string(to_string(expansion.refusal->reason));
  std::string text;
  for (const Leaf& leaf : expansion.leaves) {
    if (!text.empty()) text += " | ";
    text += leaf.function.empty() ? leaf.call.task : "<" + leaf.function + ">";
    for (const std::string& word : leaf.call.words) text += " " + word;
    if (leaf.call.refusal) text += " !" + std::string(to_string(leaf.call.refusal->reason));
  }
  return text;
}

std::string expanded(const std::string& aliases, const std::string& line) {
  return told(expand(read_mix(words(line)), {project_of(aliases)}));
}

TEST_CASE("a step is split as OptionParser splits it") {
  const auto [text, split] = GENERATE(table<std::string, std::vector<std::string>>({
      {"", {}},
      {"  ", {}},
      {"a", {"a"}},
      {"  a  b ", {"a", "b"}},
      {"a\tb", {"a\tb"}},
      {"a \"b c\" d", {"a", "b c", "d"}},
      {"a 'b c'd", {"a", "b cd"}},
      {"a\"b\"c", {"abc"}},
      {"a \"\"", {"a"}},
      {"\"\" a", {"", "a"}},
      {"a \"\" b", {"a", "", "b"}},
      {"a\\ b", {"a b"}},
      {"a \\\"b\\\"", {"a", "\"b\""}},
      {"a \\'b", {"a", "'b"}},
      {"a \"b\\\"c\"", {"a", "b\"c"}},
      {"a \"b\\'c\"", {"a", "b\\'c"}},
      {"a 'b\\'c'", {"a", "b'c"}},
      {"a \"b\\\\\"", {"a", "b\\\""}},
      {"a\\nb", {"a\\nb"}},
      {"a\\", {"a\\"}},
      {"a\\\\ b", {"a\\ b"}},
  }));
  INFO(text);
  if (text == "a \"b\\\\\"") {
    CHECK_FALSE(split_words(text));  // the last quote is escaped
  } else {
    CHECK(split_words(text) == split);
  }
}

TEST_CASE("a quote that is never closed splits into nothing") {
  for (const std::string text : {"\"", "a 'b", "a \"b\\\"", "'\""}) {
    INFO(text);
    CHECK_FALSE(split_words(text));
  }
}

TEST_CASE("aliases lead to the tasks that Mix would run") {
  const auto [aliases, line, leaves] = GENERATE(table<std::string, std::string, std::string>({
      // no alias
      {"a: \"b\"", "mix test --trace", "test --trace"},
      {"a: \"b\"", "mix do test + compile", "test | compile"},
      {"a: \"b\"", "mix --version", "help"},
      // words go to the last step
      {"a: \"b x\"", "mix a y", "b x y"},
      {"a: [\"b x\", \"c\"]", "mix a y z", "b x | c y z"},
      {"a: [\"b\", &f/1]", "mix a y", "b | <\"&f/1\"> y"},
      {"a: [&f/1, \"b\"]", "mix a y", "<\"&f/1\"> | b y"},
      // its own name is the task, and takes the words
      {"test: [\"ecto.drop\", \"test\"]", "mix test --trace", "ecto.drop | test --trace"},
      {"test: [\"test --cover\", \"docs\"]", "mix test x", "test --cover x | docs"},
      {"test: [\"test\", \"test\"]", "mix test x", "test x | test"},
      {"test: [\"test\", \"docs\", &f/1]", "mix test x", "test x | docs | <\"&f/1\">"},
      // inside one another
      {"a: [\"b\", \"c\"], b: [\"d x\", \"e\"]", "mix a y", "d x | e | c y"},
      {"a: [\"c\", \"b\"], b: [\"d x\", \"e\"]", "mix a y", "c | d x | e y"},
      {"a: \"b\", b: \"c\", c: \"d\"", "mix a y", "d y"},
      // an alias that is being followed is the task
      {"a: \"b\", b: \"a\"", "mix a x", "a x"},
      {"a: [\"b\"], b: [\"a 1\", \"c\"]", "mix a x", "a 1 | c x"},
      // do
      {"a: \"do b x + c\"", "mix a y", "b x | c y"},
      {"a: [\"do b, c\", \"d\"]", "mix a y", "b | c | d y"},
      {"a: \"do b + c\", b: \"d\"", "mix a y", "d | c y"},
      {"a: \"do a + b\"", "mix a", "a | b"},
      {"a: [\"b\", \"c\"]", "mix do a x + d y", "b | c x | d y"},
      {"a: \"do b\"", "mix a + c", "b | c"},
      {"do: \"b\", a: \"do c\"", "mix a", "b c"},
      // names that are no task's
      {"\"test:all\": \"test\"", "mix test:all x", "test x"},
      {"Test: \"docs\"", "mix Test", "docs"},
      {"test: \"docs\"", "mix Test", "Test !E_TASK_SPELLING"},
      {"a: \"Ecto.Drop\"", "mix a", "Ecto.Drop !E_TASK_SPELLING"},
      {"a: \"--version\"", "mix a", "--version !E_TASK_SPELLING"},
      {"a: \"b c\xC2\xA0\"", "mix a", "b c\xC2\xA0 !E_UNICODE"},
      // quotes
      {"a: \"cmd 'x  y'\"", "mix a", "cmd x  y"},
      // what Mix runs by itself
      {"loadconfig: [\"b\"]", "mix test", "test | b"},
      {"compile: [\"b\", \"compile\", \"c\"]", "mix test", "test | b | c"},
      {"compile: [\"b\", \"compile\"]", "mix compile --force", "b | compile --force"},
      {"compile: [\"compile --force\"]", "mix test", "test | compile --force"},
      {"\"compile.app\": [\"b\"]", "mix test", "test | b"},
      {"loadconfig: [\"b\"]", "mix --help", "help"},
      // the same once more is the same
      {"a: [\"b\", \"b\", \"c\", \"b x\"]", "mix a", "b | c | b x"},
  }));
  INFO(aliases << "  " << line);
  CHECK(expanded(aliases, line.substr(4)) == leaves);
}

TEST_CASE("what cannot be followed is refused") {
  CHECK(expanded("a: \"\"", "a") == "E_ALIAS");
  CHECK(expanded("a: \"b 'c\"", "a") == "E_ALIAS");
  CHECK(expanded("do: \"b\"", "do a") == "E_ALIAS");
  CHECK(expanded("a: \"do\"", "a") == "E_ARG");
  CHECK(expanded("a: \"do --all b\"", "a") == "E_FLAG_UNKNOWN");
}

TEST_CASE("eight aliases inside one another are followed and nine are not") {
  std::string aliases;
  for (char c = 'a'; c < 'i'; ++c) {
    aliases += std::string(1, c) + ": \"" + static_cast<char>(c + 1) + "\", ";
  }
  CHECK(expanded(aliases + "z: \"a\"", "a") == "i");
  CHECK(expanded(aliases + "z: \"a\"", "z") == "E_ALIAS");
}

TEST_CASE("aliases that multiply end soon") {
  std::string many = "a: [";
  for (int i = 0; i < 65; ++i) many += "\"b " + std::to_string(i) + "\", ";
  CHECK(expanded(many + "\"c\"]", "a") == "E_ALIAS");
  std::string deep;
  for (char c = 'a'; c < 'h'; ++c) {
    deep += std::string(1, c) + ": [";
    for (int i = 0; i < 50; ++i) deep += "\"" + std::string(1, static_cast<char>(c + 1)) + "\", ";
    deep += "\"x\"], ";
  }
  CHECK(expanded(deep + "y: \"x\"", "a") == "E_ALIAS");
}

TEST_CASE("an umbrella's apps count where a task recurses into them") {
  MixExs app = project_of("test: [\"seed\", \"test\"], seed: \"run seeds.exs\", x: \"root\"");
  const MixExs umbrella = project_of("root: [\"ecto.drop\"], all: [\"x\"]", "apps_path: \"apps\"");
  const auto in_umbrella = [&](const std::string& line) {
    return told(expand(read_mix(words(line)), {umbrella, app}));
  };
  CHECK(in_umbrella("test --trace") == "test --trace | run seeds.exs");
  CHECK(in_umbrella("all") == "x | root | ecto.drop");
  CHECK(in_umbrella("docs") == "docs");
}

TEST_CASE("the console runs the default task before it opens") {
  const auto opened = [&](const std::string& aliases, const std::string& more) {
    return told(expand(read_iex(words("-S mix")), {project_of(aliases, more)}));
  };
  CHECK(opened("a: \"b\"", "app: :a") == "iex");
  CHECK(opened("run: [\"b\", \"run\"]", "app: :a") == "iex | b | run");
  CHECK(opened("a: \"b\"", "default_task: \"a\"") == "iex | b");
}

// ---- Decisions ----------------------------------------------------------------------------------

Facts in_project(MixExs exs, const std::map<std::string, std::string>& environment = {}) {
  Facts given = facts(environment);
  given.mix_exs = {std::move(exs)};
  return given;
}

const Policy& policy() {
  static const Policy policy = bare_policy(R"(
    [[task]]
    id = "good"
    name = ["format", "test", "compile", "run"]
    decision = "allow"
    flags = { trace = "bool" }
    [[task]]
    id = "alias-is-allowed"
    name = ["check", "known"]
    decision = "allow"
    [[task]]
    id = "asks"
    name = ["deploy"]
    decision = "ask"
    [[task]]
    id = "denies"
    name = ["wipe"]
    decision = "deny"
    because = "never"
  )");
  return policy;
}

Decision judged(const MixExs& exs, std::string_view line,
                const std::map<std::string, std::string>& environment = {}) {
  return decide(policy(), words(line), in_project(exs, environment));
}

std::string outcome_of(const std::string& aliases, std::string_view line,
                       const std::map<std::string, std::string>& environment = {}) {
  return outcome(judged(project_of(aliases), line, environment));
}

TEST_CASE("the strictest task of an alias decides") {
  CHECK(outcome_of("check: [\"format\", \"test\"]", "mix check") == "allow");
  CHECK(outcome_of("check: [\"format\", \"ecto.drop\"]", "mix check") == "deny E_NO_RULE");
  CHECK(outcome_of("test: [\"ecto.drop\", \"test\"]", "mix test") == "deny E_NO_RULE");
  CHECK(outcome_of("x: [\"deploy\"]", "mix x") == "ask E_RULE");
  CHECK(outcome_of("x: [\"test\"]", "mix x --trace") == "allow");
  CHECK(outcome_of("x: [\"test\"]", "mix x --evil") == "deny E_FLAG_UNKNOWN");
  CHECK(outcome_of("x: [\"test\"]", "mix do format + x") == "allow");
  CHECK(outcome_of("compile: [\"ecto.drop\"]", "mix test") == "deny E_NO_RULE");
}

TEST_CASE("a misspelt task and an alias that cannot be followed refuse the whole command") {
  const std::string aliases = "broken: [\"test \\\"x\"]";
  for (const std::string line : {"mix do Ecto.Drop + broken + test", "mix do broken + Ecto.Drop",
                                 "mix do test + Ecto.Drop + broken"}) {
    INFO(line);
    const Decision decision = judged(project_of(aliases), line);
    CHECK(outcome(decision) == "deny E_TASK_SPELLING");
    CHECK(decision.parts.size() == 1);
    CHECK(decision.canonical == words(line));
  }
  CHECK(outcome_of(aliases, "mix do test + broken") == "deny E_ALIAS");
  CHECK(outcome_of(aliases, "mix broken") == "deny E_ALIAS");
}

TEST_CASE("a rule for the alias itself counts when it denies or asks") {
  CHECK(outcome_of("wipe: [\"format\"]", "mix wipe") == "deny E_RULE");
  CHECK(outcome_of("x: [\"wipe\"], wipe: [\"format\"]", "mix x") == "deny E_RULE");
  CHECK(outcome_of("deploy: [\"format\"]", "mix deploy --trace") == "ask E_RULE");
  CHECK(outcome_of("check: [\"ecto.drop\"]", "mix check") == "deny E_NO_RULE");
  const Policy any = bare_policy(
      "[[task]]\nid = \"good\"\nname = \"format\"\ndecision = \"allow\"\n"
      "[[task]]\nid = \"any\"\nname = \"@alias\"\ndecision = \"ask\"");
  const Facts given = in_project(project_of("x: \"format\""));
  CHECK(outcome(decide(any, words("mix x"), given)) == "ask E_RULE");
  CHECK(outcome(decide(any, words("mix format"), given)) == "allow");
}

TEST_CASE("a function is asked for in development and denied in production") {
  const std::string aliases = "seed: [\"format\", &seed/1], known: &run/1";
  for (const std::string env : {"dev", "test", "staging"}) {
    CHECK(outcome_of(aliases, "mix seed", {{"MIX_ENV", env}}) ==
          (env == "staging" ? "deny E_NO_RULE" : "ask E_ALIAS"));
  }
  CHECK(outcome_of("seed: &seed/1", "mix seed", {{"MIX_ENV", "staging"}}) == "ask E_ALIAS");
  CHECK(outcome_of("seed: &seed/1", "mix seed", {{"MIX_ENV", "prod"}}) == "deny E_ALIAS");
  CHECK(outcome_of(aliases, "mix known") == "allow");
  CHECK(outcome_of(aliases, "mix known --flag") == "deny E_FLAG_UNKNOWN");
  CHECK(outcome_of(aliases, "mix known", {{"MIX_ENV", "prod"}}) == "deny E_ALIAS");
}

TEST_CASE("the rule \"@alias\" decides on functions") {
  const Policy lenient =
      bare_policy("[[task]]\nid = \"any\"\nname = \"@alias\"\ndecision = \"allow\"");
  const Facts given = in_project(project_of("a: &f/1, b: \"format\""));
  CHECK(outcome(decide(lenient, words("mix a"), given)) == "allow");
  CHECK(outcome(decide(lenient, words("mix b"), given)) == "deny E_NO_RULE");
}

TEST_CASE("a table that cannot be read makes every task one to ask for") {
  const MixExs unknown = read_mix_exs(
      "defmodule A do\n  use Mix.Project\n  def project, do: [aliases: evil()]\nend\n");
  const Decision decision = judged(unknown, "mix test");
  CHECK(outcome(decision) == "ask E_ALIAS");
  CHECK(decision.message.find("mix.exs:3: ") != std::string::npos);
  CHECK(outcome(judged(unknown, "mix wipe")) == "deny E_RULE");
  CHECK(outcome(judged(unknown, "mix nothing")) == "deny E_NO_RULE");
  CHECK(outcome(judged(unknown, "mix do format + test")) == "ask E_ALIAS");
  CHECK(outcome(decide(builtin(), words("mix --version"), in_project(unknown))) == "allow");
  CHECK(outcome(decide(builtin(), words("iex -S mix"), in_project(unknown))) == "ask E_ALIAS");
  CHECK(outcome(decide(builtin(), words("mix"), in_project(unknown))) == "ask E_ALIAS");
}

TEST_CASE("an app of an umbrella that cannot be read counts as well") {
  Facts given = in_project(project_of("a: \"format\""));
  given.mix_exs.push_back(unreadable_mix_exs("apps/x/mix.exs", {7, "it is odd"}));
  const Decision decision = decide(policy(), words("mix format"), given);
  CHECK(outcome(decision) == "ask E_ALIAS");
  CHECK(decision.message.find("apps/x/mix.exs:7: it is odd") != std::string::npos);
}

TEST_CASE("what the project prefers and cannot be read matters while MIX_ENV is not set") {
  const MixExs unknown = read_mix_exs(
      "defmodule A do\n  use Mix.Project\n  def project, do: [preferred_cli_env: evil()]\nend\n");
  CHECK(outcome(judged(unknown, "mix format")) == "ask E_ENV");
  CHECK(outcome(judged(unknown, "mix format", {{"MIX_ENV", "dev"}})) == "allow");
}

TEST_CASE("the typed name fixes the environment of all steps") {
  const auto env_of = [](const MixExs& exs, std::string_view line) {
    return judged(exs, line).parts.back().env;
  };
  const MixExs exs = project_of("x: [\"test\"], test: [\"format\", \"test\"]",
                                "preferred_cli_env: [x: :test, format: :prod]");
  CHECK(env_of(exs, "mix x") == "test");
  CHECK(env_of(exs, "mix test") == "test");
  CHECK(env_of(exs, "mix format") == "prod");
  CHECK(env_of(exs, "mix do x + test") == "dev");
  CHECK(env_of(project_of("x: \"test\""), "mix x") == "dev");
}

TEST_CASE("a default environment of def cli is exported") {
  const MixExs exs = read_mix_exs(
      "defmodule A do\n  use Mix.Project\n  def project, do: []\n"
      "  def cli, do: [default_env: :test]\nend\n");
  const Decision decision = judged(exs, "mix do format + test");
  CHECK(decision.parts.front().env == "test");
  CHECK(decision.environment.front().value == "test");
}

TEST_CASE("mix alone is the project's default task, spelled out") {
  const Decision server = judged(project_of("a: \"format\"", "default_task: \"a\""), "mix");
  CHECK(outcome(server) == "allow");
  CHECK(server.canonical == words("mix a"));
  CHECK(judged(project_of("a: \"format\""), "mix").canonical == words("mix run"));
  const MixExs unknown = read_mix_exs(
      "defmodule A do\n  use Mix.Project\n  def project, do: [default_task: evil()]\nend\n");
  CHECK(outcome(judged(unknown, "mix")) == "deny E_ALIAS");
  CHECK(outcome(judged(unknown, "mix format")) == "allow");
}

TEST_CASE("what is executed is what was typed, and the parts say where they come from") {
  const MixExs exs = project_of("check: [\"format\", \"inner\"], inner: \"test\"");
  const Decision decision = judged(exs, "mix do check --trace + compile");
  CHECK(decision.canonical == words("mix do check --trace + compile"));
  REQUIRE(decision.parts.size() == 3);
  CHECK(decision.parts[0].via == words("check"));
  CHECK(decision.parts[0].canonical == words("mix format"));
  CHECK(decision.parts[1].via == words("check inner"));
  CHECK(decision.parts[1].canonical == words("mix test --trace"));
  CHECK(decision.parts[2].via.empty());
  CHECK(judged(exs, "mix check").canonical == words("mix check"));
}

TEST_CASE("an explanation names the alias") {
  const std::string text =
      explain(judged(project_of("check: [\"format\", \"ecto.drop\", &f/1]"), "mix check"), {});
  CHECK(text.find("alias check runs mix ecto.drop") != std::string::npos);
  CHECK(text.find("alias check runs \"&f/1\"") != std::string::npos);
  const Decision denied = judged(project_of("check: \"ecto.drop\""), "mix check");
  CHECK(refusal(denied).find("alias \"check\" of mix.exs runs it") != std::string::npos);
}

}  // namespace
}  // namespace mixguard::policy::test
