// SPDX-License-Identifier: Apache-2.0
#include "tests/crash/support/scenario.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include <array>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>

#include "guard/snapshot/objects.hpp"
#include "guard/snapshot/restore.hpp"
#include "guard/snapshot/snapshot.hpp"
#include "guard/snapshot/transaction.hpp"
#include "tests/crash/support/victim.hpp"

namespace mixguard::testing {
namespace {

namespace fs = std::filesystem;
using guard::RollbackOptions;
using guard::Store;
using guard::Transaction;

const guard::WritePolicy kPolicy{"test", {"**/*.ex", "deps/**", "tmp/**", "new/**", "bin", "link"}};

// What an overlay would hold after a command; the kernel is not what is tested here.
void fill_upper(const std::string& upper) {
  write_file(upper + "/lib/a.ex", "new");
  write_file(upper + "/lib/b.ex", "created");
  write_file(upper + "/lib/refused.md", "refused");
  whiteout(upper + "/lib/gone.ex");
  whiteout(upper + "/tmp");
  write_file(upper + "/deps/a/y", "y");
  ::setxattr((upper + "/deps/a").c_str(), "user.overlay.opaque", "y", 1, 0);
  write_file(upper + "/new/dir/x", "x");
  ::chmod((upper + "/new/dir").c_str(), 0500);
  fs::create_directory(upper + "/bin");
  ::chmod((upper + "/bin").c_str(), 0700);
  whiteout(upper + "/link");
  settle_times(upper);
}

void fill_both(const World& world) {
  fill(world);
  world.outside.write("lib/x/a.beam", "old");
  world.outside.write("gone/x", "bye");
  settle_times(world.outside.root());
}

RollbackOptions all_runs() {
  RollbackOptions options;
  options.all = true;
  return options;
}

}  // namespace

void settle_times(const std::string& root) {
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    const std::array<timespec, 2> times = {timespec{1000, 1}, timespec{1000, 1}};
    if (entry.is_symlink() || entry.is_regular_file())
      ::utimensat(AT_FDCWD, entry.path().c_str(), times.data(), AT_SYMLINK_NOFOLLOW);
  }
}

void fill(const Project& project) {
  project.write("lib/a.ex", "old");
  project.write("lib/gone.ex", "bye");
  project.write("bin/tool", "#!");
  project.write("deps/a/x", "a");
  project.write("tmp/sub/x", "x");
  fs::create_symlink("lib/a.ex", project.at("link"));
  ::chmod(project.at("tmp/sub").c_str(), 0500);
  settle_times(project.root());
  REQUIRE(project.store().exists());
}

void whiteout(const std::string& path) {
  if (::mknod(path.c_str(), S_IFCHR, makedev(0, 0)) < 0) throw std::runtime_error("mknod");
}

bool commit_filled(const Project& project, const guard::WritePolicy& policy, const Fill& fill,
                   const std::function<void()>& before_commit,
                   const std::vector<guard::OutsideRoot>& outside) {
  auto transaction = Transaction::begin(project.store(), guard::new_run_id(), {}, outside);
  if (!transaction) return false;
  fill(*transaction);
  before_commit();
  const auto set = transaction->changes(policy);
  return set && transaction->commit(*set) && transaction->late_conflicts().empty();
}

bool commit(const Project& project, const std::function<void()>& before_commit) {
  return commit_filled(
      project, kPolicy, [](const Transaction& run) { fill_upper(run.upper()); }, before_commit);
}

TreeState World::state(Times times) const {
  TreeState all = Project::state(times);
  for (auto& [path, what] : outside.state(times)) all.emplace("outside/" + path, what);
  return all;
}

bool commit_both(const World& world, const std::function<void()>& before_commit) {
  const auto fill_uppers = [](const Transaction& run) {
    fill_upper(run.upper());
    const std::string upper = run.overlays_outside().at(0).upper;
    write_file(upper + "/lib/x/a.beam", "new");
    write_file(upper + "/lib/y/b.beam", "made");
    write_file(upper + "/refused", "refused");
    whiteout(upper + "/gone");
    settle_times(upper);
  };
  return commit_filled(world, kPolicy, fill_uppers, before_commit,
                       {{world.outside.root(), {"lib/**", "gone/**"}, {}}});
}

