// SPDX-License-Identifier: Apache-2.0
#include "policy/quantity.hpp"

#include "policy/endpoint.hpp"
#include "tests/policy/support.hpp"

namespace mixguard::policy::test {
namespace {

TEST_CASE("everything that the language has is read") {
  const Ruleset read = ruleset(R"(
    name = "acme/team"
    default = "ask"
    [vars]
    db = "127.0.0.1:5432"
    repo = "Acme.Repo"
    [env]
    MIX_ENV = { enum = ["dev", "test"], default = "dev" }
    KEY = { match = '${db}|x', secret = true, required = ["prod"] }
    [fs]
    read = ["${root}/**"]
    deny = ["**/.env*"]
    [net]
    allow = ["${db}", "[::1]:5432", "unix:/run/x.sock", "db.local:1"]
    publish = ["127.0.0.1:4000"]
    [limits]
    wall = "10m"
    cpu = "30s"
    memory = "4GiB"
    file_size = 1024
    output = "1MiB"
    processes = 512
    open_files = 64
    [[task]]
    id = "migrate"
    name = ["ecto.migrate", "@alias"]
    env = ["dev", "test"]
    decision = "allow"
    flags = { step = { type = "int", min = 1, max = 20, alias = "n" }, to = { type = "version" }, repo = { type = "module", enum = ["${repo}"], repeat = true }, quiet = "bool" }
    args = [{ type = "path", under = "${root}/priv/", repeat = [0, 2] }]
    write = ["_build/**", "${root}/priv/x"]
    net = ["${db}"]
    snapshot = { what = ["db"], on_failure = "keep" }
    mode = "live"
    because = "on ${db}"
    instead = "nothing"
    [[exec]]
    id = "git"
    path = ["/usr/bin/git"]
    argv = ["git", ["log", "show"], "<path>", "@safe..."]
    env_drop = ["GIT_*"]
    tasks = ["compile"]
    as = ["child", "command"]
    decision = "deny"
    [safeguards]
    landlock = "require"
    cgroup = "if-available"
    change_ticket = "off"
    [[expect]]
    run = ["mix", "x"]
    env = { MIX_ENV = "dev" }
    is = "ask"
    rule = "r"
  )");
  CHECK(read.name == "acme/team");
  CHECK(read.default_verdict == Verdict::kAsk);
  CHECK(read.extends == Words{"builtin:elixir"});
  REQUIRE(read.env.size() == 2);
  CHECK(read.env[0].default_value == "dev");
  CHECK(read.env[1].match->text() == "${db}|x");
  CHECK(read.env[1].required_envs == Words{"prod"});
  CHECK(read.read == Words{"${root}/**"});
  CHECK(read.deny == Words{"**/.env*"});
  CHECK(read.net == Words{"127.0.0.1:5432", "[::1]:5432", "unix:/run/x.sock", "db.local:1"});
  CHECK(read.publish == Words{"127.0.0.1:4000"});
  CHECK(read.limits.wall_ms == 600'000);
  CHECK(read.limits.cpu_ms == 30'000);
  CHECK(read.limits.memory == 4ULL << 30U);
  CHECK(read.limits.file_size == 1024);
  CHECK(read.limits.output == 1ULL << 20U);
  CHECK(read.limits.processes == 512);
  CHECK(read.limits.open_files == 64);
  const TaskRule& task = read.tasks.at(0);
  CHECK(task.names == Words{"ecto.migrate", "@alias"});
  CHECK(task.verdict == Verdict::kAllow);
  REQUIRE(task.flags.size() == 4);
  CHECK(task.flags[0].name == "step");
  CHECK(task.flags[0].alias == "n");
  CHECK(task.flags[0].type.max == 20);
  CHECK(task.flags[2].type.choices == Words{"Acme.Repo"});
  CHECK(task.flags[2].repeat);
  CHECK(task.args.at(0).type.under == "${root}/priv");
  CHECK(task.args.at(0).max_count == 2);
  CHECK(task.write == Words{"_build/**", "priv/x"});
  CHECK(task.snapshot.on_failure == OnFailure::kKeep);
  CHECK(task.mode == RunMode::kLive);
  CHECK(task.because == "on 127.0.0.1:5432");
  const ExecRule& exec = read.execs.at(0);
  REQUIRE(exec.argv.size() == 4);
  CHECK(exec.argv[1].words == Words{"log", "show"});
  CHECK(exec.argv[2].kind == ArgvElement::Kind::kType);
  CHECK(exec.argv[3].kind == ArgvElement::Kind::kSafeRest);
  CHECK((exec.as_child && exec.as_command));
  CHECK(read.safeguards.size() == 3);
  CHECK(read.expectations.at(0).env.at("MIX_ENV") == "dev");
}

TEST_CASE("what is left out has the defaults that the reference names") {
  const Ruleset read = ruleset("[[exec]]\nid='x'\npath='/x'\ndecision='deny'");
  CHECK_FALSE(read.default_verdict);
  CHECK_FALSE(read.has_net);
  CHECK(read.execs.at(0).as_child);
  CHECK_FALSE(read.execs.at(0).as_command);
  CHECK_FALSE(read.execs.at(0).has_argv);
}

TEST_CASE("endpoints are spelled one way") {
  for (const std::string_view text :
       {"a:1", "a-b.example:65535", "127.0.0.1:5432", "[::1]:1", "[2001:db8::7]:443",
        "[1:2:3:4:5:6:7:8]:9", "unix:/run/a.sock"}) {
    INFO(text);
    CHECK(is_endpoint(text));
  }
  for (const std::string_view text : {"",
                                      "a",
                                      "a:",
                                      ":1",
                                      "a:0",
                                      "a:65536",
                                      "a:1x",
                                      "-a:1",
                                      "a..b:1",
                                      "256.1.1.1:1",
                                      "1.2.3:4",
                                      "01.2.3.4:5",
                                      "::1:5432",
                                      "[::1]",
                                      "[::1:5",
                                      "[:::]:1",
                                      "[1:2:3:4:5:6:7:8:9]:1",
                                      "[g::]:1",
                                      "unix:",
                                      "unix:a",
                                      "unix:/a/../b",
                                      "unix:/a b",
                                      "http://a:1",
                                      "a:1/x"}) {
    INFO(text);
    CHECK_FALSE(is_endpoint(text));
  }
}

TEST_CASE("quantities have a unit and fit") {
  CHECK(parse_duration("250ms") == 250);
  CHECK(parse_duration("1d") == 86'400'000);
  CHECK(parse_size("512B") == 512);
  CHECK(parse_size("1TiB") == 1ULL << 40U);
  for (const std::string_view text : {"", "1", "m", "-1m", "1 m", "1M", "1.5m",
                                      "99999999999999999999m", "18446744073709551615d"}) {
    INFO(text);
    CHECK_FALSE(parse_duration(text));
  }
  CHECK_FALSE(parse_size("4GB"));
  CHECK_FALSE(parse_size("18446744073709551615KiB"));
}

}  // namespace
}  // namespace mixguard::policy::test
