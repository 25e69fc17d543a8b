// SPDX-License-Identifier: Apache-2.0

// Kills the process at every system call that changes something, during a commit, a rollback, a
// pre-image's life and a recovery, lets recover() finish, and compares the whole tree: it must be
// the one from before or the one from after, never a third.

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "guard/snapshot/preimage.hpp"
#include "guard/snapshot/quarantine.hpp"
#include "guard/snapshot/rollback.hpp"
#include "guard/snapshot/store.hpp"
#include "guard/snapshot/transaction.hpp"
#include "tests/guard/snapshot/project_fixture.hpp"

namespace mixguard::guard {
namespace {

namespace fs = std::filesystem;
using testing::Project;
using testing::Times;
using testing::TreeState;

bool changes_something(const __ptrace_syscall_info& info) {
  switch (info.entry.nr) {
    case SYS_openat:
      return (info.entry.args[2] & (O_CREAT | O_TRUNC)) != 0;
    case SYS_write:
    case SYS_pwrite64:
    case SYS_copy_file_range:
    case SYS_ftruncate:
    case SYS_rename:
    case SYS_renameat2:
    case SYS_unlink:
    case SYS_unlinkat:
    case SYS_mkdir:
    case SYS_mkdirat:
    case SYS_mknodat:
    case SYS_symlinkat:
    case SYS_fchmod:
    case SYS_fchmodat:
    case SYS_chmod:
    case SYS_fchownat:
    case SYS_utimensat:
    case SYS_fremovexattr:
    case SYS_fsync:
    case SYS_fdatasync:
    case SYS_syncfs:
      return true;
    default:
      return false;
  }
}

// From here on the victim's system calls count.
void start_counting() { ::sched_yield(); }

[[noreturn]] void be_victim(const std::function<bool()>& act) {
  ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
  ::raise(SIGSTOP);
  bool good = false;
  try {
    good = act();
  } catch (...) {
    good = false;
  }
  ::_exit(good ? 0 : 1);
}

// Runs `act` in a process that dies right before its `kill_at`th change. True when it was killed,
// false when it came to its end before.
bool killed_at(int kill_at, const std::function<bool()>& act) {
  const pid_t victim = ::fork();
  if (victim == 0) be_victim(act);
  int status = 0;
  REQUIRE(::waitpid(victim, &status, 0) == victim);
  ::ptrace(PTRACE_SETOPTIONS, victim, nullptr, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
  bool counting = false;
  for (int count = 0;;) {
    ::ptrace(PTRACE_SYSCALL, victim, nullptr, nullptr);
    if (::waitpid(victim, &status, 0) != victim) FAIL("the victim cannot be waited for");
    if (WIFEXITED(status)) {
      REQUIRE(WEXITSTATUS(status) == 0);
      return false;
    }
    if (!WIFSTOPPED(status)) FAIL("the victim died by itself");
    __ptrace_syscall_info info{};
    ::ptrace(PTRACE_GET_SYSCALL_INFO, victim, sizeof info, &info);
    if (info.op != PTRACE_SYSCALL_INFO_ENTRY) continue;
    counting = counting || info.entry.nr == SYS_sched_yield;
    if (!counting || !changes_something(info) || ++count < kill_at) continue;
    ::kill(victim, SIGKILL);
    ::waitpid(victim, &status, 0);
    return true;
  }
}

struct Scenario {
  std::function<void(const Project&)> prepare;
  std::function<bool(const Project&)> act;  // in the victim; calls start_counting()
  Times times = Times::kCompared;
};

bool recover_all(const Project& project) {
  start_counting();
  return recover(project.store()).has_value();
}

void check_sound(const Project& project, const TreeState& before, const TreeState& after,
                 Times times) {
  REQUIRE(recover(project.store()));
  const TreeState state = project.state(times);
  const bool sound = state == before || state == after;
  if (!sound) {
    for (const auto& [path, what] : state) UNSCOPED_INFO(path << ": " << what);
  }
  REQUIRE(sound);
  REQUIRE(recover(project.store())->empty());
  REQUIRE(fs::is_empty(project.at(".mixguard/active")));
  REQUIRE(project.store().empty_trash([] { return false; }));
  REQUIRE(fs::is_empty(project.at(".mixguard/trash")));
}

TreeState finished_state(const Scenario& scenario) {
  Project project;
  scenario.prepare(project);
  REQUIRE_FALSE(killed_at(1 << 20, [&] { return scenario.act(project); }));
  REQUIRE(recover(project.store()));
  return project.state(scenario.times);
}

// One death at each step; every `nested`th of those is followed by a death at each step of the
// recovery as well.
void sweep(const Scenario& scenario, int nested) {
  const TreeState after = finished_state(scenario);
  bool killed = true;
  int step = 1;
  for (; killed; ++step) {
    bool killed_again = step % nested == 0;
    for (int again = 1; killed_again || again == 1; ++again) {
      Project project;
      scenario.prepare(project);
      const TreeState before = project.state(scenario.times);
      REQUIRE(before != after);
      killed = killed_at(step, [&] { return scenario.act(project); });
      if (killed_again) killed_again = killed_at(again, [&] { return recover_all(project); });
      INFO("killed at step " << step << ", recovery at step " << again);
      check_sound(project, before, after, scenario.times);
    }
  }
  CHECK(step > 10);
}

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

// What an overlay would hold after a command; the kernel is not what is tested here.
void fill_upper(const std::string& upper) {
  testing::write_file(upper + "/lib/a.ex", "new");
  testing::write_file(upper + "/lib/b.ex", "created");
  testing::write_file(upper + "/lib/refused.md", "refused");
  whiteout(upper + "/lib/gone.ex");
  whiteout(upper + "/tmp");
  testing::write_file(upper + "/deps/a/y", "y");
  ::setxattr((upper + "/deps/a").c_str(), "user.overlay.opaque", "y", 1, 0);
  testing::write_file(upper + "/new/dir/x", "x");
  ::chmod((upper + "/new/dir").c_str(), 0500);
  fs::create_directory(upper + "/bin");
  ::chmod((upper + "/bin").c_str(), 0700);
  whiteout(upper + "/link");
  settle_times(upper);
}

const WritePolicy kPolicy{"test", {"**/*.ex", "deps/**", "tmp/**", "new/**", "bin", "link"}};

bool commit(const Project& project, const std::function<void()>& before_commit) {
  auto transaction = Transaction::begin(project.store(), new_run_id(), {});
  if (!transaction) return false;
  fill_upper(transaction->upper());
  before_commit();
  const auto set = transaction->changes(kPolicy);
  return set && transaction->commit(*set);
}

void committed(const Project& project) {
  fill(project);
  REQUIRE(commit(project, [] {}));
}

bool roll_back(const Project& project, const RollbackOptions& options = {}) {
  start_counting();
  return rollback(project.store(), "last", options).has_value();
}

void use_memory() {
  // Nothing here depends on the disk, and in memory it is ten times as fast.
  if (fs::exists("/dev/shm")) ::setenv("TMPDIR", "/dev/shm", 1);
}

TEST_CASE("a commit that is killed leaves the tree from before or from after") {
  use_memory();
  sweep({fill, [](const Project& project) { return commit(project, start_counting); }}, 8);
}

TEST_CASE("a transaction that is killed while it begins or is discarded leaves nothing") {
  use_memory();
  bool killed = true;
  for (int step = 1; killed; ++step) {
    Project project;
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
}

TEST_CASE("a rollback that is killed leaves the tree from before or from after") {
  use_memory();
  sweep({committed, [](const Project& project) { return roll_back(project); }}, 4);
}

TEST_CASE("a rollback of some paths that is killed leaves one of two trees") {
  use_memory();
  RollbackOptions options;
  options.paths = {"lib", "tmp"};
  sweep({committed, [&](const Project& project) { return roll_back(project, options); },
         Times::kIgnored},
        8);
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
  auto transaction = Transaction::begin(project.store(), new_run_id(), {});
  REQUIRE(transaction);
  for (const std::string path : {"deps/a/x", "deps/b/x", "_build/test/lib/a/x"})
    testing::write_file(transaction->upper() + "/" + path, "2");
  testing::write_file(transaction->upper() + "/mix.lock", lock_of("2"));
  const auto set = transaction->changes(WritePolicy{"test", {"**"}});
  REQUIRE(set);
  REQUIRE(transaction->commit(*set));
}

TEST_CASE("a rollback of one dependency that is killed leaves one of two trees") {
  use_memory();
  RollbackOptions options;
  options.dependencies = {{"a", ""}};
  sweep({updated, [&](const Project& project) { return roll_back(project, options); },
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
  sweep({committed, accept_all}, 4);
}

TEST_CASE("a rollback of a rollback that is killed leaves one of two trees") {
  use_memory();
  const auto rolled_back = [](const Project& project) {
    committed(project);
    REQUIRE(rollback(project.store(), "last", {}));
  };
  const auto redo = [](const Project& project) {
    const Store store = project.store();
    start_counting();
    return rollback(store, store.runs()->back(), {}).has_value();
  };
  sweep({rolled_back, redo}, 8);
}

// Two runs, of which the newer one moves a directory away that the older one changed inside.
void committed_twice(const Project& project) {
  committed(project);
  auto transaction = Transaction::begin(project.store(), new_run_id(), {});
  REQUIRE(transaction);
  whiteout(transaction->upper() + "/lib");
  testing::write_file(transaction->upper() + "/new/dir/x", "y");
  settle_times(transaction->upper());
  const auto set = transaction->changes(WritePolicy{"test", {"**"}});
  REQUIRE(set);
  REQUIRE(transaction->commit(*set));
}

TEST_CASE("a rollback of several runs that is killed leaves the tree from before or from after") {
  use_memory();
  RollbackOptions options;
  options.all = true;
  sweep({committed_twice, [&](const Project& project) { return roll_back(project, options); }}, 4);
}

TEST_CASE("the undoing of a rollback of several runs that is killed leaves one of two trees") {
  use_memory();
  const auto rolled_back = [](const Project& project) {
    committed_twice(project);
    RollbackOptions options;
    options.all = true;
    REQUIRE(rollback(project.store(), "last", options));
  };
  const auto redo = [](const Project& project) {
    const Store store = project.store();
    start_counting();
    return rollback(store, store.runs()->back(), {}).has_value();
  };
  sweep({rolled_back, redo}, 4);
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

TEST_CASE("a kept pre-image that is killed leaves the tree from before or from after") {
  use_memory();
  const auto keep = [](const Project& project) {
    start_counting();
    auto preimage = Preimage::capture(project.store(), new_run_id(), {"lib", "tmp"});
    if (!preimage) return false;
    write_through(project);
    return preimage->keep().has_value();
  };
  sweep({fill, keep}, 8);
}

TEST_CASE("a restore that is killed always ends as it was before the command") {
  use_memory();
  bool killed = true;
  for (int step = 1; killed; ++step) {
    Project project;
    fill(project);
    const TreeState before = project.state();
    killed = killed_at(step, [&] {
      auto preimage = Preimage::capture(project.store(), new_run_id(), {"lib", "tmp"});
      if (!preimage) return false;
      write_through(project);
      start_counting();
      return preimage->restore().has_value();
    });
    INFO("killed at step " << step);
    check_sound(project, before, before, Times::kCompared);
  }
}

}  // namespace
}  // namespace mixguard::guard
