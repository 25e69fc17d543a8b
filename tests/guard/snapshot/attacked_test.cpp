// SPDX-License-Identifier: Apache-2.0
// What rollbacks and restores got wrong once, each as it was found.
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>

#include "guard/snapshot/check.hpp"
#include "guard/snapshot/preimage.hpp"
#include "guard/snapshot/quarantine.hpp"
#include "tests/guard/snapshot/project_fixture.hpp"

namespace mixguard::guard {
namespace {

namespace fs = std::filesystem;
using testing::create;
using testing::lines;
using testing::Project;
using testing::put_back;
using testing::run;
using testing::write_file;
using Lines = std::vector<std::string>;

RollbackReport back(const Store& store, std::size_t count) {
  RollbackOptions options;
  options.back = count;
  return testing::undo(store, "", options);
}

RollbackOptions only(Lines paths) {
  RollbackOptions options;
  options.paths = std::move(paths);
  return options;
}

mode_t mode_of(const Project& project, const std::string& path) {
  struct stat info{};
  REQUIRE(::stat(project.at(path).c_str(), &info) == 0);
  return info.st_mode & 07777;
}

TEST_CASE("what somebody wrote in place between two runs is what undoing both brings back") {
  if (!testing::can_mount_overlays()) return;
  Project project;
  project.write("lib/f", "0");
  project.write("priv/c/f", "0");
  const Store store = project.store();
  run(store, {"**"}, [] { write_file("lib/f", "1"), write_file("priv/c/f", "1"); });
  project.write("lib/f", "by hand");
  project.write("priv/c/f", "by hand");
  run(store, {"**"}, [] { write_file("lib/f", "2"), fs::remove_all("priv/c"); });
  const auto report = back(store, 2);
  CHECK(report.skipped == Lines{"lib/f", "priv/c/f"});
  CHECK(project.read("lib/f") == "by hand");
  CHECK(project.read("priv/c/f") == "by hand");
}

TEST_CASE("a directory that is put back whole brings nothing of the runs between") {
  if (!testing::can_mount_overlays()) return;
  Project project;
  project.write("priv/c/A/x", "old");
  const Store store = project.store();
  const auto before = project.state();
  run(store, {"**"}, [] {
    fs::remove_all("priv/c");
    write_file("priv/c/A/b", "new");
    write_file("priv/c/A/k", "k");
  });
  run(store, {"**"}, [] { fs::remove("priv/c/A/b"); });
  run(store, {"**"}, [] { fs::remove_all("priv/c"); });
  CHECK(back(store, 3).skipped.empty());
  CHECK(project.state() == before);
}

TEST_CASE("the mode of a directory that a newer run removed is undone too") {
  if (!testing::can_mount_overlays()) return;
  Project project;
  project.write("d/x", "x");
  ::chmod(project.at("d").c_str(), 0755);
  const Store store = project.store();
  run(store, {"**"}, [] { ::chmod("d", 0700); });
  run(store, {"**"}, [] { fs::remove_all("d"); });
  CHECK(back(store, 2).skipped.empty());
  CHECK(mode_of(project, "d") == 0755);
}

TEST_CASE("an attribute that somebody set between two runs is listed and stays") {
  if (!testing::can_mount_overlays()) return;
  Project project;
  project.write("d/x", "x");
  const Store store = project.store();
  const auto set = [](const std::string& path, const char* value) {
    if (::setxattr(path.c_str(), "user.k", value, 1, 0) != 0) throw std::runtime_error("setxattr");
  };
  set(project.at("d"), "0");
  run(store, {"**"}, [&] { set("d", "1"); });
  set(project.at("d"), "h");
  run(store, {"**"}, [&] { set("d", "2"); });
  CHECK(back(store, 2).skipped == Lines{"d"});
  char value = 0;
  REQUIRE(::getxattr(project.at("d").c_str(), "user.k", &value, 1) == 1);
  CHECK(value == 'h');
}

TEST_CASE("a mode that only a newer run set does not make a directory somebody's") {
  if (!testing::can_mount_overlays()) return;
  Project project;
  project.write("lib/a", "a");
  if (GENERATE(false, true)) project.write("priv/n/old", "old");
  project.write("priv/kept", "kept");
  const Store store = project.store();
  const auto before = project.state();
  run(store, {"**"}, [] { write_file("priv/n/s/f", "1"), write_file("priv/more", "1"); });
  const char* path = GENERATE("priv/n/s", "priv/n", "priv");
  run(store, {"**"}, [&] { ::chmod(path, 0700); });
  SECTION("and removed by another") {
    run(store, {"**"}, [] { fs::remove_all("priv"); });
    CHECK(back(store, 3).skipped.empty());
  }
  SECTION("and left") { CHECK(back(store, 2).skipped.empty()); }
  CHECK(project.state() == before);
}

TEST_CASE("a default access list of the project goes nowhere it was not") {
  Project project;
  project.write("config/.env", "secret");
  project.write("lib/s", "secret");
  ::chmod(project.at("lib/s").c_str(), 0640);
  REQUIRE(std::system(("setfacl -d -m u:12:rwx " + project.root()).c_str()) == 0);
  const Store store = project.store();
  const auto access_lists = [&] {
    std::size_t count = 0;
    for (const char* path : {"config", "lib", "lib/s"}) {
      for (const char* name : {"system.posix_acl_access", "system.posix_acl_default"})
        count += ::getxattr(project.at(path).c_str(), name, nullptr, 0) > 0 ? 1 : 0;
    }
    return count;
  };
  REQUIRE(access_lists() == 0);
  SECTION("by a command") {
    if (!testing::can_mount_overlays()) return;
    const auto done = run(store, {"**"}, [] { write_file("lib/new", "1"); }, {"config/.env"});
    CHECK(lines(done.set) == Lines{"created lib/new"});
  }
  SECTION("by a restore") {
    const Snapshot snapshot = create(store);
    fs::remove(project.at("lib/s"));
    put_back(store, snapshot);
    CHECK(mode_of(project, "lib/s") == 0640);
  }
  CHECK(access_lists() == 0);
}

TEST_CASE("two files whose directory is gone are put back") {
  Project project;
  project.write("a/b", "1");
  project.write("a/d/e/f", "2");
  project.write("a/d/g", "3");
  project.write("a/other", "4");
  const Store store = project.store();
  const Snapshot snapshot = create(store);
  fs::remove_all(project.at("a"));
  CHECK(put_back(store, snapshot, only({"a/b", "a/d/e", "a/d/g"})).skipped.empty());
  CHECK(project.read("a/b") == "1");
  CHECK(project.read("a/d/e/f") == "2");
  CHECK(project.read("a/d/g") == "3");
  CHECK_FALSE(project.has("a/other"));
}

TEST_CASE("what there is no copy of is named when its directory is put back") {
  Project project;
  project.write("d/file", "1");
  REQUIRE(::mkfifo(project.at("d/fifo").c_str(), 0600) == 0);
  const Store store = project.store();
  const Snapshot snapshot = create(store);
  fs::remove_all(project.at("d"));
  CHECK(put_back(store, snapshot).skipped == Lines{"d/fifo"});
  CHECK(project.read("d/file") == "1");
}

TEST_CASE("what was undone in part over several runs is nobody's edit when the rest is undone") {
  if (!testing::can_mount_overlays()) return;
  Project project;
  project.write("lib/f", "0");
  const Store store = project.store();
  const auto before = project.state(testing::Times::kIgnored);
  run(store, {"**"}, [] { write_file("lib/f", "1"), write_file("lib/g", "1"); });
  run(store, {"**"}, [] { write_file("lib/f", "22"), write_file("lib/h", "2"); });
  RollbackOptions one = only({"lib/f"});
  one.back = 2;
  CHECK(testing::undo(store, "", one).skipped.empty());
  CHECK(project.read("lib/f") == "0");
  CHECK(testing::undo(store, "last").skipped.empty());
  CHECK(project.read("lib/f") == "0");
  CHECK_FALSE(project.has("lib/h"));
  CHECK(testing::undo(store, "last").skipped.empty());
  CHECK(project.state(testing::Times::kIgnored) == before);
}

TEST_CASE("the last run is the last of which anything is left to undo") {
  if (!testing::can_mount_overlays()) return;
  Project project;
  project.write("lib/kept", "k");
  const Store store = project.store();
  run(store, {"**"}, [] { write_file("lib/zero", "0"); });
  const auto second =
      run(store, {"**"}, [] { write_file("lib/one", "1"), write_file("lib/two", "2"); });
  testing::undo(store, "last", only({"lib/one"}));
  SECTION("undone in parts") { testing::undo(store, "last", only({"lib/two"})); }
  SECTION("undone by hand") { fs::remove(project.at("lib/two")); }
  const auto named = rollback(store, second.run_id, {});
  REQUIRE_FALSE(named);
  CHECK(named.error().code == EALREADY);
  testing::undo(store, "last");
  CHECK_FALSE(project.has("lib/zero"));
}

TEST_CASE("what somebody accepted does not go with the run that had made it") {
  if (!testing::can_mount_overlays()) return;
  Project project;
  const Store store = project.store();
  const auto done =
      run(store, {"tmp/ok", "tmp"}, [] { write_file("tmp/ok", "1"), write_file("tmp/held", "2"); });
  REQUIRE(accept(store, done.run_id, {"tmp/held"}, false));
  SECTION("at once") {}
  SECTION("and was changed and undone meanwhile") {
    run(store, {"**"}, [] { write_file("tmp/held", "3"); });
    testing::undo(store, "last");
  }
  CHECK(testing::undo(store, done.run_id).skipped == Lines{"tmp"});
  CHECK(project.read("tmp/held") == "2");
}

TEST_CASE("a rollback that was undone and made again is no damage") {
  if (!testing::can_mount_overlays()) return;
  Project project;
  project.write("lib/f", "0");
  const Store store = project.store();
  run(store, {"**"}, [] { write_file("lib/f", "1"), write_file("lib/g", "1"); });
  const auto undone = testing::undo(store, "last");
  testing::undo(store, undone.undo_id);
  testing::undo(store, "last");
  CHECK(project.read("lib/f") == "0");
  auto objects = Objects::open(store);
  REQUIRE(objects);
  const auto checked = check_store(store, *objects);
  REQUIRE(checked);
  CHECK(checked->damage.empty());
}

TEST_CASE("what a command that writes in place closed to its owner is known and put back") {
  if (::geteuid() == 0) {
    WARN("skipped: nothing is closed to root");
    return;
  }
  Project project;
  project.write("lib/d/deep/f", "before");
  project.write("lib/g", "before");
  const Store store = project.store();
  const auto before = project.state();
  auto preimage = Preimage::capture(store, new_run_id(), {"lib"});
  REQUIRE(preimage);
  project.write("lib/d/deep/f", "run");
  project.write("lib/g", "run");
  for (const char* path : {"lib/d/deep", "lib/d", "lib/g"}) ::chmod(project.at(path).c_str(), 0);
  SECTION("by a rollback") {
    REQUIRE(preimage->keep(store));
    CHECK(preimage->unseen().empty());
    CHECK(testing::undo(store, "last").skipped.empty());
  }
  SECTION("at once") {
    REQUIRE(preimage->restore(store));
    CHECK(preimage->unseen().empty());
  }
  SECTION("by a recovery") {
    *preimage = {};
    const auto recovered = recover(store);
    REQUIRE(recovered);
    REQUIRE(recovered->size() == 1);
    CHECK(recovered->front().can_return);
    CHECK(recovered->front().left == Lines{});
  }
  CHECK(project.state() == before);
}

TEST_CASE("directories that were closed to their owner since do not stop anything") {
  if (::geteuid() == 0) {
    WARN("skipped: nothing is closed to root");
    return;
  }
  Project project;
  project.write("lib/a.ex", "1");
  project.write("x/y/z", "1");
  const Store store = project.store();
  const Snapshot snapshot = create(store);
  project.write("lib/a.ex", "22");
  ::chmod(project.at("x").c_str(), 0);
  const Snapshot closed = create(store);
  CHECK(closed.uncovered ==
        std::vector<std::pair<std::string, Uncovered>>{{"x", Uncovered::kUnreadable}});
  put_back(store, snapshot, only({"lib/a.ex"}));
  CHECK(project.read("lib/a.ex") == "1");
  ::chmod(project.at("x").c_str(), 0700);
  CHECK(create(store).uncovered.empty());
}

TEST_CASE("what was mounted over since is left alone, and the rest is undone") {
  if (!testing::can_mount_overlays()) return;
  const std::string lock = "%{\n  \"a\": {:hex, :a, \"1\", []},\n}\n";
  Project project;
  project.write("lib/f", "0");
  project.write("mix.lock", "%{\n}\n");
  project.write("deps/a/f", "0");
  project.write("_build/dev/lib/a/f", "0");
  run(project.store(), {"**"}, [&] {
    write_file("mix.lock", lock), write_file("lib/f", "1");
    write_file("_build/dev/lib/a/f", "1"), ::chmod("_build/dev/lib/a", 0700);
  });
  RollbackOptions options;
  const bool one = GENERATE(false, true);
  if (one) options.dependencies = {{"a", ""}};
  testing::on_small_disk(project.at("_build"), "1m", [&] {
    // Below the mount only a new look leads there.
    const auto report = testing::undo(project.store(), "last", options);
    const Lines left{"_build/dev/lib/a", "_build/dev/lib/a/f"};
    testing::expect(one || report.skipped == left, "not all that is covered was left alone");
    testing::expect(project.read("mix.lock") == "%{\n}\n", "the lock was not undone");
    testing::expect(project.read("lib/f") == (one ? "1" : "0"), "lib/f");
  });
  CHECK(project.read("_build/dev/lib/a/f") == "1");
}

TEST_CASE("what was mounted in the project is looked at when it is not any more") {
  Project project;
  testing::on_small_disk(project.root(), "8m", [&] {
    testing::expect(::mkdir(project.at("lib").c_str(), 0755) == 0, "mkdir");
    testing::expect(::mkdir(project.at("lib/x").c_str(), 0755) == 0, "mkdir");
    project.write("lib/x/f", "1");
    const Store store = project.store();
    testing::expect(::mount("none", project.at("lib/x").c_str(), "tmpfs", 0, "size=1m") == 0,
                    "mount");
    testing::expect(create(store).uncovered.size() == 1, "a mount that is not named");
    testing::expect(::umount(project.at("lib/x").c_str()) == 0, "umount");
    const Snapshot snapshot = create(store);
    testing::expect(snapshot.uncovered.empty(), "named, though it is gone");
    fs::remove_all(project.at("lib"));
    put_back(store, snapshot);
    testing::expect(project.read("lib/x/f") == "1", "not put back");
  });
}

}  // namespace
}  // namespace mixguard::guard
