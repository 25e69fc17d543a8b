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

ChildScope under(const Words& tasks, const std::string& env = "test") {
  return {tasks, env, "/home/u/shop", {"HOME=/home/u", "LANG=C"}};
}

Child child(const std::string& path, const Words& argv) {
  Child result;
  result.path = path;
  result.same = {path};
  result.argv = argv;
  result.cwd = "/home/u/shop";
  return result;
}

TEST_CASE("children are judged by the strictest rule for their file, arguments and task") {
  const auto why = [&](const Words& tasks, const std::string& path, const Words& argv) {
    const ChildVerdict verdict = judge_child(policy(), under(tasks), child(path, argv));
    return verdict.allowed ? "allowed" : verdict.why;
  };
  CHECK(why({"test"}, "/usr/bin/git", {"git", "log"}) == "allowed");
  CHECK(why({"test"}, "/usr/bin/git", {"git", "push", "\x01"})
            .starts_with("rule \"git-push\" denies it [p.toml:"));
  CHECK(why({"test"}, "/usr/bin/git", {"git", "log", "\x01"})
            .starts_with("the arguments are not those of rule \"git-read\" [p.toml:"));
  CHECK(why({"test"}, "/usr/bin/git", {"git", "gc"}).starts_with("the arguments are not those"));
  CHECK(why({"compile"}, "/usr/bin/make", {"make", "all"}) == "allowed");
  CHECK(why({"test"}, "/usr/bin/make", {"make", "all"}) ==
        "no [[exec]] rule allows it under \"test\"");
  CHECK(why({"test"}, "/usr/bin/cat", {"cat", "x"}) == "no [[exec]] rule allows it under \"test\"");
  CHECK(judge_child(policy(), under({"t"}), child("/usr/bin/git", {"git", "show"})).env_drop ==
        Words{"GIT_*"});
  CHECK(child_paths(policy(), "/home/u/shop") ==
        Words{"/usr/bin/git", "/usr/bin/gmake", "/usr/bin/make"});
  CHECK(policy().command_paths("/home/u/shop") ==
        Words{"/usr/bin/git", "/usr/bin/git", "/usr/bin/cat", "/bin/sh"});
}

TEST_CASE("a rule for a program below ${root} speaks of this project's, and of none without one") {
  const Policy rules = bare_policy(R"(
    [[exec]]
    id = "tool"
    path = "${root}/bin/tool"
    as = ["command"]
    decision = "allow"
    [[expect]]
    run = ["bin/tool"]
    is = "allow"
  )");
  Facts given = facts();
  const std::string tool = given.project_root + "/bin/tool";
  CHECK(rules.command_paths(given.project_root) == Words{tool});
  CHECK(rules.command_paths("").empty());
  given.program_path = tool;
  CHECK(outcome(decide(rules, {"bin/tool"}, given)) == "allow");
  given.program_path = "/elsewhere/bin/tool";
  CHECK(outcome(decide(rules, {"bin/tool"}, given)) == "deny E_LAUNCHER");
  given.same_file_as_program = {tool};
  CHECK(outcome(decide(rules, {"bin/tool"}, given)) == "allow");
  given.program_path = "/bin/tool";
  given.same_file_as_program = {};
  given.project_root = "";
  CHECK(outcome(decide(rules, {"bin/tool"}, given)) == "deny E_LAUNCHER");
}

TEST_CASE("what would allow a child is the smallest rule, and does") {
  const Child cat = child("/usr/bin/cat", {"cat", "x"});
  const ChildVerdict verdict = judge_child(policy(), under({"test"}), cat);
  CHECK(verdict.would_allow ==
        "[[exec]]\nid = \"cat\"\npath = '/usr/bin/cat'\nargv = ['cat', 'x']\ntasks = ['test']\n"
        "decision = \"allow\"\n");
  const Policy with = bare_policy(verdict.would_allow);
  CHECK(judge_child(with, under({"test"}), cat).allowed);
  CHECK_FALSE(judge_child(with, under({"run"}), cat).allowed);
}

