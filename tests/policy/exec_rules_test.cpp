// SPDX-License-Identifier: Apache-2.0
#include "policy/exec_rules.hpp"

#include "tests/policy/support.hpp"

namespace mixguard::policy::test {
namespace {

const Policy& policy() {
  static const Policy policy = bare_policy(R"(
    [[exec]]
    id = "git-read"
    path = "/usr/bin/git"
    argv = ["git", ["log", "show"], "@safe..."]
    as = ["child", "command"]
    env_drop = ["GIT_*"]
    decision = "allow"
    write = ["notes/**"]
    [[exec]]
    id = "git-push"
    path = "/usr/bin/git"
    argv = ["git", "push", "@any..."]
    as = ["child", "command"]
    decision = "deny"
    because = "pushing is for people"
    [[exec]]
    id = "cat"
    path = "/usr/bin/cat"
    argv = ["cat", "<path>"]
    as = "command"
    decision = "ask"
    [[exec]]
    id = "make"
    path = ["/usr/bin/make", "/usr/bin/gmake"]
    tasks = ["compile"]
    decision = "allow"
    [[exec]]
    id = "sh"
    path = "/bin/sh"
    as = "command"
    decision = "allow"
  )");
  return policy;
}

std::string run(std::string_view line, std::string path, Words same = {}) {
  Facts given = facts();
  given.program_path = std::move(path);
  given.same_file_as_program = std::move(same);
  return outcome(decide(policy(), words(line), given));
}

TEST_CASE("a plain program runs by a rule for its file and its arguments") {
  CHECK(run("git log --oneline", "/usr/bin/git") == "allow");
  CHECK(run("/usr/bin/git log", "/usr/bin/git") == "allow");
  CHECK(run("git log", "/opt/git", {"/usr/bin/git"}) == "allow");
  CHECK(run("git log", "/tmp/evil/git") == "deny E_LAUNCHER");
  CHECK(run("git log", "") == "deny E_LAUNCHER");
  CHECK(run("git push origin", "/usr/bin/git") == "deny E_RULE");
  CHECK(run("git commit", "/usr/bin/git") == "deny E_ARG");
  CHECK(run("git", "/usr/bin/git") == "deny E_ARG");
  CHECK(run("cat lib/a.ex", "/usr/bin/cat") == "ask E_RULE");
  CHECK(run("cat ../x", "/usr/bin/cat") == "deny E_ARG");
  CHECK(run("cat a b", "/usr/bin/cat") == "deny E_ARG");
}

TEST_CASE("a rule for children does not speak of commands") {
  CHECK(run("make", "/usr/bin/make") == "deny E_LAUNCHER");
}

TEST_CASE("wrappers are refused whatever the policy says") {
  const auto line =
      GENERATE(as<std::string>(), "env mix test", "sh -c x", "bash x", "timeout 9 mix test",
               "xargs mix", "sudo mix test", "nice mix test", "/usr/bin/env mix test",
               "MIX_ENV=test mix test", "nohup mix test", "setsid mix", "busybox sh");
  INFO(line);
  CHECK(run(line, "/bin/sh") == "deny E_LAUNCHER");
}

TEST_CASE("a wrapper under another name is refused too") {
  CHECK(run("run-it mix test", "/usr/bin/env") == "deny E_LAUNCHER");
}

TEST_CASE("mix and iex are the pinned ones") {
  const Policy open = bare_policy("[[task]]\nid='t'\nname=['t','iex']\ndecision='allow'");
  for (const std::string line : {"/tmp/mix t", "./mix t", "../mix t", "/tmp/iex -S mix"}) {
    INFO(line);
    CHECK(outcome(open, line) == "deny E_LAUNCHER");
    Facts pinned = facts();
    pinned.program_is_pinned = true;
    CHECK(outcome(decide(open, words(line), pinned)) == "allow");
  }
}

TEST_CASE("other programs of the runtime need a rule of their own") {
  for (const std::string line : {"elixir -e 1", "elixir -S mix t", "erl -noshell", "elixirc a.ex",
                                 "erlc a.erl", "rebar3 shell", "escript x", "epmd -daemon"}) {
    INFO(line);
    CHECK(run(line, "/usr/bin/x") == "deny E_LAUNCHER");
  }
}

TEST_CASE("what a plain program is granted is in its confinement") {
  Facts given = facts();
  given.program_path = "/usr/bin/git";
  const Decision decision = decide(policy(), words("git log"), given);
  CHECK(decision.program == "/usr/bin/git");
  CHECK(decision.confinement.write == Words{"notes/**"});
  CHECK(decision.confinement.exec == Words{"git-push", "git-read"});
}

TEST_CASE("children are judged by the strictest rule for their file, arguments and task") {
  const PathScope scope{"/home/u/shop", "/home/u/shop"};
  const auto child = [&](const Words& tasks, const std::string& path, const Words& argv) {
    const auto verdict = judge_child(policy(), tasks, {path}, argv, scope);
    return verdict ? std::string(to_string(verdict->verdict)) + " " + verdict->rules.front().id
                   : "";
  };
  CHECK(child({"test"}, "/usr/bin/git", {"git", "log"}) == "allow git-read");
  CHECK(child({"test"}, "/usr/bin/git", {"git", "push", "\x01"}) == "deny git-push");
  CHECK(child({"test"}, "/usr/bin/git", {"git", "log", "\x01"}).empty());
  CHECK(child({"test"}, "/usr/bin/git", {"git", "gc"}).empty());
  CHECK(child({"compile"}, "/usr/bin/make", {"make", "all"}) == "allow make");
  CHECK(child({"test"}, "/usr/bin/make", {"make", "all"}).empty());
  CHECK(child({"test"}, "/usr/bin/cat", {"cat", "x"}).empty());
  CHECK(judge_child(policy(), {"t"}, {"/usr/bin/git"}, {"git", "show"}, scope)->env_drop ==
        Words{"GIT_*"});
  CHECK(child_paths(policy()) ==
        Words{"/usr/bin/git", "/usr/bin/git", "/usr/bin/make", "/usr/bin/gmake"});
  CHECK(policy().command_paths() ==
        Words{"/usr/bin/git", "/usr/bin/git", "/usr/bin/cat", "/bin/sh"});
}

TEST_CASE("expectations about plain programs find them by their name") {
  const auto built = Policy::build({ruleset(R"(
    [[exec]]
    id = "git"
    path = "/usr/bin/git"
    argv = ["git", "log"]
    as = "command"
    decision = "allow"
    [[expect]]
    run = ["git", "log"]
    is = "allow"
    rule = "git"
    [[expect]]
    run = ["git", "push"]
    is = "deny"
  )")});
  CHECK(built);
}

}  // namespace
}  // namespace mixguard::policy::test
