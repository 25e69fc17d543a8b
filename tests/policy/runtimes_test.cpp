// SPDX-License-Identifier: Apache-2.0
#include "policy/runtimes.hpp"

#include "tests/policy/support.hpp"

namespace mixguard::policy::test {
namespace {

Decision run(const Policy& policy, const Words& argv, const std::string& program_path,
             bool is_release = false) {
  Facts given = facts();
  given.program_path = program_path;
  given.program_is_release = is_release;
  return decide(policy, argv, given);
}

// Allows the program whatever its arguments, under that name.
Policy lenient(const std::string& path, const std::string& name) {
  return policy_of({ruleset("[[exec]]\nid = \"any\"\npath = \"" + path + "\"\nargv = [\"" + name +
                                "\", \"@any...\"]\nas = [\"command\"]\n"
                                "decision = \"allow\"",
                            Layer::kUser)});
}

TEST_CASE("what runs Erlang code is denied without a rule, and the guarded way named") {
  const auto [line, instead] = GENERATE(table<std::string, std::string>({
      {"elixir script.exs", "mix run script.exs"},
      {"elixir -e IO.puts(1)", "mix run -e \"IO.puts(1)\""},
      {"elixir --sname a -e x", "mix run"},
      {"elixirc a.ex", "mix compile"},
      {"erl -noshell", "iex -S mix"},
      {"rebar3 compile", "mix deps.compile"},
      {"epmd -daemon", ""},
      {"escript x", ""},
  }));
  INFO(line);
  Words argv = words(line);
  const Decision decision = run(builtin(), argv, "/usr/bin/" + argv.front());
  CHECK(outcome(decision) == "deny E_LAUNCHER");
  CHECK(decision.instead == instead);
  CHECK(decision.message.find("runs whatever its arguments say") != std::string::npos);
}

TEST_CASE("Mix by another door is refused whatever the rules say") {
  const auto line = GENERATE(as<std::string>(), "elixir -S mix ecto.drop",
                             "elixir --sname a -S mix ecto.drop", "elixir /usr/bin/mix ecto.drop",
                             "erl -noshell -s elixir start_cli -extra /usr/bin/mix ecto.drop",
                             "escript ../../bin/mix ecto.drop");
  INFO(line);
  const Words argv = words(line);
  const std::string path = "/usr/bin/" + argv.front();
  const Decision decision = run(lenient(path, argv.front()), argv, path);
  CHECK(outcome(decision) == "deny E_LAUNCHER");
  CHECK(decision.instead == "mix ecto.drop");
}

TEST_CASE("a rule for a command lets the rest through") {
  CHECK(outcome(run(lenient("/usr/bin/rebar3", "rebar3"), words("rebar3 tree"),
                    "/usr/bin/rebar3")) == "allow");
}

TEST_CASE("Erlang's own installation is no release") {
  const Words argv = words("erl -s elixir start_cli -extra /usr/bin/mix ecto.drop");
  const std::string path = "/usr/lib/erlang/bin/erl";
  CHECK(outcome(run(lenient(path, "erl"), argv, path, true)) == "deny E_LAUNCHER");
  CHECK(run(builtin(), words("erl"), path, true).message.find("release") == std::string::npos);
}

TEST_CASE("another name for mix is not mix") {
  const Decision decision =
      run(lenient("/usr/bin/mix", "mixx"), words("mixx ecto.drop"), "/usr/bin/mix");
  CHECK(outcome(decision) == "deny E_LAUNCHER");
}

TEST_CASE("what only prints a version or a help needs no rule") {
  for (const std::string line : {"elixir --version", "elixir -v", "elixir --help", "elixirc -v",
                                 "rebar3 version", "rebar3 --version"}) {
    INFO(line);
    const Words argv = words(line);
    const Decision decision = run(builtin(), argv, "/usr/bin/" + argv.front());
    CHECK(outcome(decision) == "allow");
    REQUIRE(decision.rules.size() == 1);
    CHECK(decision.rules.front().layer == "builtin");
  }
  CHECK(outcome(run(builtin(), words("elixir --version x.exs"), "/usr/bin/elixir")) ==
        "deny E_LAUNCHER");
  CHECK(outcome(run(builtin(), words("/tmp/elixir --version"), "/tmp/elixir")) ==
        "deny E_LAUNCHER");
  CHECK(outcome(run(builtin(), words("erl --version"), "/usr/bin/erl")) == "deny E_LAUNCHER");
  CHECK(outcome(run(bare_policy(""), words("elixir --version"), "/usr/bin/elixir")) ==
        "deny E_LAUNCHER");
}

TEST_CASE("a rule that denies a runtime denies its version, too") {
  const Policy policy =
      policy_of({ruleset("[[exec]]\nid = \"no\"\npath = \"/usr/bin/elixir\"\n"
                         "as = [\"command\"]\ndecision = \"deny\"")});
  CHECK(outcome(run(policy, words("elixir --version"), "/usr/bin/elixir")).starts_with("deny"));
}

TEST_CASE("a release's script is told by its verb") {
  const std::string script = "/srv/shop/bin/shop";
  const auto told = [&](const std::string& verb) {
    return run(builtin(), {script, verb}, script, true).message;
  };
  CHECK(told("eval").find("runs the code of its command line") != std::string::npos);
  CHECK(told("rpc").find("runs the code of its command line") != std::string::npos);
  CHECK(told("remote").find("console in a running release") != std::string::npos);
  CHECK(told("start").find("made for production") != std::string::npos);
  CHECK(told("pid").find("script of a release") != std::string::npos);
  CHECK(outcome(run(builtin(), {script, "eval", "x"}, script, true)) == "deny E_LAUNCHER");
  CHECK(outcome(run(lenient(script, script), {script, "pid"}, script, true)) == "allow");
}

}  // namespace
}  // namespace mixguard::policy::test
