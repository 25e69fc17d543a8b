// SPDX-License-Identifier: Apache-2.0
#include "policy/builtin.hpp"

#include <algorithm>

#include "policy/endpoint.hpp"
#include "policy/mix_command.hpp"
#include "tests/policy/support.hpp"

namespace mixguard::policy::test {
namespace {

void check_type(const catalog::Type& type) {
  if (!type.match.empty()) CHECK(Pattern::make(type.match));
  if (type.kind == ValueKind::kString) CHECK(type.max_len > 0);
}

TEST_CASE("the catalogue is in order, and every entry is complete") {
  const auto by_name = [](const catalog::Task& a, const catalog::Task& b) {
    return a.name < b.name;
  };
  CHECK(std::is_sorted(catalog::kTasks.begin(), catalog::kTasks.end(), by_name));
  CHECK(catalog::kTasks.size() > 250);
  for (const catalog::Task& task : catalog::kTasks) {
    INFO(task.name);
    CHECK(is_canonical_task(task.name));
    CHECK_FALSE(task.because.empty());
    CHECK(find_builtin(task.name) == &task);
    for (const catalog::Flag& flag : task.flags) check_type(flag.type);
    for (const catalog::Arg& arg : task.args) check_type(arg.type);
    for (const std::string_view endpoint : task.net) CHECK(is_endpoint(endpoint));
    for (const std::string_view pattern : task.write) CHECK_FALSE(pattern.starts_with('/'));
  }
  CHECK(find_builtin("no.such.task") == nullptr);
  CHECK(find_builtin("") == nullptr);
}

TEST_CASE("no alias stands for two flags of one task") {
  for (const catalog::Task& task : catalog::kTasks) {
    INFO(task.name);
    std::string seen;
    for (const catalog::Flag& flag : task.flags) {
      if (flag.alias.empty()) continue;
      CHECK(seen.find(flag.alias) == std::string::npos);
      seen += flag.alias;
    }
  }
}

TEST_CASE("everyday work goes through in dev and test, asks in staging, and is not done in prod") {
  const auto line = GENERATE(
      as<std::string>(), "mix test", "mix test test/a_test.exs:12 --seed 0 --trace --only a:b",
      "mix format", "mix format --check-formatted lib/**/*.{ex,exs}", "mix phx.server",
      "mix ecto.create", "mix ecto.migrate --step 2", "mix ecto.gen.migration add_users",
      "mix phx.gen.live Accounts User users name:string age:integer", "mix run",
      "mix run priv/repo/seeds.exs", "mix run priv/repo/seeds.exs --all x",
      "mix run --no-start priv/x.exs", "iex -S mix", "iex -S mix phx.server", "mix coveralls.html",
      "mix gettext.extract --merge", "mix deps.update phoenix", "mix ecto.migrations",
      "mix oban.install", "mix clean", "mix deps.audit", "mix profile.eprof priv/x.exs");
  INFO(line);
  CHECK(verdicts(line) == "allow allow ask deny");
}

TEST_CASE("what destroys, and what runs whatever it is given, asks, and is not done in prod") {
  const auto line = GENERATE(
      as<std::string>(), "mix ecto.drop", "mix ecto.reset", "mix ecto.rollback --step 1",
      "mix ecto.load", "mix deps.clean --all", "mix phx.digest.clean", "mix run -e 1+1",
      "mix eval IO.puts(1)", "mix cmd ls -la", "mix phx.server -e 1", "mix phx.server --eval=1",
      "mix run --eval 1", "mix run -c config/x.exs", "mix format --dot-formatter x.exs",
      "mix ecto.migrate --migrations-path priv/other", "mix loadconfig x.exs",
      "mix profile.fprof -e 1", "mix run --no-mix-exs", "mix deps.unlock --all");
  INFO(line);
  CHECK(verdicts(line) == "ask ask ask deny");
}

TEST_CASE("builds go through everywhere") {
  const auto line =
      GENERATE(as<std::string>(), "mix compile --warnings-as-errors", "mix deps.get --only prod",
               "mix deps.compile", "mix assets.deploy", "mix phx.digest", "mix release",
               "mix do deps.get + compile + release", "mix help", "mix --version", "mix deps.tree",
               "mix esbuild default "
               "--minify");
  INFO(line);
  CHECK(verdicts(line) == "allow allow allow allow");
}

TEST_CASE("publishing and credentials are for people, outside") {
  const auto line =
      GENERATE(as<std::string>(), "mix hex.publish", "mix hex.publish --yes", "mix hex.user auth",
               "mix hex.organization auth acme", "mix hex.owner add x y",
               "mix hex.config api_key x", "mix hex.repo set hexpm --url http://x",
               "mix coveralls.post", "mix archive.install x", "mix archive.uninstall ../../x");
  INFO(line);
  CHECK(verdicts(line) == "deny deny deny deny");
}

TEST_CASE("tasks that look safe do not run or delete through their arguments") {
  const auto [line, expected] = GENERATE(table<std::string, std::string>({
      {"mix format --dot-formatter /tmp/f.exs", "deny E_PATH"},
      {"mix format ../x.ex", "deny E_ARG"},
      {"mix format /etc/x.ex", "deny E_ARG"},
      {"mix test /tmp/x_test.exs", "deny E_PATH"},
      {"mix test ../../x_test.exs", "deny E_PATH"},
      {"mix ecto.migrate --migrations-path /tmp/x", "deny E_PATH"},
      {"mix ecto.load -d /tmp/x.sql", "deny E_PATH"},
      {"mix credo --config-file /tmp/x.exs", "deny E_PATH"},
      {"mix sobelow --diff x", "deny E_FLAG_UNKNOWN"},
      {"mix sobelow --out /tmp/x", "deny E_PATH"},
      {"mix xref trace /tmp/x.ex", "deny E_PATH"},
      {"mix loadconfig /tmp/x.exs", "deny E_PATH"},
      {"mix run /tmp/x.exs", "deny E_PATH"},
      {"mix run ../x.exs", "deny E_PATH"},
      {"mix run x.sh", "deny E_ARG"},
      {"mix docs -o /tmp/x", "deny E_PATH"},
      {"mix deps.clean ../DIR", "deny E_ARG"},
      {"mix ecto.gen.repo -r X;Y", "deny E_META"},
      {"mix ecto.rollback --step -1", "deny E_FLAG_TYPE"},
      {"mix release --path /tmp/x", "deny E_PATH"},
      {"mix ecto.dump -d ../x.sql", "deny E_PATH"},
      {"mix phx.digest -o /tmp/x", "deny E_PATH"},
      {"mix hex.build -o /tmp/x.tar", "deny E_PATH"},
      {"mix phx.server --bogus", "deny E_FLAG_UNKNOWN"},
      {"mix deps.get --bogus", "deny E_FLAG_UNKNOWN"},
  }));
  INFO(line);
  CHECK(outcome(builtin(), line) == expected);
}

TEST_CASE("tests run in test, and servers and consoles are live") {
  CHECK(judge(builtin(), "mix test").parts.front().env == "test");
  CHECK(judge(builtin(), "mix coveralls").parts.front().env == "test");
  CHECK(judge(builtin(), "mix compile").confinement.mode == RunMode::kTransaction);
  CHECK(judge(builtin(), "mix phx.server").confinement.mode == RunMode::kLive);
  CHECK(judge(builtin(), "iex -S mix").confinement.mode == RunMode::kLive);
  CHECK(judge(builtin(), "iex -S mix test").canonical == words("iex -S mix test"));
}

TEST_CASE("what the catalogue knows of a task holds without its verdicts") {
  const Policy policy =
      bare_policy("[[task]]\nid='s'\nname=['phx.server','test']\ndecision='allow'");
  CHECK(judge(policy, "mix phx.server").confinement.mode == RunMode::kLive);
  CHECK(judge(policy, "mix test").parts.front().env == "test");
}

TEST_CASE("an unknown task is denied, with the one that was meant") {
  const Decision decision = judge(builtin(), "mix compil");
  CHECK(outcome(decision) == "deny E_NO_RULE");
  CHECK(decision.instead == "mix compile");
}

TEST_CASE("deps.get reaches Hex and the git hosts that mix.exs names, and nothing else") {
  Facts project = facts();
  project.mix_exs.push_back(read_mix_exs(
      "defmodule A.MixProject do\n  use Mix.Project\n  def project, do: [app: :a, deps: "
      "[{:b, git: \"https://git.example.com/b\"}]]\nend\n"));
  const Words hex{"repo.hex.pm:443", "hex.pm:443", "builds.hex.pm:443"};
  Words with_git = hex;
  with_git.push_back("git.example.com:443");
  CHECK(decide(builtin(), words("mix deps.get"), project).confinement.net == with_git);
  CHECK(decide(builtin(), words("mix deps.get"), facts()).confinement.net == hex);
  CHECK(decide(builtin(), words("mix deps.tree"), project).confinement.net.empty());
  // What a user's file lists is the ceiling, for these as for all of the catalogue's.
  const Policy narrow =
      policy_of({ruleset("[net]\nallow = [\"repo.hex.pm:443\"]\n", Layer::kUser)});
  CHECK(decide(narrow, words("mix deps.get"), project).confinement.net == Words{"repo.hex.pm:443"});
}

TEST_CASE("tests and migrations reach the databases of the machine itself") {
  for (const char* line : {"mix test", "mix ecto.migrate", "mix phx.server"}) {
    const Words net = judge(builtin(), line).confinement.net;
    for (const char* endpoint :
         {"127.0.0.1:5432", "127.0.0.1:3306", "unix:/var/run/postgresql/.s.PGSQL.5432"}) {
      CHECK(std::find(net.begin(), net.end(), endpoint) != net.end());
    }
  }
}

}  // namespace
}  // namespace mixguard::policy::test
