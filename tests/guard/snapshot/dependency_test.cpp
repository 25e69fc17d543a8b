// SPDX-License-Identifier: Apache-2.0
#include "guard/snapshot/dependency.hpp"

#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <filesystem>

#include "guard/snapshot/mix_layout.hpp"
#include "guard/snapshot/rollback.hpp"
#include "tests/guard/snapshot/project_fixture.hpp"

namespace mixguard::guard {
namespace {

namespace fs = std::filesystem;
using testing::lines;
using testing::Project;
using testing::run;
using testing::undo;
using testing::write_file;
using Lines = std::vector<std::string>;

const Lines kAll = {"**"};

std::string entry(const std::string& name, const std::string& version) {
  return "  \"" + name + "\": {:hex, :" + name + ", \"" + version + "\", []},\n";
}
std::string lock_of(const std::string& a, const std::string& b) {
  return "%{\n" + entry("a", a) + entry("b", b) + "}\n";
}

// a, and b and the project that need it, compiled.
void fill(const Project& project) {
  project.write("mix.lock", lock_of("1", "1"));
  ::chmod(project.at("mix.lock").c_str(), 0640);
  for (const std::string name : {"a", "b"}) {
    project.write("deps/" + name + "/lib/" + name + ".ex", "1");
    project.write("_build/dev/lib/" + name + "/ebin/" + name + ".beam", "1");
    project.write(
        "_build/dev/lib/" + name + "/ebin/" + name + ".app",
        "{application,x,[{applications,[kernel" + std::string(name == "b" ? ",a" : "") + "]}]}.");
  }
  project.write("_build/dev/lib/app/ebin/app.beam", "1");
  project.write("_build/dev/lib/app/.mix/compile.lock", "");
}

// `mix deps.update a b`, which takes a file of a away and adds one.
void update_both() {
  write_file("mix.lock", lock_of("2", "2"));
  for (const std::string name : {"a", "b"}) {
    fs::remove_all("deps/" + name);
    write_file("deps/" + name + "/lib/" + name + ".ex", "2");
  }
  write_file("deps/a/new.ex", "2");
}

void compile_a() { write_file("_build/dev/lib/a/ebin/a.beam", "2"); }

RollbackOptions only(const std::string& name, const std::string& directory = "") {
  RollbackOptions options;
  options.dependencies = {{name, directory}};
  return options;
}

TEST_CASE("one of two updated dependencies is undone, and the line of the other stays") {
  if (!testing::can_mount_overlays()) return;
  Project project;
  fill(project);
  const Store store = project.store();
  const auto start = project.state(testing::Times::kIgnored);
  run(store, kAll, [] { update_both(), compile_a(); });
  const auto updated = project.state();

  const auto report = undo(store, "last", only("a"));
  CHECK(report.is_complete());
  CHECK(project.read("mix.lock") == lock_of("1", "2"));
  CHECK(project.read("deps/a/lib/a.ex") == "1");
  CHECK_FALSE(project.has("deps/a/new.ex"));
  CHECK(project.read("deps/b/lib/b.ex") == "2");
  CHECK(project.read("_build/dev/lib/a/ebin/a.beam") == "1");
  struct stat info{};
  REQUIRE(::stat(project.at("mix.lock").c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0640);
  SECTION("what needs it is compiled anew, the project by Mix itself") {
    CHECK_FALSE(project.has("_build/dev/lib/b"));
    CHECK(project.has("_build/dev/lib/app/ebin/app.beam"));
    struct stat source{};
    struct stat mark{};
    REQUIRE(::stat(project.at("_build/dev/lib/app/ebin/app.beam").c_str(), &source) == 0);
    REQUIRE(::stat(project.at("_build/dev/lib/app/.mix/compile.lock").c_str(), &mark) == 0);
    CHECK(std::pair(mark.st_mtim.tv_sec, mark.st_mtim.tv_nsec) >
          std::pair(source.st_mtim.tv_sec, source.st_mtim.tv_nsec));
  }
  SECTION("that is undone") {
    undo(store, report.undo_id);
    CHECK(project.state() == updated);
  }
  SECTION("then the other") {
    const auto other = undo(store, "last", only("b"));
    CHECK(other.is_complete());
    CHECK(project.read("mix.lock") == lock_of("1", "1"));
    const auto nothing = rollback(store, report.run_ids.front(), only("a"));
    REQUIRE_FALSE(nothing);
    CHECK(nothing.error().code == EALREADY);
  }
  SECTION("then the rest of the run") {
    const auto rest = undo(store, "last");
    CHECK(rest.skipped.empty());
    CHECK(project.read("mix.lock") == lock_of("1", "1"));
    CHECK(project.read("deps/b/lib/b.ex") == "1");
    CHECK_FALSE(rollback(store, "last", {}));
    undo(store, rest.undo_id);
    CHECK(project.read("mix.lock") == lock_of("1", "2"));
    undo(store, report.undo_id);
    CHECK(project.state() == updated);
  }
  CHECK(start.size() > 1);
}

TEST_CASE("what of a run was undone already is in the way of nothing") {
  if (!testing::can_mount_overlays()) return;
  Project project;
  fill(project);
  const Store store = project.store();
  const auto done = run(store, kAll, [] { update_both(), compile_a(); });
  RollbackOptions lock;
  lock.paths = {"mix.lock"};
  undo(store, "last", lock);
  REQUIRE(project.read("mix.lock") == lock_of("1", "1"));
  SECTION("a dependency, then the rest") {
    CHECK(undo(store, "last", only("a")).is_complete());
    CHECK(project.read("deps/a/lib/a.ex") == "1");
    CHECK(project.read("deps/b/lib/b.ex") == "2");
    CHECK(undo(store, "last").is_complete());
  }
  SECTION("the rest at once") { CHECK(undo(store, "last").is_complete()); }
  CHECK(project.read("mix.lock") == lock_of("1", "1"));
  for (const char* path : {"deps/a/lib/a.ex", "deps/b/lib/b.ex", "_build/dev/lib/a/ebin/a.beam"})
    CHECK(project.read(path) == "1");
  CHECK_FALSE(project.has("deps/a/new.ex"));
  const auto nothing = rollback(store, done.run_id, {});
  REQUIRE_FALSE(nothing);
  CHECK(nothing.error().code == EALREADY);
}

TEST_CASE("where Mix has no mark to compare by, the dependency's own build is made anew") {
  if (!testing::can_mount_overlays()) return;
  Project project;
  fill(project);
  fs::remove(project.at("_build/dev/lib/app/.mix/compile.lock"));
  const Store store = project.store();
  run(store, kAll, [] { update_both(), compile_a(); });
  CHECK(undo(store, "last", only("a")).is_complete());
  CHECK_FALSE(project.has("_build/dev/lib/a"));
}

TEST_CASE("what needs a dependency only to compile is told by the mark that Mix sets") {
  if (!testing::can_mount_overlays()) return;
  Project project;
  fill(project);
  project.write("deps/c/.fetch", "");
  project.write("deps/c/c.ex", "1");
  project.write("_build/dev/lib/c/ebin/c.beam", "1");
  const Store store = project.store();
  run(store, kAll, [] { update_both(), write_file("deps/c/.fetch", "x"); });
  CHECK(undo(store, "last", only("a")).is_complete());
  CHECK_FALSE(project.has("_build/dev/lib/c"));
  CHECK(project.has("deps/c/c.ex"));
}

TEST_CASE("a run that changed one dependency alone is undone as a whole by its name") {
  if (!testing::can_mount_overlays()) return;
  Project project;
  fill(project);
  fs::remove_all(project.at("_build/dev/lib/b"));
  const Store store = project.store();
  const auto start = project.state(testing::Times::kIgnored);
  run(store, kAll, [] {
    write_file("mix.lock", lock_of("2", "1"));
    write_file("deps/a/lib/a.ex", "2");
    compile_a();
  });
  undo(store, "last", only("a"));
  CHECK(project.state(testing::Times::kIgnored) == start);
  CHECK_FALSE(rollback(store, "last", {}));
}

TEST_CASE("a line that a later run wrote beside it stays, and an edit of the line is kept") {
  if (!testing::can_mount_overlays()) return;
  Project project;
  fill(project);
  const Store store = project.store();
  const auto first = run(store, kAll, [] {
    write_file("mix.lock", lock_of("2", "1"));
    write_file("deps/a/lib/a.ex", "2");
  });
  run(store, kAll, [] { write_file("mix.lock", lock_of("2", "3")); });
  SECTION("later run") {
    CHECK(undo(store, first.run_id, only("a")).is_complete());
    CHECK(project.read("mix.lock") == lock_of("1", "3"));
    CHECK(project.read("deps/a/lib/a.ex") == "1");
  }
  SECTION("edit") {
    project.write("mix.lock", lock_of("9", "3"));
    const auto report = undo(store, first.run_id, only("a"));
    REQUIRE(report.left_alone.size() == 1);
    CHECK(report.left_alone.front().why == "its line in mix.lock was edited since");
    CHECK(report.undo_id.empty());
    CHECK(project.read("deps/a/lib/a.ex") == "2");
    RollbackOptions force = only("a");
    force.force = true;
    CHECK(undo(store, first.run_id, force).is_complete());
    CHECK(project.read("mix.lock") == lock_of("1", "3"));
  }
  SECTION("conflict marker") {
    project.write("mix.lock", "%{\n<<<<<<< HEAD\n" + entry("a", "2") + "}\n");
    const auto report = undo(store, first.run_id, only("a"));
    REQUIRE(report.left_alone.size() == 1);
    CHECK(report.left_alone.front().why.find("line 2") != std::string::npos);
    CHECK(project.read("deps/a/lib/a.ex") == "2");
  }
}

TEST_CASE("an edit of the line is kept, though no run has put aside what the run left there") {
  if (!testing::can_mount_overlays()) return;
  Project project;
  fill(project);
  const Store store = project.store();
  run(store, kAll, [] { update_both(), compile_a(); });
  SECTION("of this one") {
    const std::string edited = GENERATE(lock_of("9", "2"), "%{\n" + entry("b", "2") + "}\n");
    project.write("mix.lock", edited);
    const auto report = undo(store, "last", only("a"));
    REQUIRE(report.left_alone.size() == 1);
    CHECK(report.left_alone.front().why == "its line in mix.lock was edited since");
    CHECK(project.read("mix.lock") == edited);
    CHECK(project.read("deps/a/lib/a.ex") == "2");
  }
  SECTION("of the other one") {
    project.write("mix.lock", lock_of("2", "9"));
    CHECK(undo(store, "last", only("a")).is_complete());
    CHECK(project.read("mix.lock") == lock_of("1", "9"));
    CHECK(project.read("deps/a/lib/a.ex") == "1");
  }
}

TEST_CASE("an application of the project without a mark is made anew beside one that has it") {
  if (!testing::can_mount_overlays()) return;
  Project project;
  fill(project);
  project.write("_build/dev/lib/other/ebin/other.beam", "1");
  const Store store = project.store();
  run(store, kAll, [] { update_both(), compile_a(); });
  CHECK(undo(store, "last", only("a")).is_complete());
  CHECK_FALSE(project.has("_build/dev/lib/other"));
  CHECK(project.has("_build/dev/lib/app/ebin/app.beam"));
}

TEST_CASE("a dependency is undone over several runs, and then the rest of each") {
  if (!testing::can_mount_overlays()) return;
  Project project;
  fill(project);
  const Store store = project.store();
  const auto start = project.state(testing::Times::kIgnored);
  run(store, kAll, update_both);
  run(store, kAll, [] { compile_a(), write_file("_build/dev/lib/app/ebin/app.beam", "2"); });
  RollbackOptions both = only("a");
  both.back = 2;
  CHECK(undo(store, "", both).is_complete());
  CHECK(project.read("mix.lock") == lock_of("1", "2"));
  CHECK(undo(store, "last").is_complete());
  CHECK(undo(store, "last").is_complete());
  CHECK(project.read("mix.lock") == lock_of("1", "1"));
  CHECK(project.read("deps/b/lib/b.ex") == "1");
  CHECK(start.size() > 1);
}

TEST_CASE("a lock that was merged from several runs is not taken for one that was found") {
  if (!testing::can_mount_overlays()) return;
  Project project;
  fill(project);
  const Store store = project.store();
  run(store, kAll, update_both);
  run(store, kAll, [] { write_file("mix.lock", lock_of("2", "3")), compile_a(); });
  RollbackOptions both = only("a");
  both.back = 2;
  CHECK(undo(store, "", both).is_complete());
  CHECK(project.read("mix.lock") == lock_of("1", "3"));
  CHECK(undo(store, "last").skipped == Lines{"mix.lock"});
  CHECK(project.read("mix.lock") == lock_of("1", "3"));
}

TEST_CASE("edited code leaves the whole dependency alone, an edited build is made anew") {
  if (!testing::can_mount_overlays()) return;
  Project project;
  fill(project);
  const Store store = project.store();
  const auto done = run(store, kAll, [] { update_both(), compile_a(); });
  SECTION("code") {
    project.write("deps/a/new.ex", "mine");
    const auto report = undo(store, done.run_id, only("a"));
    REQUIRE(report.left_alone.size() == 1);
    CHECK(report.left_alone.front().why == "deps/a was edited since");
    CHECK(project.read("mix.lock") == lock_of("2", "2"));
    CHECK(project.read("deps/a/new.ex") == "mine");
    CHECK(project.read("_build/dev/lib/a/ebin/a.beam") == "2");
  }
  SECTION("build") {
    project.write("_build/dev/lib/a/ebin/a.beam", "3");
    const auto report = undo(store, done.run_id, only("a"));
    CHECK(report.is_complete());
    CHECK(project.read("deps/a/lib/a.ex") == "1");
    CHECK_FALSE(project.has("_build/dev/lib/a"));
    undo(store, report.undo_id);
    CHECK(project.read("_build/dev/lib/a/ebin/a.beam") == "3");
  }
  SECTION("a build by a later run") {
    run(store, kAll, [] { write_file("_build/test/lib/a/ebin/a.beam", "2"); });
    CHECK(undo(store, done.run_id, only("a")).is_complete());
    CHECK(project.read("_build/dev/lib/a/ebin/a.beam") == "1");
    CHECK_FALSE(project.has("_build/test/lib/a"));
  }
}

TEST_CASE("a dependency that came with the whole of deps and _build goes alone") {
  if (!testing::can_mount_overlays()) return;
  Project project;
  project.write("mix.exs", "m");
  const Store store = project.store();
  const auto before = project.state();
  run(store, kAll, [] {
    write_file("mix.lock", lock_of("1", "1"));
    for (const std::string name : {"a", "b"}) {
      write_file("deps/" + name + "/lib/x.ex", "1");
      write_file("_build/dev/lib/" + name + "/ebin/x.beam", "1");
    }
  });
  const auto fetched = project.state();
  const auto report = undo(store, "last", only("a"));
  CHECK(project.read("mix.lock") == "%{\n" + entry("b", "1") + "}\n");
  CHECK_FALSE(project.has("deps/a"));
  CHECK_FALSE(project.has("_build/dev/lib/a"));
  CHECK(project.has("deps/b"));
  undo(store, report.undo_id);
  CHECK(project.state() == fetched);
  const auto again = undo(store, report.run_ids.front(), only("a"));
  CHECK(again.is_complete());
  undo(store, again.undo_id);
  undo(store, report.run_ids.front());
  CHECK(project.state() == before);
}

TEST_CASE("a build that came with all of _build goes alone, the code stays") {
  if (!testing::can_mount_overlays()) return;
  Project project;
  project.write("deps/a/a.ex", "1");
  const Store store = project.store();
  run(store, kAll, [] {
    write_file("_build/dev/lib/a/ebin/a.beam", "1");
    write_file("_build/dev/lib/b/ebin/b.beam", "1");
  });
  CHECK(undo(store, "last", only("a")).is_complete());
  CHECK(project.has("deps/a/a.ex"));
  CHECK_FALSE(project.has("_build/dev/lib/a"));
  CHECK(project.has("_build/dev/lib/b"));
}

TEST_CASE("a path dependency is its directory, and its build is made anew") {
  if (!testing::can_mount_overlays()) return;
  Project project;
  project.write("vendor/tool/lib/tool.ex", "1");
  project.write("vendor/other.ex", "1");
  project.write("_build/dev/lib/tool/ebin/tool.beam", "1");
  const Store store = project.store();
  run(store, kAll, [] {
    write_file("vendor/tool/lib/tool.ex", "2");
    write_file("vendor/other.ex", "2");
    write_file("_build/dev/lib/tool/ebin/tool.beam", "2");
  });
  CHECK(undo(store, "last", only("tool", "vendor/tool")).is_complete());
  CHECK(project.read("vendor/tool/lib/tool.ex") == "1");
  CHECK(project.read("vendor/other.ex") == "2");
  CHECK_FALSE(project.has("_build/dev/lib/tool"));
}

TEST_CASE("an umbrella's app may have dependencies and a lock of its own") {
  if (!testing::can_mount_overlays()) return;
  Project project;
  project.write("apps/shop/mix.lock", lock_of("1", "1"));
  project.write("apps/shop/deps/a/x.ex", "1");
  const Store store = project.store();
  run(store, kAll, [] {
    write_file("apps/shop/mix.lock", lock_of("2", "2"));
    write_file("apps/shop/deps/a/x.ex", "2");
  });
  CHECK(undo(store, "last", only("a")).is_complete());
  CHECK(project.read("apps/shop/mix.lock") == lock_of("1", "2"));
  CHECK(project.read("apps/shop/deps/a/x.ex") == "1");
}

TEST_CASE("a dependency that was not changed is an error that names those that were") {
  if (!testing::can_mount_overlays()) return;
  Project project;
  fill(project);
  const Store store = project.store();
  run(store, kAll, [] { update_both(); });
  const auto report = rollback(store, "last", only("c"));
  REQUIRE_FALSE(report);
  CHECK(report.error().code == ENOENT);
  CHECK(report.error().message.ends_with("it did not change the dependency c; it changed a, b"));
  const auto other = run(store, kAll, [] { write_file("x", "1"); });
  const auto none = rollback(store, other.run_id, only("a"));
  REQUIRE_FALSE(none);
  CHECK(none.error().message.ends_with("nor any other"));
}

TEST_CASE("without a run a dependency goes back to what it was before its last change") {
  if (!testing::can_mount_overlays()) return;
  Project project;
  fill(project);
  const Store store = project.store();
  const auto updated = run(store, kAll, [] { update_both(); });
  // What was compiled of it since is no change of it.
  run(store, kAll, [] { write_file("_build/dev/lib/a/ebin/a.beam", "later"); });
  run(store, kAll, [] { write_file("x", "1"); });
  const auto report = undo(store, "last", only("a"));
  CHECK(report.run_ids.back() == updated.run_id);
  CHECK(project.read("mix.lock") == lock_of("1", "2"));
  CHECK(project.read("x") == "1");
}

TEST_CASE("paths tell what belongs to a dependency") {
  using namespace mix_layout;
  CHECK(fetched_name("deps/a") == "a");
  CHECK(fetched_name("apps/shop/deps/a/lib/x.ex") == "a");
  CHECK(fetched_name("deps").empty());
  CHECK(fetched_name("lib/deps/a").empty());
  CHECK(built_name("_build/dev/lib/a/ebin") == "a");
  CHECK(built_name("_build/dev/lib").empty());
  CHECK(built_name("_build/dev/other/a").empty());
  CHECK(build_at("apps/shop/_build/test/lib/a/ebin/x") == "apps/shop/_build/test/lib/a");
  CHECK(is_lock("mix.lock"));
  CHECK(is_lock("apps/shop/mix.lock"));
  CHECK_FALSE(is_lock("deps/a/mix.lock"));
  CHECK(
      needed_applications("{application,b,[{vsn,\"1\"},{applications,[kernel,stdlib,\n a_b]}]}.") ==
      std::set<std::string>{"kernel", "stdlib", "a_b"});
  CHECK(needed_applications("").empty());
}

}  // namespace
}  // namespace mixguard::guard
