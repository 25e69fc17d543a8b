// SPDX-License-Identifier: Apache-2.0
#include "guard/snapshot/store.hpp"

#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <set>

#include "tests/guard/snapshot/project_fixture.hpp"

namespace mixguard::guard {
namespace {

namespace fs = std::filesystem;
using testing::Project;

TEST_CASE("a store is private to its owner and ignored by git") {
  Project project;
  const Store store = project.store();
  CHECK(store.path() == project.root() + "/.mixguard");
  CHECK(store.inside_project());
  CHECK(fs::status(store.path()).permissions() == fs::perms::owner_all);
  CHECK(project.read(".mixguard/.gitignore") == "*\n");
  CHECK(store.runs()->empty());
}

TEST_CASE("a store that others could enter is closed again") {
  Project project;
  fs::create_directory(project.at(".mixguard"));
  ::chmod(project.at(".mixguard").c_str(), 0755);
  const Store store = project.store();
  CHECK(fs::status(store.path()).permissions() == fs::perms::owner_all);
}

TEST_CASE("a store that is a symlink or a file is refused") {
  Project project;
  SECTION("symlink") {
    fs::create_directory(project.at("elsewhere"));
    fs::create_directory_symlink("elsewhere", project.at(".mixguard"));
  }
  SECTION("dangling symlink") { fs::create_symlink("nowhere", project.at(".mixguard")); }
  SECTION("file") { project.write(".mixguard", ""); }
  CHECK_FALSE(Store::open(project.root()));
  CHECK_FALSE(Store::open_existing(project.root()));
}

TEST_CASE("a symlink inside the store is not followed") {
  Project project;
  fs::create_directory(project.at(".mixguard"));
  fs::create_directory(project.at("elsewhere"));
  fs::create_directory_symlink("../elsewhere", project.at(".mixguard/runs"));
  CHECK_FALSE(Store::open(project.root()));
  CHECK(fs::is_empty(project.at("elsewhere")));
}

TEST_CASE("a store of another user is refused") {
  if (::geteuid() != 0) {
    WARN("skipped: only root can give a directory away");
    return;
  }
  Project project;
  fs::create_directory(project.at(".mixguard"));
  REQUIRE(::chown(project.at(".mixguard").c_str(), 65534, 65534) == 0);
  const auto store = Store::open(project.root());
  REQUIRE_FALSE(store);
  CHECK(store.error().message.find("another user") != std::string::npos);
}

TEST_CASE("an absent store is not made by looking for it") {
  Project project;
  const auto store = Store::open_existing(project.root());
  REQUIRE(store);
  CHECK_FALSE(store->exists());
  CHECK(store->path().empty());
  CHECK_FALSE(project.has(".mixguard"));
}

TEST_CASE("a project that cannot be written has its store in the state directory") {
  Project project;
  Project state;
  ::setenv("XDG_STATE_HOME", state.root().c_str(), 1);
  if (::geteuid() == 0) {
    WARN("skipped: root can write everywhere");
  } else {
    fs::permissions(project.root(), fs::perms::owner_read | fs::perms::owner_exec);
    CHECK_FALSE(Store::open_existing(project.root())->exists());
    const Store store = project.store();
    CHECK_FALSE(store.inside_project());
    CHECK(store.path().starts_with(state.root() + "/mixguard/"));
    CHECK(Store::open_existing(project.root())->exists());
    fs::permissions(project.root(), fs::perms::owner_all);
  }
  ::unsetenv("XDG_STATE_HOME");
}

TEST_CASE("where there is no project the store is in the state directory, from the first time on") {
  Project state;
  ::setenv("XDG_STATE_HOME", state.root().c_str(), 1);
  for (int i = 0; i < 2; ++i) {
    const auto store = Store::open_without_project();
    if (!store) FAIL(store.error().message);
    CHECK(store->path().starts_with(state.root() + "/mixguard/"));
    CHECK(store->project_root().empty());
  }
  ::unsetenv("XDG_STATE_HOME");
}

TEST_CASE("the lock waits for its holder and says so") {
  Project project;
  const Store store = project.store();
  int waits = 0;
  auto held = store.lock([&] { ++waits; });
  REQUIRE(held);
  CHECK(waits == 0);
  const auto again = store.lock([&] {
    ++waits;
    held->reset();
  });
  CHECK(again);
  CHECK(waits == 1);
}

TEST_CASE("run ids are distinct, plain and in the order they were made") {
  std::vector<std::string> ids;
  for (int i = 0; i < 1000; ++i) ids.push_back(new_run_id());
  CHECK(std::set<std::string>(ids.begin(), ids.end()).size() == ids.size());
  for (const auto& id : ids) {
    CHECK(id.size() == 26);
    CHECK(id.find_first_not_of("0123456789abcdefghijklmnopqrstuvwxyz") == std::string::npos);
  }
  std::vector<std::string> spaced;
  for (int i = 0; i < 20; ++i) {
    spaced.push_back(new_run_id());
    ::usleep(10);
  }
  CHECK(std::is_sorted(spaced.begin(), spaced.end()));
}

}  // namespace
}  // namespace mixguard::guard