void committed(const Project& project) {
  fill(project);
  REQUIRE(commit(project, [] {}));
}

void committed_twice(const Project& project) {
  committed(project);
  REQUIRE(commit_filled(project, {"test", {"**"}}, [](const Transaction& run) {
    whiteout(run.upper() + "/lib");
    write_file(run.upper() + "/new/dir/x", "y");
    settle_times(run.upper());
  }));
}

void write_through(const Project& project) {
  project.write("lib/a.ex", "new");
  fs::remove(project.at("lib/gone.ex"));
  project.write("lib/sub/b.ex", "created");
  ::chmod(project.at("lib").c_str(), 0700);
  ::chmod(project.at("tmp/sub").c_str(), 0700);
  fs::remove_all(project.at("tmp"));
  settle_times(project.at("lib"));
}

void captured(const Project& project) {
  const Store store = project.store();
  fill(project);
  auto objects = guard::Objects::open(store);
  REQUIRE(objects);
  REQUIRE(guard::create_snapshot(store, *objects, "", {}));
  write_through(project);
}

bool roll_back(const Project& project, const RollbackOptions& options) {
  start_counting();
  return guard::rollback(project.store(), "last", options).has_value();
}

bool undo_rollback(const Project& project) {
  const Store store = project.store();
  start_counting();
  return guard::rollback(store, store.runs()->back(), {}).has_value();
}

bool recover_all(const Project& project) {
  start_counting();
  return guard::recover(project.store()).has_value();
}

Scenario commits() {
  return {fill, [](const Project& project) { return commit(project, start_counting); }};
}

Scenario commits_in_two_places() {
  return {fill_both, [](const World& world) { return commit_both(world, start_counting); }};
}

Scenario rollback_in_two_places() {
  const auto committed_in_both = [](const World& world) {
    fill_both(world);
    REQUIRE(commit_both(world, [] {}));
  };
  return {committed_in_both, [](const World& world) { return roll_back(world); }};
}

Scenario rollback_of_one() {
  return {committed, [](const Project& project) { return roll_back(project); }};
}

Scenario rollback_of_paths() {
  RollbackOptions options;
  options.paths = {"lib", "tmp"};
  return {committed, [=](const Project& project) { return roll_back(project, options); },
          Times::kIgnored};
}

Scenario rollback_of_rollback() {
  const auto rolled_back = [](const Project& project) {
    committed(project);
    REQUIRE(guard::rollback(project.store(), "last", {}));
  };
  return {rolled_back, undo_rollback};
}

Scenario rollback_of_several() {
  return {committed_twice, [](const Project& project) { return roll_back(project, all_runs()); }};
}

Scenario undoing_of_several() {
  const auto rolled_back = [](const Project& project) {
    committed_twice(project);
    REQUIRE(guard::rollback(project.store(), "last", all_runs()));
  };
  return {rolled_back, undo_rollback};
}

Scenario restoring() {
  const auto restore = [](const Project& project) {
    const Store store = project.store();
    start_counting();
    auto objects = guard::Objects::open(store);
    auto snapshot = guard::load_snapshot(store, "last");
    return objects && snapshot && guard::restore(store, *objects, *snapshot, {});
  };
  return {captured, restore};
}

TreeState finished_state(const Scenario& scenario) {
  World project;
  scenario.prepare(project);
  REQUIRE(changes_of([&] { return scenario.act(project); }) > 10);
  REQUIRE(guard::recover(project.store()));
  return project.state(scenario.times);
}

void check_sound(const World& project, const TreeState& before, const TreeState& after,
                 Times times) {
  REQUIRE(guard::recover(project.store()));
  const TreeState state = project.state(times);
  const bool sound = state == before || state == after;
  if (!sound) {
    for (const auto& [path, what] : state) UNSCOPED_INFO(path << ": " << what);
  }
  REQUIRE(sound);
  REQUIRE(guard::recover(project.store())->empty());
  REQUIRE(fs::is_empty(project.at(".mixguard/active")));
  REQUIRE(project.store().empty_trash([] { return false; }));
  REQUIRE(fs::is_empty(project.at(".mixguard/trash")));
}

void use_memory() {
  if (fs::exists("/dev/shm")) ::setenv("TMPDIR", "/dev/shm", 1);
}

}  // namespace mixguard::testing
