// SPDX-License-Identifier: Apache-2.0
#include "guard/approvals.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>

#include "guard/binding.hpp"
#include "guard/files.hpp"
#include "tests/guard/world.hpp"

namespace mixguard::guard::test {
namespace {

namespace fs = std::filesystem;
using std::chrono::seconds;

// A project and the judgement on one command in it.
struct Request {
  explicit Request(const World& world) {
    judgement.project.root = judgement.project.cwd = world.root + "/project";
    judgement.decision.verdict = policy::Verdict::kAsk;
    judgement.decision.program = "mix";
    judgement.decision.canonical = options.argv;
    judgement.decision.environment = {{"MIX_ENV", "dev", false}};
    judgement.decision.policy.revision = "sha256:1";
    judgement.decision.parts.emplace_back();
  }

  nlohmann::json binding() const {
    auto bound = bind(judgement, options, false);
    if (!bound) FAIL(bound.error().message);
    return *bound;
  }

  RequestOptions options{{"mix", "ecto.reset"}, "", "", false};
  Judgement judgement;
};

bool is_used(const nlohmann::json& binding) {
  const auto grant = use_grant(binding);
  if (!grant) FAIL(grant.error().message);
  return grant->has_value();
}

TEST_CASE("a grant lets exactly one run of what was asked through") {
  const World world;
  const auto binding = Request(world).binding();
  CHECK_FALSE(is_used(binding));
  const auto question = ask(binding, "may it?");
  REQUIRE(question);
  CHECK(question->id.size() == 12);
  CHECK(question->argv == std::vector<std::string>{"mix", "ecto.reset"});
  CHECK(question->mix_env == "dev");
  CHECK_FALSE(is_used(binding));
  REQUIRE(grant(*question, seconds(60)));
  CHECK(is_used(binding));
  CHECK_FALSE(is_used(binding));
  CHECK(list_approvals()->empty());
}

TEST_CASE("the same question has the same id, and asking again takes nothing back") {
  const World world;
  const auto binding = Request(world).binding();
  const auto first = ask(binding, "may it?");
  const auto second = ask(binding, "may it?");
  REQUIRE((first && second));
  CHECK(first->id == second->id);
  CHECK(list_approvals()->size() == 1);
}

TEST_CASE("whatever decides what the command does changes the binding") {
  const World world;
  world.write("project/mix.exs", "1");
  world.write("project/config/dev.exs", "1");
  world.write("project/priv/repo/migrations/1_a.exs", "1");
  world.write("project/apps/shop/priv/other/tenant_migrations/deep/2_b.exs", "1");
  world.write("project/scripts/seed.exs", "1");
  Request request(world);
  const std::string script = world.root + "/project/scripts/seed.exs";
  request.judgement.decision.parts.front().paths = {{"scripts/seed.exs", script, world.root}};
  const std::string before = digest_of(request.binding());

  SECTION("a word") { request.options.argv.emplace_back("--force"); }
  SECTION("the directory") { request.judgement.project.cwd += "/apps"; }
  SECTION("the environment") { request.judgement.decision.environment[0].value = "test"; }
  SECTION("a variable") { request.judgement.decision.environment.push_back({"KEY", "v", true}); }
  SECTION("the policy") { request.judgement.decision.policy.revision = "sha256:2"; }
  SECTION("the mode") { request.judgement.decision.confinement.mode = policy::RunMode::kLive; }
  SECTION("mix.exs") { world.write("project/mix.exs", "2"); }
  SECTION("mix.lock") { world.write("project/mix.lock", ""); }
  SECTION("configuration") { world.write("project/config/dev.exs", "2"); }
  SECTION("a migration") { world.write("project/priv/repo/migrations/1_a.exs", "2"); }
  SECTION("a new migration") { world.write("project/priv/repo/migrations/2_b.exs", ""); }
  SECTION("a migration of an app") {
    world.write("project/apps/shop/priv/other/tenant_migrations/deep/2_b.exs", "2");
  }
  SECTION("the script that is named") { world.write("project/scripts/seed.exs", "2"); }
  SECTION("that there is one") { fs::remove(script); }
  SECTION("a linked directory of configuration") {
    world.write("project/elsewhere/dev.exs", "1");
    fs::remove_all(world.root + "/project/config");
    fs::create_symlink("elsewhere", world.root + "/project/config");
    const std::string linked = digest_of(request.binding());
    world.write("project/elsewhere/dev.exs", "2");
    CHECK(digest_of(request.binding()) != linked);
  }
  SECTION("the program") {
    world.write("tool", "1");
    request.judgement.decision.program = world.root + "/tool";
    const std::string first = digest_of(request.binding());
    world.write("tool", "2");
    CHECK(digest_of(request.binding()) != first);
  }
  SECTION("a link in place of a file") {
    fs::remove(world.root + "/project/config/dev.exs");
    fs::create_symlink("../scripts/seed.exs", world.root + "/project/config/dev.exs");
  }
  CHECK(digest_of(request.binding()) != before);
}

TEST_CASE("what does not decide it does not change the binding") {
  const World world;
  world.write("project/mix.exs", "1");
  const Request request(world);
  const std::string before = digest_of(request.binding());
  world.write("project/lib/a.ex", "2");
  world.write("project/deps/x/config/config.exs", "2");
  world.write("project/_build/dev/config/x", "2");
  world.write("project/.mixguard/config/x", "2");
  CHECK(digest_of(request.binding()) == before);
}

TEST_CASE("a secret is bound and not written down") {
  const World world;
  Request request(world);
  request.judgement.decision.environment.push_back({"TOKEN", "hunter2", true});
  const auto binding = request.binding();
  CHECK(binding.dump().find("hunter2") == std::string::npos);
  request.judgement.decision.environment.back().value = "hunter3";
  CHECK(digest_of(request.binding()) != digest_of(binding));
}

TEST_CASE("a named file outside of the project cannot be bound") {
  const World world;
  world.write("elsewhere.exs", "1");
  Request request(world);
  request.judgement.decision.parts.front().paths = {
      {"../elsewhere.exs", world.root + "/elsewhere.exs", world.root}};
  const auto bound = bind(request.judgement, request.options, false);
  REQUIRE_FALSE(bound);
  CHECK(bound.error().message.find("outside of the project") != std::string::npos);
}

TEST_CASE("of many runs at once one gets the grant") {
  const World world;
  const auto binding = Request(world).binding();
  const auto question = ask(binding, "");
  REQUIRE(question);
  for (int round = 0; round < 50; ++round) {
    REQUIRE(ask(binding, ""));
    REQUIRE(grant(*question, seconds(60)));
    std::array<bool, 4> got{};
    std::vector<std::thread> threads;
    threads.reserve(got.size());
    for (bool& one : got) {
      threads.emplace_back([&] {
        const auto used = use_grant(binding);
        one = used && used->has_value();
      });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(std::count(got.begin(), got.end(), true) == 1);
  }
}

TEST_CASE("what is granted is what was shown, whatever has the same id by now") {
  const World world;
  const auto question = ask(Request(world).binding(), "");
  REQUIRE(question);
  Approval shown = *question;
  shown.digest.back() = shown.digest.back() == '0' ? '1' : '0';
  CHECK_FALSE(grant(shown, seconds(60)));
}

TEST_CASE("questions do not push a grant out") {
  const World world;
  Request request(world);
  const auto binding = request.binding();
  REQUIRE(grant(*ask(binding, ""), seconds(60)));
  for (int i = 0; i < 70; ++i) {
    request.options.argv[1] = "task" + std::to_string(i);
    REQUIRE(ask(request.binding(), ""));
  }
  CHECK(is_used(binding));
}

TEST_CASE("a grant that has expired is none") {
  const World world;
  const auto binding = Request(world).binding();
  const auto question = ask(binding, "");
  REQUIRE(question);
  REQUIRE(grant(*question, seconds(0)));
  CHECK_FALSE(is_used(binding));
  CHECK_FALSE(find_approval(question->id)->has_value());
  CHECK(list_approvals()->empty());
}

TEST_CASE("a damaged, changed or foreign file grants nothing") {
  const World world;
  const auto binding = Request(world).binding();
  const auto question = ask(binding, "");
  REQUIRE(question);
  REQUIRE(grant(*question, seconds(60)));
  const std::string path = world.root + "/state/mixguard/approvals/" + question->id;
  const auto text = read_file(path);
  REQUIRE((text && *text));
  SECTION("a byte is changed") {
    std::string changed = **text;
    changed[changed.find("ecto")] = 'x';
    REQUIRE(write_file(path, changed));
  }
  SECTION("the end is missing") { REQUIRE(write_file(path, (*text)->substr(0, 200))); }
  SECTION("it is empty") { REQUIRE(write_file(path, "")); }
  SECTION("others may write it") { REQUIRE(::chmod(path.c_str(), 0622) == 0); }
  SECTION("it is about another command") {
    Request other(world);
    other.options.argv.emplace_back("--quiet");
    const auto moved = ask(other.binding(), "");
    REQUIRE(grant(*moved, seconds(60)));
    fs::rename(world.root + "/state/mixguard/approvals/" + moved->id, path);
  }
  CHECK_FALSE(is_used(binding));
}

TEST_CASE("old questions make room for new ones") {
  const World world;
  Request request(world);
  for (int i = 0; i < 70; ++i) {
    request.options.argv[1] = "task" + std::to_string(i);
    REQUIRE(ask(request.binding(), ""));
  }
  CHECK(list_approvals()->size() == 64);
}

TEST_CASE("without a home there is no place for a question, and no grant") {
  const World world;
  const auto binding = Request(world).binding();
  ::unsetenv("XDG_STATE_HOME");
  const std::string home = std::getenv("HOME") != nullptr ? std::getenv("HOME") : "";
  ::unsetenv("HOME");
  CHECK_FALSE(ask(binding, ""));
  CHECK_FALSE(is_used(binding));
  ::setenv("HOME", home.c_str(), 1);
}

}  // namespace
}  // namespace mixguard::guard::test
