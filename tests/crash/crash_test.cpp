// SPDX-License-Identifier: Apache-2.0

// Kills the process at every system call that changes something, during a commit, a rollback, a
// pre-image's life, a recovery and the recovery of that, lets recover() finish, and compares the
// whole tree: it must be the one from before or the one from after, never a third.

#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <functional>
#include <string>

#include "guard/snapshot/check.hpp"
#include "guard/snapshot/objects.hpp"
#include "guard/snapshot/preimage.hpp"
#include "guard/snapshot/quarantine.hpp"
#include "guard/snapshot/restore.hpp"
#include "guard/snapshot/rollback.hpp"
#include "guard/snapshot/snapshot.hpp"
#include "guard/snapshot/store.hpp"
#include "guard/snapshot/transaction.hpp"
#include "tests/crash/support/scenario.hpp"
#include "tests/crash/support/victim.hpp"

namespace mixguard::guard {
namespace {

namespace fs = std::filesystem;
using testing::check_sound;
using testing::fill;
using testing::finished_state;
using testing::killed_at;
using testing::Project;
using testing::recover_all;
using testing::Scenario;
using testing::settle_times;
using testing::start_counting;
using testing::Times;
using testing::TreeState;
using testing::use_memory;
using testing::World;
using testing::write_through;

// One death at each step; every `nested`th of those is followed by a death at each step of the
// recovery as well.
void sweep(const Scenario& scenario, int nested) {
  const TreeState after = finished_state(scenario);
  bool killed = true;
  for (int step = 1; killed; ++step) {
    bool killed_again = step % nested == 0;
    for (int again = 1; killed_again || again == 1; ++again) {
      World project;
      scenario.prepare(project);
      const TreeState before = project.state(scenario.times);
      REQUIRE(before != after);
      killed = killed_at(step, [&] { return scenario.act(project); });
      if (killed_again) killed_again = killed_at(again, [&] { return recover_all(project); });
      INFO("killed at step " << step << ", recovery at step " << again);
      check_sound(project, before, after, scenario.times);
    }
  }
}

// A death at each step, one in its recovery and one in the recovery of that; which of the latter's
// steps goes round from step to step. Of how many in a hundred the first was followed by both
// others.
int sweep_three_deep(const Scenario& scenario) {
  const TreeState after = finished_state(scenario);
  int thrice = 0;
  bool killed = true;
  int seen = 0;
  for (int step = 1; killed; ++step, seen = step) {
    World project;
    scenario.prepare(project);
    const TreeState before = project.state(scenario.times);
    killed = killed_at(step, [&] { return scenario.act(project); });
    const auto recovering = [&] { return recover_all(project); };
    const int second = 1 + step * 7 % 17;
    const int third = 1 + step * 5 % 11;
    const bool twice = killed && killed_at(second, recovering);
    if (twice && killed_at(third, recovering)) ++thrice;
    INFO("killed at step " << step << ", recovery at step " << second << ", its at " << third);
    check_sound(project, before, after, scenario.times);
  }
  return seen == 0 ? 0 : thrice * 100 / seen;
}

TEST_CASE("a commit that is killed leaves the tree from before or from after") {
  use_memory();
  sweep(testing::commits(), 8);
}

TEST_CASE("a commit in two places that is killed leaves both from before or both from after") {
  use_memory();
  sweep(testing::commits_in_two_places(), 8);
}

TEST_CASE("a rollback in two places that is killed leaves both from before or both from after") {
  use_memory();
  sweep(testing::rollback_in_two_places(), 8);
}

TEST_CASE("a transaction that is killed while it begins or is discarded leaves nothing") {
  use_memory();
  bool killed = true;
  int step = 1;
  for (; killed; ++step) {
    World project;
    fill(project);
    const TreeState before = project.state();
    killed = killed_at(step, [&] {
      start_counting();
      auto transaction = Transaction::begin(project.store(), new_run_id(), {"lib/a.ex"});
      return transaction && transaction->discard();
    });
    check_sound(project, before, before, Times::kCompared);
    REQUIRE(project.store().runs()->empty());
  }
  CHECK(step > 5);
}

TEST_CASE("a rollback that is killed leaves the tree from before or from after") {
  use_memory();
  sweep(testing::rollback_of_one(), 4);
}

TEST_CASE("a rollback of some paths that is killed leaves one of two trees") {
  use_memory();
  sweep(testing::rollback_of_paths(), 8);
}

std::string lock_of(const std::string& version) {
  return "%{\n  \"a\": {:hex, :a, \"" + version + "\", []},\n  \"b\": {:hex, :b, \"" + version +
         "\", []},\n}\n";
}

// Two dependencies that were updated, of which one was compiled.
void updated(const Project& project) {
  for (const std::string path :
       {"deps/a/x", "deps/b/x", "_build/dev/lib/a/x", "_build/dev/lib/b/x"})
    project.write(path, "1");
  project.write("mix.lock", lock_of("1"));
  settle_times(project.root());
  REQUIRE(testing::commit_filled(project, {"test", {"**"}}, [](const Transaction& run) {
    for (const std::string path : {"deps/a/x", "deps/b/x", "_build/test/lib/a/x"})
      testing::write_file(run.upper() + "/" + path, "2");
    testing::write_file(run.upper() + "/mix.lock", lock_of("2"));
  }));
}

TEST_CASE("a rollback of one dependency that is killed leaves one of two trees") {
  use_memory();
  RollbackOptions options;
  options.dependencies = {{"a", ""}};
  sweep({updated, [&](const Project& project) { return testing::roll_back(project, options); },
         Times::kIgnored},
        8);
}

TEST_CASE("an acceptance that is killed leaves the tree from before or from after") {
  use_memory();
  const auto accept_all = [](const Project& project) {
    const Store store = project.store();
    start_counting();
    return accept(store, store.runs()->back(), {"lib"}, false).has_value();
  };
  sweep({testing::committed, accept_all}, 4);
}

TEST_CASE("a rollback of a rollback that is killed leaves one of two trees") {
  use_memory();
  sweep(testing::rollback_of_rollback(), 8);
}

TEST_CASE("a rollback of several runs that is killed leaves the tree from before or from after") {
  use_memory();
  sweep(testing::rollback_of_several(), 4);
}

TEST_CASE("the undoing of a rollback of several runs that is killed leaves one of two trees") {
  use_memory();
  sweep(testing::undoing_of_several(), 4);
}

TEST_CASE("killed, killed in the recovery and killed in the recovery of that: one of two trees") {
  use_memory();
  const auto scenario = GENERATE(0, 1, 2, 3, 4);
  const Scenario scenarios[] = {testing::commits(), testing::rollback_of_one(),
                                testing::rollback_of_paths(), testing::rollback_of_several(),
                                testing::undoing_of_several()};
  INFO("scenario " << scenario);
  // Before the intent and at the very end there is not enough to recover for two more.
  CHECK(sweep_three_deep(scenarios[scenario]) > 25);
}

// A directory that its owner may not write, and a commit that writes in it.
void fill_closed(const Project& project) {
  for (const char* path : {"shut/x", "shut/gone", "opened/x", "opened/y"})
    project.write(path, "old");
  ::chmod(project.at("shut").c_str(), 0500);
  ::chmod(project.at("opened").c_str(), 0500);
  settle_times(project.root());
  REQUIRE(project.store().exists());
}

bool commit_closed(const Project& project, const std::function<void()>& before_commit) {
  const auto fill_upper = [](const Transaction& run) {
    const std::string& upper = run.upper();
    for (const char* path : {"/shut/x", "/shut/new", "/opened/x"})
      testing::write_file(upper + path, "new");
    testing::whiteout(upper + "/shut/gone");
    ::chmod((upper + "/shut").c_str(), 0500);
    ::chmod((upper + "/opened").c_str(), 0700);
    settle_times(upper);
  };
  return testing::commit_filled(project, {"test", {"**"}}, fill_upper, before_commit);
}

// Only an ordinary user is kept out by a mode: tests/run.sh runs this as one.
TEST_CASE("in a directory that is closed to its owner a kill leaves one of two trees", "[closed]") {
  use_memory();
  sweep(
      {fill_closed, [](const Project& project) { return commit_closed(project, start_counting); }},
      4);
  const auto committed = [](const Project& project) {
    fill_closed(project);
    REQUIRE(commit_closed(project, [] {}));
  };
  sweep({committed, [](const Project& project) { return testing::roll_back(project); }}, 8);
}

TEST_CASE("a kept pre-image that is killed leaves the tree from before or from after") {
  use_memory();
  const auto keep = [](const Project& project) {
    const Store store = project.store();
    start_counting();
    auto preimage = Preimage::capture(store, new_run_id(), {"lib", "tmp"});
    if (!preimage) return false;
    write_through(project);
    return preimage->keep(store).has_value();
  };
  sweep({fill, keep}, 24);
}

TEST_CASE("going back to a snapshot that is killed leaves the tree from before or from after") {
  use_memory();
  sweep(testing::restoring(), 8);
}

TEST_CASE("a snapshot that is killed is there or not, and those before it are whole") {
  use_memory();
  bool killed = true;
  int step = 1;
  for (; killed; ++step) {
    World project;
    testing::captured(project);
    const TreeState before = project.state();
    killed = killed_at(step, [&] {
      const Store store = project.store();
      start_counting();
      auto objects = Objects::open(store);
      return objects && create_snapshot(store, *objects, "", {});
    });
    INFO("killed at step " << step);
    const Store store = project.store();
    REQUIRE(recover(store));
    CHECK(project.state() == before);
    auto objects = Objects::open(store);
    REQUIRE(objects);
    const auto check = check_store(store, *objects);
    REQUIRE(check);
    CHECK(check->damage.empty());
    if (!killed) CHECK(check->snapshots == 2);
    CHECK(create_snapshot(store, *objects, "", {}));
  }
  CHECK(step > 5);
}

TEST_CASE("a restore that is killed always ends as it was before the command") {
  use_memory();
  bool killed = true;
  int step = 1;
  for (; killed; ++step) {
    World project;
    fill(project);
    const TreeState before = project.state();
    killed = killed_at(step, [&] {
      const Store store = project.store();
      auto preimage = Preimage::capture(store, new_run_id(), {"lib", "tmp"});
      if (!preimage) return false;
      write_through(project);
      start_counting();
      return preimage->restore(store).has_value();
    });
    INFO("killed at step " << step);
    check_sound(project, before, before, Times::kCompared);
  }
  CHECK(step > 10);
}

}  // namespace
}  // namespace mixguard::guard
