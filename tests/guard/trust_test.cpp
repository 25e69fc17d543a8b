// SPDX-License-Identifier: Apache-2.0
#include "guard/trust.hpp"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>

#include "guard/config.hpp"
#include "guard/files.hpp"
#include "tests/guard/world.hpp"

using namespace mixguard::guard;
using mixguard::guard::test::World;

namespace {

constexpr const char* kPolicy =
    "version = 1\n[[task]]\nid = \"a\"\nname = \"my.task\"\ndecision = \"allow\"\n";

}  // namespace

TEST_CASE("trust is bound to the path and the content") {
  const World world;
  const std::string path = world.root + "/project/.mixguard.toml";
  CHECK(*trust_of(path, "a") == Trust::kUnknown);
  REQUIRE(remember_trust(path, "a"));
  CHECK(*trust_of(path, "a") == Trust::kTrusted);
  CHECK(*trust_of(path, "b") == Trust::kChanged);
  CHECK(*trust_of(world.root + "/other/.mixguard.toml", "a") == Trust::kUnknown);
  CHECK(*forget_trust(path));
  CHECK_FALSE(*forget_trust(path));
  CHECK(*trust_of(path, "a") == Trust::kUnknown);
}

TEST_CASE("a project policy is left out until it is trusted, and then counts") {
  const World world;
  world.write("project/.mixguard.toml", kPolicy);
  const auto before = load_policy(world.root + "/project", "");
  REQUIRE(before);
  REQUIRE(before->untrusted);
  CHECK(before->untrusted->as_if_trusted);
  CHECK(before->identity.layers == std::vector<std::string>{"builtin"});
  REQUIRE(remember_trust(world.root + "/project/.mixguard.toml", kPolicy));
  const auto after = load_policy(world.root + "/project", "");
  REQUIRE(after);
  CHECK_FALSE(after->untrusted);
  CHECK(after->identity.layers == std::vector<std::string>{"builtin", "project"});
  CHECK(after->identity.revision != before->identity.revision);
}

TEST_CASE("an invalid project policy that nobody trusts does not stop anything") {
  const World world;
  world.write("project/.mixguard.toml", "version = \n");
  CHECK(load_policy(world.root + "/project", ""));
}

TEST_CASE("a user policy that others can write is refused") {
  const World world;
  world.write("config/mixguard/policy.toml", kPolicy);
  CHECK(load_policy("", ""));
  std::filesystem::permissions(world.root + "/config/mixguard/policy.toml",
                               std::filesystem::perms(0666));
  const auto loaded = load_policy("", "");
  REQUIRE_FALSE(loaded);
  CHECK(loaded.error().lines.front().find("writable by others") != std::string::npos);
}

TEST_CASE("files are read whole, as regular files, up to a limit") {
  const World world;
  world.write("small", "text");
  CHECK(**read_file(world.root + "/small") == "text");
  CHECK_FALSE(read_file(world.root + "/small", 3));
  CHECK_FALSE(read_file(world.root));
  CHECK_FALSE(read_file("/dev/null"));
  CHECK_FALSE(*read_file(world.root + "/absent"));
}

TEST_CASE("what changed in a policy since it was trusted can be shown") {
  const World world;
  const std::string path = world.root + "/project/.mixguard.toml";
  world.write("project/.mixguard.toml", kPolicy);
  CHECK(changes_since_trust(path)->empty());
  REQUIRE(remember_trust(path, kPolicy));
  CHECK(changes_since_trust(path)->empty());
  world.write("project/.mixguard.toml", std::string(kPolicy) + "because = \"new\"\n");
  const auto changes = changes_since_trust(path);
  REQUIRE(changes);
  CHECK(changes->find("\n+because = \"new\"\n") != std::string::npos);
  CHECK(changes->find("-id") == std::string::npos);
}
