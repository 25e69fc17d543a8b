// SPDX-License-Identifier: Apache-2.0
// Extended attributes and access lists of directories that stay where they are.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <catch2/catch.hpp>
#include <cstdlib>

#include "guard/snapshot/preimage.hpp"
#include "guard/snapshot/restore.hpp"
#include "guard/snapshot/rollback.hpp"
#include "guard/snapshot/snapshot.hpp"
#include "guard/snapshot/xattrs.hpp"
#include "tests/guard/snapshot/project_fixture.hpp"

namespace mixguard::guard {
namespace {

using testing::lines;
using testing::Project;
using testing::run;
using testing::write_file;
using Lines = std::vector<std::string>;

void note(const std::string& path, const std::string& name, const std::string& value) {
  if (::setxattr(path.c_str(), name.c_str(), value.data(), value.size(), 0) != 0)
    throw std::runtime_error("set " + name);
}

std::string looks(const Project& project, const std::string& path) {
  struct stat info{};
  REQUIRE(::stat(project.at(path).c_str(), &info) == 0);
  const tree::UniqueFd root(::open(project.root().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  auto xattrs = xattrs_of_directory(root.get(), path);
  REQUIRE(xattrs);
  return std::to_string(info.st_mode) + *xattrs;
}

void fill(const Project& project) {
  project.write("lib/a.ex", "a");
  project.write("priv/hidden/x", "x");
  for (const char* path : {"lib", "priv", "priv/hidden"}) {
    note(project.at(path), "user.colour", "green");
    note(project.at(path), "user.kept", "yes");
  }
  REQUIRE(std::system(("setfacl -m d:u::rwx,d:g::r-x,d:o::-,d:u:12:rwx,u:13:r " +
                       project.at("lib") + " " + project.at("priv"))
                          .c_str()) == 0);
}

TEST_CASE("a directory keeps its attributes when a command writes in it") {
  if (!testing::can_mount_overlays()) return;
  Project project;
  fill(project);
  const std::string lib = looks(project, "lib");
  const std::string priv = looks(project, "priv");
  const Store store = project.store();
  const auto done = run(store, {"**"},
                        [] {
                          write_file("lib/b.ex", "b");
                          write_file("priv/y", "y");
                        },
                        {"priv/hidden/x"});
  CHECK(lines(done.set) == Lines{"created lib/b.ex", "created priv/y"});
  CHECK(looks(project, "lib") == lib);
  CHECK(looks(project, "priv") == priv);
}

TEST_CASE("attributes that a command sets on a directory are committed and undone") {
  if (!testing::can_mount_overlays()) return;
  Project project;
  fill(project);
  const std::string before = looks(project, "lib");
  const Store store = project.store();
  const auto done = run(store, {"**"}, [] {
    note("lib", "user.colour", "red");
    note("lib", "user.new", "");
    if (::removexattr("lib", "system.posix_acl_default") != 0) throw std::runtime_error("remove");
    write_file("lib/b.ex", "b");
  });
  CHECK(lines(done.set) == Lines{"mode lib", "created lib/b.ex"});
  const std::string after = looks(project, "lib");
  CHECK(after != before);
  REQUIRE(rollback(store, "last", {}));
  CHECK(looks(project, "lib") == before);
  REQUIRE(rollback(store, store.runs().value().back(), {}));
  CHECK(looks(project, "lib") == after);
  SECTION("what somebody set since stays") {
    note(project.at("lib"), "user.colour", "blue");
    const std::string theirs = looks(project, "lib");
    const auto undone = rollback(store, "last", {});
    REQUIRE(undone);
    CHECK(undone->skipped == Lines{"lib"});
    CHECK(looks(project, "lib") == theirs);
  }
  SECTION("two runs are undone as one") {
    run(store, {"**"}, [] { note("lib", "user.colour", "blue"); });
    RollbackOptions options;
    options.back = 2;
    REQUIRE(rollback(store, "", options));
    CHECK(looks(project, "lib") == before);
  }
}

TEST_CASE("snapshots and pre-images put the attributes of a directory back") {
  Project project;
  fill(project);
  const std::string before = looks(project, "lib");
  const Store store = project.store();
  const Snapshot snapshot = testing::create(store);
  auto preimage = Preimage::capture(store, new_run_id(), {"lib"});
  REQUIRE(preimage);
  note(project.at("lib"), "user.colour", "red");
  REQUIRE(::removexattr(project.at("lib").c_str(), "user.kept") == 0);
  REQUIRE(std::system(("setfacl -b " + project.at("lib")).c_str()) == 0);
  REQUIRE(looks(project, "lib") != before);
  SECTION("a pre-image") {
    CHECK(lines(preimage->changes(store).value()) == Lines{"mode lib"});
    REQUIRE(preimage->restore(store));
  }
  SECTION("a snapshot") {
    REQUIRE(preimage->keep(store));
    CHECK(lines(testing::put_back(store, snapshot).undone) == Lines{"mode lib"});
  }
  CHECK(looks(project, "lib") == before);
}

TEST_CASE("what a kill left between two sets of attributes is told from what somebody did") {
  const auto bytes = [](std::initializer_list<std::pair<const char*, const char*>> pairs) {
    Project project;
    for (const auto& [name, value] : pairs) note(project.root(), name, value);
    const tree::UniqueFd root(::open(project.root().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    return xattrs_of_directory(root.get(), "").value();
  };
  const std::string before = bytes({{"user.a", "1"}, {"user.both", "x"}, {"user.old", ""}});
  const std::string after = bytes({{"user.a", "2"}, {"user.both", "x"}, {"user.new", ""}});
  CHECK(is_between(before, before, after));
  CHECK(is_between(after, before, after));
  CHECK(is_between(bytes({{"user.a", "1"}, {"user.both", "x"}}), before, after));
  CHECK(is_between(bytes({{"user.a", "2"}, {"user.both", "x"}}), before, after));
  CHECK_FALSE(is_between(bytes({{"user.a", "3"}, {"user.both", "x"}}), before, after));
  CHECK_FALSE(is_between(bytes({{"user.a", "1"}}), before, after));
  CHECK_FALSE(is_between(bytes({{"user.both", "x"}}), before, after));
  CHECK_FALSE(
      is_between(bytes({{"user.a", "1"}, {"user.both", "x"}, {"user.z", ""}}), before, after));
}

}  // namespace
}  // namespace mixguard::guard
