// SPDX-License-Identifier: Apache-2.0
#include "policy/starter.hpp"

#include <fstream>
#include <sstream>

#include "policy/builtin.hpp"
#include "tests/policy/support.hpp"

namespace mixguard::policy::test {
namespace {

// `mix new shop`, Elixir 1.14.
constexpr const char* kBare = R"(defmodule Shop.MixProject do
  use Mix.Project

  def project do
    [
      app: :shop,
      version: "0.1.0",
      elixir: "~> 1.14",
      start_permanent: Mix.env() == :prod,
      deps: deps()
    ]
  end

  # Run "mix help compile.app" to learn about applications.
  def application do
    [
      extra_applications: [:logger]
    ]
  end

  # Run "mix help deps" to learn about dependencies.
  defp deps do
    [
      # {:dep_from_hexpm, "~> 0.3.0"},
      # {:dep_from_git, git: "https://github.com/elixir-lang/my_dep.git", tag: "0.1.0"}
    ]
  end
end
)";

constexpr const char* kPhoenix = R"(defmodule Web.MixProject do
  use Mix.Project

  def project do
    [app: :web, version: "0.1.0", aliases: aliases(), deps: deps()]
  end

  defp aliases do
    [
      setup: ["deps.get", "ecto.setup", "run priv/repo/seeds.exs"],
      "db.renew": ["ecto.drop", "ecto.create", "ecto.migrate"],
      odd: &odd/1,
      test: ["ecto.create --quiet", "ecto.migrate --quiet", "test"]
    ]
  end

  defp deps do
    [{:phoenix, "~> 1.7"}, {:ecto_sql, "~> 3.10"}, {:postgrex, ">= 0.0.0"},
     {:credo, "~> 1.7", only: :dev}, {:gettext, "~> 0.20"}]
  end
end
)";

std::string read(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

Starter start(std::string_view mix_exs, std::string_view lock = "") {
  auto starter = starting_policy(
      {read_app_name(mix_exs), {read_mix_exs(mix_exs)}, read_dependencies(mix_exs, lock)});
  if (!starter) FAIL(starter.error().front().to_string());
  return std::move(*starter);
}

// As a user does who wants every suggestion.
std::string uncommented(const std::string& text) {
  std::istringstream lines(text);
  std::string out;
  for (std::string line; std::getline(lines, line);) {
    const bool is_suggestion = line.size() > 1 && line[0] == '#' && line[1] != ' ';
    out += (is_suggestion ? line.substr(1) : line) + "\n";
  }
  return out;
}

void check_golden(const std::string& name, const std::string& text) {
  const std::string path = std::string(MIXGUARD_TEST_SOURCES) + "/policy/golden/" + name;
  if (std::getenv("MIXGUARD_ACCEPT") != nullptr) {
    std::ofstream(path) << text;
    WARN("skipped: rewrote " << name);
    return;
  }
  CHECK(text == read(path));
}

TEST_CASE("the starting policy of a project stays the same text") {
  const std::string examples = MIXGUARD_TEST_SOURCES "/../examples";
  check_golden("start_ledger.toml", start(read(examples + "/ledger/mix.exs")).text);
  check_golden("start_bare.toml", start(kBare).text);
  check_golden("start_phoenix.toml", start(kPhoenix).text);
}

TEST_CASE("a starting policy changes no answer of the catalogue") {
  const Policy builtin = policy_of({});
  for (const char* mix_exs : {kBare, kPhoenix}) {
    auto parsed = parse_ruleset(start(mix_exs).text, "p.toml", Layer::kProject);
    REQUIRE(parsed);
    const Policy policy = policy_of({*parsed});
    for (const std::string_view task : builtin_names()) {
      for (const char* env : {"dev", "test", "staging", "prod"}) {
        const Words argv = {"mix", std::string(task)};
        INFO(task << " in " << env);
        const Facts given = facts({{"MIX_ENV", env}});
        CHECK(outcome(decide(policy, argv, given)) == outcome(decide(builtin, argv, given)));
      }
    }
  }
}

TEST_CASE("every suggestion can be uncommented at once, and is then a policy") {
  for (const char* mix_exs : {kBare, kPhoenix}) {
    const Starter starter = start(mix_exs);
    const std::string text = uncommented(starter.text);
    INFO(text);
    auto parsed = parse_ruleset(text, "p.toml", Layer::kProject);
    if (!parsed) FAIL(parsed.error().front().to_string());
    CHECK(parsed->tasks.size() == starter.suggestions);
    CHECK(Policy::build({*parsed}));  // the expectations hold all the same
    for (const TaskRule& rule : parsed->tasks) {
      for (const std::string& env : rule.envs) CHECK((env == "dev" || env == "test"));
    }
  }
}

TEST_CASE("an uncommented suggestion allows what it was made for") {
  const std::string text = start(kPhoenix).text;
  // Without the expectations, which pin the answers of before.
  const std::string rules = uncommented(text.substr(0, text.find("\n[[expect]]")));
  auto parsed = parse_ruleset(rules, "p.toml", Layer::kProject);
  REQUIRE(parsed);
  const Policy policy = policy_of({*parsed});
  CHECK(outcome(policy, "mix ecto.reset", {{"MIX_ENV", "dev"}}) == "allow");
  CHECK(judge(policy, "mix ecto.reset", {{"MIX_ENV", "prod"}}).verdict == Verdict::kDeny);
}

TEST_CASE("dependencies are found in mix.exs and mix.lock, by their whole names") {
  CHECK(read_dependencies("{:credo, \"~> 1.7\"}", "").size() == 1);
  CHECK(read_dependencies("", "  \"credo\": {:hex, :credo, \"1.7.0\"},\n").size() == 1);
  CHECK(read_dependencies("{:credo_extra, \"~> 1.7\"}", "  \"ex_credo\": {:hex},").empty());
}

TEST_CASE("the name of the application is read, and only that") {
  CHECK(read_app_name("  app: :shop_web,\n version: 1") == "shop_web");
  CHECK(read_app_name("[version: 1]").empty());
}

TEST_CASE("aliases that cannot be read are said so") {
  const std::string mix_exs =
      "defmodule M do\n  use Mix.Project\n  def project, do: [app: :m, aliases: Enum.reverse([])]\n"
      "end\n";
  CHECK(start(mix_exs).text.find("# The aliases cannot be read") != std::string::npos);
}

}  // namespace
}  // namespace mixguard::policy::test