TEST_CASE("without a rule that allows something the catalogue lets children be") {
  const Policy forbids = bare_policy(R"(
    [[exec]]
    id = "no-push"
    path = "/usr/bin/git"
    argv = ["git", "push", "@any..."]
    decision = "deny"
    because = "it leaves the machine"
    instead = "push by hand"
  )");
  const Policy extended = *Policy::build({ruleset(R"(
    [[exec]]
    id = "no-push"
    path = "/usr/bin/git"
    argv = ["git", "push", "@any..."]
    decision = "deny"
    because = "it leaves the machine"
    instead = "push by hand"
  )")});
  const auto allowed = [&](const Policy& rules, const Child& wanted) {
    return judge_child(rules, under({"test"}), wanted).allowed;
  };
  CHECK(allowed(extended, child("/usr/bin/cat", {"cat"})));
  CHECK(allowed(extended, child("/usr/bin/git", {"git", "log"})));
  CHECK(judge_child(extended, under({"test"}), child("/usr/bin/git", {"git", "push"})).why ==
        "rule \"no-push\" denies it [p.toml:3] because it leaves the machine; instead: push by "
        "hand");
  // Without the catalogue nobody lets them.
  CHECK_FALSE(allowed(forbids, child("/usr/bin/cat", {"cat"})));

  Child copy = child("/home/u/shop/git", {"git", "push"});
  copy.same.clear();
  copy.copies = {"/usr/bin/git"};
  CHECK_FALSE(allowed(extended, copy));

  Child loader = child("/lib64/ld-linux-x86-64.so.2", {"ld.so", "/usr/bin/git", "push"});
  loader.is_loader = true;
  CHECK_FALSE(allowed(extended, loader));
  Child memory = child("/memfd:x", {"x"});
  memory.is_nameless = true;
  CHECK_FALSE(allowed(extended, memory));
}

TEST_CASE("a permission is not for copies, and known programs need none") {
  Child copy = child("/home/u/shop/git", {"git", "log"});
  copy.same.clear();
  copy.copies = {"/usr/bin/git"};
  CHECK_FALSE(judge_child(policy(), under({"test"}), copy).allowed);
  Child known = child("/usr/lib/erlang/bin/epmd", {"epmd"});
  known.same.clear();
  known.is_known = true;
  CHECK(judge_child(policy(), under({"test"}), known).allowed);
}

TEST_CASE("a rule that asks refuses: there is nobody to ask") {
  const Policy asks = bare_policy("[[exec]]\nid='a'\npath='/usr/bin/git'\ndecision='ask'");
  const ChildVerdict verdict = judge_child(asks, under({"test"}), child("/usr/bin/git", {"git"}));
  CHECK_FALSE(verdict.allowed);
  CHECK(verdict.why.starts_with("rule \"a\" asks for it, and there is nobody to ask"));
}

TEST_CASE("a project allows children in dev and test only; its denials stand everywhere") {
  const auto ruled = [](Layer layer) {
    return *Policy::build({*parse_ruleset(R"(
      version = 1
      extends = []
      [[exec]]
      id = "cat"
      path = "/usr/bin/cat"
      decision = "allow"
    )",
                                          "policy.toml", layer)});
  };
  const Child cat = child("/usr/bin/cat", {"cat"});
  CHECK(judge_child(ruled(Layer::kProject), under({"test"}, "dev"), cat).allowed);
  CHECK_FALSE(judge_child(ruled(Layer::kProject), under({"release"}, "prod"), cat).allowed);
  CHECK(judge_child(ruled(Layer::kUser), under({"release"}, "prod"), cat).allowed);
}

TEST_CASE("exec_env_poison: what a rule allows is not given variables that run other code") {
  Child git = child("/usr/bin/git", {"git", "log"});
  const auto poisoned = [&](const std::string& variable, const Words& given = {}) {
    git.environment = {"HOME=/home/u", variable};
    ChildScope scope = under({"compile"});
    scope.environment.insert(scope.environment.end(), given.begin(), given.end());
    return !judge_child(policy(), scope, git).allowed;
  };
  for (const char* variable : {"LD_PRELOAD=./x.so", "ERL_AFLAGS=-eval", "ELIXIR_ERL_OPTIONS=-s",
                               "MIX_EXS=/tmp/x", "ERL_LIBS=/tmp", "BASH_ENV=/tmp/x", "PAGER=sh"}) {
    INFO(variable);
    CHECK(poisoned(variable));
    CHECK_FALSE(poisoned(variable, {variable}));
  }
  CHECK_FALSE(poisoned("GIT_SSH_COMMAND=sh"));  // the rule drops it
  CHECK_FALSE(poisoned("BINDIR=/usr/lib/erlang"));
  CHECK_FALSE(poisoned("COLUMNS=80"));
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
