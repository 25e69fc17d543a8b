// SPDX-License-Identifier: Apache-2.0

// Runs that write outside of the project as well: one journal, one commit, one rollback.

#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "guard/snapshot/rollback.hpp"
#include "guard/snapshot/store.hpp"
#include "guard/snapshot/transaction.hpp"
#include "guard/snapshot/write_policy.hpp"
#include "tests/guard/snapshot/project_fixture.hpp"

namespace mixguard::guard {
namespace {

namespace fs = std::filesystem;
using testing::lines;
using testing::Project;
using testing::undo;

using Lines = std::vector<std::string>;

// A project and a directory beside it.
struct Pair {
  Project project;
  Project outside;
  [[nodiscard]] std::string out(const std::string& path) const { return outside.at(path); }
};

struct Commands {
  std::function<void()> project = [] {};
  std::function<void()> outside = [] {};
  std::function<void()> meanwhile = [] {};
};

testing::Done run(const Pair& pair, const Commands& commands, const OutsideRoot& root,
                  const std::string& build = "_build") {
  testing::Done done;
  done.run_id = new_run_id();
  auto transaction = Transaction::begin(pair.project.store(), done.run_id, {}, {root}, build);
  if (!transaction) FAIL(transaction.error().message);
  testing::in_overlay(pair.project.root(), transaction->upper(), transaction->work(),
                      commands.project);
  const Transaction::Overlay overlay = transaction->overlays_outside().at(0);
  testing::in_overlay(overlay.root, overlay.upper, overlay.work, commands.outside);
  commands.meanwhile();
  auto set = transaction->changes({"test", {"**"}, {}});
  if (!set) FAIL(set.error().message);
  auto committed = transaction->commit(*set);
  if (!committed) FAIL(committed.error().message);
  done.set = std::move(*set);
  done.late = transaction->late_conflicts();
  return done;
}

testing::Done run(const Pair& pair, const Commands& commands) {
  return run(pair, commands, {pair.outside.root(), {"**"}, {}});
}

Commands usual() {
  return {[] { testing::write_file("lib/a.ex", "new"); },
          [] {
            testing::write_file("lib/x/a.beam", "new");
            testing::write_file("lib/x/b.beam", "made");
            fs::remove("gone");
          },
          [] {}};
}

void fill(const Pair& pair) {
  pair.project.write("lib/a.ex", "old");
  pair.outside.write("lib/x/a.beam", "old");
  pair.outside.write("gone", "bye");
}

TEST_CASE("what a run changes outside of the project is committed with the project") {
  if (!testing::can_mount_overlays()) return;
  const Pair pair;
  fill(pair);
  const auto done = run(pair, usual());
  CHECK(lines(done.set) == Lines{"modified lib/a.ex", "deleted " + pair.out("gone"),
                                 "modified " + pair.out("lib/x/a.beam"),
                                 "created " + pair.out("lib/x/b.beam")});
  CHECK(pair.project.read("lib/a.ex") == "new");
  CHECK(pair.outside.read("lib/x/a.beam") == "new");
  CHECK(pair.outside.read("lib/x/b.beam") == "made");
  CHECK_FALSE(pair.outside.has("gone"));
  CHECK(testing::overlay_residue(pair.outside.root()).empty());
  CHECK_FALSE(pair.outside.has(".mixguard"));
}

TEST_CASE("a rollback undoes it everywhere, and can be undone in turn") {
  if (!testing::can_mount_overlays()) return;
  const Pair pair;
  fill(pair);
  const auto project_before = pair.project.state();
  const auto before = pair.outside.state();
  const auto done = run(pair, usual());
  const auto after = pair.outside.state();

  const auto undone = undo(pair.project.store(), "last");
  CHECK(pair.project.state() == project_before);
  CHECK(pair.outside.state() == before);
  CHECK(undone.skipped.empty());
  CHECK(lines(undone.undone) == Lines{"created " + pair.out("gone"),
                                      "modified " + pair.out("lib/x/a.beam"),
                                      "deleted " + pair.out("lib/x/b.beam"), "modified lib/a.ex"});

  undo(pair.project.store(), undone.undo_id);
  CHECK(pair.project.read("lib/a.ex") == "new");
  CHECK(pair.outside.state() == after);
  undo(pair.project.store(), done.run_id);
  CHECK(pair.outside.state() == before);
}

TEST_CASE("several runs are undone as one outside of the project as well") {
  if (!testing::can_mount_overlays()) return;
  const Pair pair;
  fill(pair);
  const auto before = pair.outside.state();
  run(pair, usual());
  run(pair, {[] {},
             [] {
               testing::write_file("lib/x/a.beam", "newer");
               fs::remove("lib/x/b.beam");
               testing::write_file("gone", "again");
             },
             [] {}});
  RollbackOptions all;
  all.all = true;
  undo(pair.project.store(), "last", all);
  CHECK(pair.outside.state() == before);
  CHECK(pair.project.read("lib/a.ex") == "old");
}

TEST_CASE("a path outside is chosen by its absolute name") {
  if (!testing::can_mount_overlays()) return;
  const Pair pair;
  fill(pair);
  run(pair, usual());
  RollbackOptions one;
  one.paths = {pair.out("lib/x/a.beam")};
  const auto report = undo(pair.project.store(), "last", one);
  CHECK(lines(report.undone) == Lines{"modified " + pair.out("lib/x/a.beam")});
  CHECK(pair.outside.read("lib/x/a.beam") == "old");
  CHECK(pair.outside.read("lib/x/b.beam") == "made");
  CHECK(pair.project.read("lib/a.ex") == "new");
}

TEST_CASE("the build is chosen by where the run had it, not by its name") {
  if (!testing::can_mount_overlays()) return;
  const Pair pair;
  fill(pair);
  pair.project.write("_build/dev/lib/a/x", "old");
  const auto before = pair.outside.state();
  Commands commands = usual();
  commands.project = [] {
    testing::write_file("lib/a.ex", "new");
    testing::write_file("_build/dev/lib/a/x", "new");
  };
  RollbackOptions options;
  options.build = true;
  SECTION("outside") {
    run(pair, commands, {pair.outside.root(), {"**"}, {}}, pair.outside.root());
    const auto report = undo(pair.project.store(), "last", options);
    CHECK(lines(report.undone) == Lines{"created " + pair.out("gone"),
                                        "modified " + pair.out("lib/x/a.beam"),
                                        "deleted " + pair.out("lib/x/b.beam")});
    CHECK(pair.outside.state() == before);
    CHECK(pair.project.read("_build/dev/lib/a/x") == "new");
  }
  SECTION("in the project") {
    run(pair, commands);
    const auto report = undo(pair.project.store(), "last", options);
    CHECK(lines(report.undone) == Lines{"modified _build/dev/lib/a/x"});
    CHECK(pair.outside.read("lib/x/a.beam") == "new");
  }
  CHECK(pair.project.read("lib/a.ex") == "new");
}

TEST_CASE("while git is at work in a repository outside, nothing is rolled back in it") {
  if (!testing::can_mount_overlays()) return;
  const Pair pair;
  fill(pair);
  pair.outside.write(".git/HEAD", "old");
  Commands commands = usual();
  commands.outside = [] {
    testing::write_file(".git/HEAD", "new");
    testing::write_file("lib/x/a.beam", "new");
  };
  run(pair, commands);
  const std::string lock = pair.out(".git/index.lock");
  testing::write_file(lock, "");
  const Store store = pair.project.store();
  RollbackOptions options;
  SECTION("it says so and changes nothing") {
    const auto refused = rollback(store, "last", options);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == EBUSY);
    CHECK(refused.error().message.find(lock) != std::string::npos);
    CHECK(pair.project.read("lib/a.ex") == "new");
    CHECK(pair.outside.read(".git/HEAD") == "new");
    fs::remove(lock);
    CHECK(undo(store, "last").skipped.empty());
    CHECK(pair.outside.read(".git/HEAD") == "old");
  }
  SECTION("unless forced") {
    options.force = true;
    undo(store, "last", options);
    CHECK(pair.outside.read(".git/HEAD") == "old");
  }
  SECTION("and what is not in the repository is") {
    options.paths = {"lib", pair.out("lib")};
    undo(store, "last", options);
    CHECK(pair.project.read("lib/a.ex") == "old");
    CHECK(pair.outside.read("lib/x/a.beam") == "old");
  }
}

TEST_CASE("what may not be written outside is quarantined, by patterns relative to there") {
  if (!testing::can_mount_overlays()) return;
  const Pair pair;
  fill(pair);
  const auto done = run(pair, usual(), {pair.outside.root(), {"lib/**"}, {"secret"}});
  CHECK(lines(done.set) == Lines{"modified lib/a.ex", "quarantine " + pair.out("gone"),
                                 "modified " + pair.out("lib/x/a.beam"),
                                 "created " + pair.out("lib/x/b.beam")});
  CHECK(pair.outside.has("gone"));
}

TEST_CASE("what is refused outside is kept below the run, by its absolute path") {
  if (!testing::can_mount_overlays()) return;
  const Pair pair;
  fill(pair);
  const auto done = run(pair, usual(), {pair.outside.root(), {}, {}});
  const std::string aside =
      pair.project.at(".mixguard/runs/" + done.run_id + "/outside" + pair.outside.root());
  CHECK(testing::read_file(aside + "/lib/x/a.beam") == "new");
  CHECK(pair.outside.read("lib/x/a.beam") == "old");
}

TEST_CASE("a hidden path outside does not exist for the command") {
  if (!testing::can_mount_overlays()) return;
  const Pair pair;
  fill(pair);
  pair.outside.write("secret/key", "x");
  const auto done = run(pair,
                        {[] {},
                         [] {
                           if (testing::exists("secret/key")) throw std::runtime_error("seen");
                           testing::write_file("secret/key", "mine");
                         },
                         [] {}},
                        {pair.outside.root(), {"**"}, {"secret/key"}});
  CHECK(lines(done.set) == Lines{"quarantine " + pair.out("secret/key")});
  CHECK(pair.outside.read("secret/key") == "x");
}

TEST_CASE("an edit outside meanwhile is a conflict; one afterwards is left alone by a rollback") {
  if (!testing::can_mount_overlays()) return;
  const Pair pair;
  fill(pair);
  Commands commands = usual();
  commands.meanwhile = [&] { pair.outside.write("lib/x/a.beam", "theirs"); };
  const auto done = run(pair, commands);
  CHECK(lines(done.set).at(2) == "conflict " + pair.out("lib/x/a.beam"));
  CHECK(pair.outside.read("lib/x/a.beam") == "theirs");

  pair.outside.write("lib/x/b.beam", "edited");
  const auto report = undo(pair.project.store(), "last");
  CHECK(report.skipped == Lines{pair.out("lib/x/b.beam")});
  CHECK(pair.outside.read("lib/x/b.beam") == "edited");
  CHECK(pair.outside.read("gone") == "bye");
}

TEST_CASE("a directory outside that is gone is skipped by a rollback, the project is not") {
  if (!testing::can_mount_overlays()) return;
  const Pair pair;
  fill(pair);
  run(pair, usual());
  const std::string moved = pair.outside.root() + "-moved";
  fs::rename(pair.outside.root(), moved);
  SECTION("removed") {}
  SECTION("made anew under the same path") {
    testing::write_file(pair.out("lib/x/a.beam"), "another");
  }
  SECTION("a symlink to it") { fs::create_directory_symlink(moved, pair.outside.root()); }
  const auto report = undo(pair.project.store(), "last");
  CHECK(report.skipped ==
        Lines{pair.out("gone"), pair.out("lib/x/a.beam"), pair.out("lib/x/b.beam")});
  CHECK(pair.project.read("lib/a.ex") == "old");
  CHECK(testing::read_file(moved + "/lib/x/a.beam") == "new");
  testing::remove_all(moved);
}

TEST_CASE("a directory on another file system is refused before anything runs") {
  if (!fs::exists("/dev/shm")) return;
  struct stat here{};
  struct stat there{};
  const Project project;
  REQUIRE(::stat(project.root().c_str(), &here) == 0);
  REQUIRE(::stat("/dev/shm", &there) == 0);
  if (here.st_dev == there.st_dev) return;
  const std::string other = "/dev/shm/mixguard-roots-test";
  fs::create_directories(other);
  const Store store = project.store();
  const auto begun = Transaction::begin(store, new_run_id(), {}, {{other, {"**"}, {}}});
  testing::remove_all(other);
  REQUIRE_FALSE(begun);
  CHECK(begun.error().code == EXDEV);
  CHECK(begun.error().message.find(other) != std::string::npos);
  CHECK(store.runs()->empty());
}

TEST_CASE("a symlink may lead into another directory of the run, by its text") {
  const Lines into = {"/p/shared", "/p/root"};
  const auto leads = [&](const char* path, const char* target) {
    return leads_into(into, "/p/root", path, target);
  };
  CHECK(leads("_build/dev/lib/shared/priv", "../../../../../shared/priv"));
  CHECK(leads("x", "/p/shared/priv"));
  CHECK(leads("x", "../shared"));
  CHECK_FALSE(leads("x", "../shared-not"));
  CHECK_FALSE(leads("x", "../shared/../../etc"));
  CHECK_FALSE(leads("x", "../other"));
  CHECK_FALSE(leads("x", "/p/shared/../../etc"));
  CHECK_FALSE(leads("x", ".."));
  CHECK_FALSE(leads("x", "../../../../../../../etc"));
}

}  // namespace
}  // namespace mixguard::guard
