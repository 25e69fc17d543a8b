// SPDX-License-Identifier: Apache-2.0
#include "guard/snapshot/rollback.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>

#include "guard/audit/log.hpp"
#include "guard/snapshot/check.hpp"
#include "guard/snapshot/journal.hpp"
#include "guard/snapshot/objects.hpp"
#include "guard/snapshot/run.hpp"
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

void every_kind_of_change() {
  write_file("lib/a.ex", "new");
  write_file("lib/b.ex", "created");
  fs::remove("lib/gone.ex");
  fs::rename("lib/moved.ex", "lib/there.ex");
  ::chmod("bin", 0700);
  fs::remove_all("deps/a");
  write_file("deps/a/other.ex", "other");
  fs::remove_all("tmp");
  fs::remove("link");
  fs::create_symlink("lib/b.ex", "link");
  write_file("new/dir/x", "x");
  ::chmod("new/dir", 0500);
}

void fill(const Project& project) {
  project.write("lib/a.ex", "old");
  project.write("lib/gone.ex", "bye");
  project.write("lib/moved.ex", "moved");
  project.write("bin/tool", "#!");
  project.write("deps/a/lib/a.ex", "a");
  project.write("deps/a/mix.exs", "m");
  project.write("tmp/sub/x", "x");
  ::chmod(project.at("tmp/sub").c_str(), 0500);
  fs::create_symlink("lib/a.ex", project.at("link"));
}

TEST_CASE("a rollback brings back exactly what was, and can be rolled back itself") {
  if (!testing::can_mount_overlays()) return;
  Project project;
  fill(project);
  const Store store = project.store();
  const auto before = project.state();
  const auto done = run(store, kAll, every_kind_of_change);
  const auto after = project.state();
  REQUIRE(before != after);

  const auto first = undo(store, done.run_id);
  CHECK(project.state() == before);
  CHECK(first.skipped.empty());
  CHECK(lines(first.undone) == Lines{"mode bin", "modified deps/a", "modified lib/a.ex",
                                     "deleted lib/b.ex", "created lib/gone.ex",
                                     "created lib/moved.ex", "deleted lib/there.ex",
                                     "modified link", "deleted new", "created tmp"});
  const auto second = undo(store, first.undo_id);
  CHECK(project.state() == after);
  const auto third = undo(store, second.undo_id);
  CHECK(project.state() == before);
  undo(store, third.undo_id);
  CHECK(project.state() == after);
  undo(store, "last");
  CHECK(project.state() == before);
  CHECK(testing::overlay_residue(project.root()).empty());
}

TEST_CASE("the last run is undone, then the one before, and rollbacks do not count") {
  if (!testing::can_mount_overlays()) return;
  Project project;
  project.write("a", "0");
  const Store store = project.store();
  const auto start = project.state();
  run(store, kAll, [] { write_file("a", "1"), write_file("d/x", "1"); });
  const auto one = project.state();
  run(store, kAll, [] { write_file("a", "2"), write_file("d/y", "2"), fs::remove("d/x"); });
  const auto two = project.state();
  run(store, kAll, [] { write_file("a", "3"), fs::remove_all("d"); });
  undo(store, "last");
  CHECK(project.state() == two);
  undo(store, "last");
  CHECK(project.state() == one);
  const auto report = undo(store, "last");
  CHECK(report.skipped.empty());
  CHECK(project.state() == start);
  const auto none = rollback(store, "last", {});
  REQUIRE_FALSE(none);
  CHECK(none.error().code == ENOENT);
}

TEST_CASE("several runs are undone as one, and that can be undone") {
  if (!testing::can_mount_overlays()) return;
  Project project;
  fill(project);
  project.write("a", "0");
  project.write("lib/sub/deep", "0");
  const Store store = project.store();
  std::vector<testing::TreeState> states{project.state()};
  const std::vector<std::function<void()>> steps{
      every_kind_of_change,
      [] { write_file("a", "1"), write_file("d/x", "1"), write_file("came", "1"); },
      // A directory that an older run changed inside goes, and one that it made is replaced.
      [] { write_file("a", "2"), fs::remove("came"), fs::remove_all("lib"), fs::remove_all("d"); },
      [] { write_file("lib/a.ex", "3"), write_file("d/y", "3"), ::chmod("bin", 0711); },
      [] { write_file("lib/a.ex", "4"), write_file("d/y", "4"), ::chmod("bin", 0750); }};
  for (const auto& step : steps) {
    run(store, kAll, step);
    states.push_back(project.state());
  }
  for (std::size_t back = 1; back <= steps.size(); ++back) {
    INFO(back);
    RollbackOptions options;
    options.back = back;
    const auto report = undo(store, "last", options);
    CHECK(report.run_ids.size() == back);
    CHECK(report.skipped.empty());
    CHECK(project.state() == states[steps.size() - back]);
    const auto again = undo(store, report.undo_id);
    CHECK(again.skipped.empty());
    CHECK(project.state() == states.back());
  }
  // In force again, one by one.
  for (std::size_t left = steps.size(); left-- > 0;) {
    INFO(left);
    undo(store, "last");
    CHECK(project.state() == states[left]);
  }
  RollbackOptions all;
  all.all = true;
  const auto none = rollback(store, "last", all);
  REQUIRE_FALSE(none);
  CHECK(none.error().code == ENOENT);
}

TEST_CASE("what was edited between two runs is what undoing both brings back") {
  if (!testing::can_mount_overlays()) return;
  Project project;
  project.write("a", "0");
  project.write("b", "0");
  const Store store = project.store();
  run(store, kAll, [] { write_file("a", "1"), write_file("b", "1"); });
  project.write("tmp", "mine");
  fs::rename(project.at("tmp"), project.at("a"));
  run(store, kAll, [] { write_file("a", "2"), write_file("b", "2"); });
  RollbackOptions options;
  options.all = true;
  const auto report = undo(store, "last", options);
  CHECK(report.skipped == Lines{"a"});
  CHECK(project.read("a") == "mine");
  CHECK(project.read("b") == "0");
}

TEST_CASE("runs are chosen by when they began") {
  if (!testing::can_mount_overlays()) return;
  Project project;
  project.write("a", "0");
  const Store store = project.store();
  run(store, kAll, [] { write_file("a", "1"); });
  const auto between = microseconds_now();
  run(store, kAll, [] { write_file("a", "2"); });
  run(store, kAll, [] { write_file("a", "3"); });
  RollbackOptions options;
  options.since = microseconds_now();
  CHECK_FALSE(rollback(store, "last", options));
  options.since = between;
  CHECK(undo(store, "last", options).run_ids.size() == 2);
  CHECK(project.read("a") == "1");
}

TEST_CASE("the build or the configuration alone is put back, of an umbrella's apps too") {
  if (!testing::can_mount_overlays()) return;
  Project project;
  const Lines config = {"mix.exs", "config/dev.exs", ".formatter.exs", "apps/web/mix.exs",
                        "apps/web/config/test.exs"};
  const Lines other = {"lib/a.ex", "apps/web/lib/config.ex", "deps/x/mix.exs", "mix.lock"};
  const Lines build = {"_build/dev/lib/a/ebin/a.beam"};
  for (const Lines& paths : {config, other, build}) {
    for (const std::string& path : paths) project.write(path, "0");
  }
  const Store store = project.store();
  run(store, kAll, [&] {
    for (const Lines& paths : {config, other, build}) {
      for (const std::string& path : paths) write_file(path, "1");
    }
  });
  const auto are = [&](const Lines& paths, const char* content) {
    return std::all_of(paths.begin(), paths.end(),
                       [&](const std::string& path) { return project.read(path) == content; });
  };
  RollbackOptions options;
  options.config = true;
  undo(store, "last", options);
  CHECK(are(config, "0"));
  CHECK(are(other, "1"));
  CHECK(are(build, "1"));
  options.config = false;
  options.build = true;
  undo(store, "last", options);
  CHECK(are(build, "0"));
  CHECK(are(other, "1"));
}

TEST_CASE("a path that somebody changed since is kept and listed") {
  if (!testing::can_mount_overlays()) return;
  Project project;
  for (const char* name : {"edited", "replaced", "deleted", "plain"}) project.write(name, "old");
  const Store store = project.store();
  const auto done = run(store, kAll, [] {
    for (const char* name : {"edited", "replaced", "deleted", "plain"}) write_file(name, "new");
    write_file("dir/x", "x");
    write_file("created", "c");
  });
  project.write("edited", "mine");
  project.write("tmp", "mine");
  fs::rename(project.at("tmp"), project.at("replaced"));
  fs::remove(project.at("deleted"));
  project.write("dir/mine", "mine");
  project.write("created", "mine");
  SECTION("without force") {
    const auto report = undo(store, done.run_id);
    CHECK(report.skipped == Lines{"created", "deleted", "dir", "edited", "replaced"});
    CHECK(lines(report.undone) == Lines{"modified plain"});
    CHECK(project.read("plain") == "old");
    CHECK(project.read("edited") == "mine");
    CHECK(project.read("dir/mine") == "mine");
  }
  SECTION("with force, and their version can be had back") {
    const auto mine = project.state();
    RollbackOptions force;
    force.force = true;
    const auto report = undo(store, done.run_id, force);
    CHECK(report.skipped.empty());
    CHECK(project.read("edited") == "old");
    CHECK(project.read("deleted") == "old");
    CHECK_FALSE(project.has("dir"));
    CHECK_FALSE(project.has("created"));
    undo(store, report.undo_id);
    CHECK(project.state() == mine);
  }
}

TEST_CASE("a later run's change is somebody's change") {
  if (!testing::can_mount_overlays()) return;
  Project project;
  project.write("a", "0");
  const Store store = project.store();
  const auto first = run(store, kAll, [] { write_file("a", "1"), write_file("d/x", "1"); });
  run(store, kAll, [] { write_file("a", "2"), write_file("d/y", "2"); });
  const auto before = project.state();
  const auto report = undo(store, first.run_id);
  CHECK(report.skipped == Lines{"a", "d"});
  CHECK(project.state() == before);
}

TEST_CASE("a dry run tells and does nothing") {
  if (!testing::can_mount_overlays()) return;
  Project project;
  project.write("a", "0");
  const Store store = project.store();
  const auto done = run(store, kAll, [] { write_file("a", "1"); });
  const auto before = project.state();
  RollbackOptions dry;
  dry.dry_run = true;
  const auto report = undo(store, "last", dry);
  CHECK(report.run_ids == Lines{done.run_id});
  CHECK(report.undo_id.empty());
  CHECK(lines(report.undone) == Lines{"modified a"});
  CHECK(project.state() == before);
  CHECK(store.runs()->size() == 1);
}

TEST_CASE("a run of ten thousand operations is committed and rolled back to the byte") {
  if (!testing::can_mount_overlays()) return;
  constexpr int kFiles = 10'000;
  const auto path_of = [](int number) {
    return "lib/d" + std::to_string(number % 100) + "/" + std::to_string(number);
  };
  Project project(testing::On::kMemory);
  // Of three one is changed, one goes and one comes.
  for (int i = 0; i < kFiles; ++i) {
    if (i % 3 != 2) project.write(path_of(i), "old " + std::to_string(i));
  }
  for (int i = 0; i < 100; ++i) project.write("lib/d" + std::to_string(i) + "/stays", "stays");
  const Store store = project.store();
  const auto before = project.state();
  const auto done = run(store, kAll, [&] {
    for (int i = 0; i < kFiles; ++i) {
      if (i % 3 == 1) fs::remove(path_of(i));
      if (i % 3 != 1) write_file(path_of(i), "new " + std::to_string(i));
    }
  });
  CHECK(done.set.changes.size() == kFiles);
  CHECK(done.late.empty());
  const auto after = project.state();
  CHECK(project.read(path_of(9'999)) == "new 9999");
  const auto report = undo(store, "last");
  CHECK(report.skipped.empty());
  CHECK(report.undone.changes.size() == kFiles);
  CHECK((project.state() == before));
  undo(store, report.undo_id);
  CHECK((project.state() == after));
}

TEST_CASE("the last run is listed and rolled back behind ten thousand records") {
  if (!testing::can_mount_overlays()) return;
  constexpr std::uint64_t kRecords = 10'000;
  Project project(testing::On::kMemory);
  project.write("a", "old");
  const Store store = project.store();
  auto log = AuditLog::open(store);
  REQUIRE(log);
  for (std::uint64_t i = 0; i < kRecords; ++i) REQUIRE(log->append("ended", {{"n", i}}));
  const auto done = run(store, kAll, [] { write_file("a", "new"); });
  REQUIRE(log->append("ended", {{"run_id", done.run_id}}));
  const auto tail = log->tail(2);
  REQUIRE(tail);
  REQUIRE(tail->size() == 2);
  CHECK(tail->front().sequence == kRecords);
  CHECK(tail->back().json.find(done.run_id) != std::string::npos);
  CHECK(log->tail(kRecords + 2)->size() == kRecords + 1);
  CHECK(undo(store, "last").run_ids == Lines{done.run_id});
  CHECK(project.read("a") == "old");
  REQUIRE(write_down(store, "rolled_back", {{"run_ids", {done.run_id}}}));
  const auto check = log->verify();
  REQUIRE(check);
  CHECK(check->damage.empty());
  CHECK(check->records == kRecords + 2);
}

TEST_CASE("only the paths asked for are undone, and their sources are new to Mix") {
  if (!testing::can_mount_overlays()) return;
  Project project;
  project.write("lib/a.ex", "old");
  project.write("lib/b.ex", "old");
  project.write("_build/x.beam", "old");
  project.write("deps/d/x.ex", "old");
  const auto long_ago = fs::file_time_type::clock::now() - std::chrono::hours(5);
  for (const char* name : {"lib/a.ex", "_build/x.beam", "deps/d/x.ex"})
    fs::last_write_time(project.at(name), long_ago);
  const Store store = project.store();
  const auto done = run(store, kAll, [] {
    for (const char* name : {"lib/a.ex", "lib/b.ex", "_build/x.beam", "deps/d/x.ex"})
      write_file(name, "new");
    write_file("new/y", "y");
  });
  const auto committed = fs::last_write_time(project.at("lib/b.ex"));
  RollbackOptions options;
  options.paths = {"lib/a.ex", "_build", "deps"};
  const auto report = undo(store, done.run_id, options);
  CHECK(lines(report.undone) ==
        Lines{"modified _build/x.beam", "modified deps/d/x.ex", "modified lib/a.ex"});
  CHECK(project.read("lib/a.ex") == "old");
  CHECK(project.read("lib/b.ex") == "new");
  CHECK(fs::last_write_time(project.at("lib/a.ex")) > committed);
  CHECK(fs::last_write_time(project.at("_build/x.beam")) == long_ago);
  CHECK(fs::last_write_time(project.at("deps/d/x.ex")) == long_ago);
  SECTION("the rest can follow") {
    const auto rest = undo(store, "last");
    CHECK(lines(rest.undone) == Lines{"modified lib/b.ex", "deleted new"});
    CHECK_FALSE(rollback(store, done.run_id, {}));
  }
  SECTION("part of a directory that came as a whole is refused") {
    options.paths = {"new/y"};
    const auto refused = rollback(store, done.run_id, options);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message.find("as a whole") != std::string::npos);
    options.paths = {"nothing/there"};
    CHECK_FALSE(rollback(store, done.run_id, options));
  }
}

TEST_CASE("a source that is put back is newer than what was compiled since, by whole seconds") {
  if (!testing::can_mount_overlays()) return;
  Project project;
  project.write("lib/a.ex", "old");
  project.write("apps/b/mix.exs", "");
  const Store store = project.store();
  const auto edited = run(store, kAll, [] { write_file("lib/a.ex", "new"); });
  const auto soon = fs::file_time_type::clock::now() + std::chrono::seconds(7);
  for (const char* home : {"", "apps/b/"}) {
    const std::string manifest = std::string(home) + "_build/dev/lib/a/.mix/compile.elixir";
    project.write(manifest, "");
    fs::last_write_time(project.at(manifest), soon);
    RollbackOptions options;
    options.paths = {"lib/a.ex"};
    const auto undone = undo(store, "last", options);
    CHECK(project.read("lib/a.ex") == "old");
    const auto second = [](fs::file_time_type time) {
      return std::chrono::floor<std::chrono::seconds>(time);
    };
    CHECK(second(fs::last_write_time(project.at("lib/a.ex"))) > second(soon));
    REQUIRE(rollback(store, undone.undo_id, {}));
    fs::remove(project.at(manifest));
  }
}

TEST_CASE("a run that does not exist, or never committed, is refused") {
  Project project;
  const Store store = project.store();
  for (const char* id : {"last", "nosuchrun", "../../etc", ""})
    CHECK_FALSE(rollback(store, id, {}));
  auto transaction = Transaction::begin(store, new_run_id(), {});
  REQUIRE(transaction);
  CHECK_FALSE(rollback(store, store.runs()->front(), {}));
}

TEST_CASE("a damaged journal is reported and never used") {
  if (!testing::can_mount_overlays()) return;
  Project project;
  project.write("a", "0");
  const Store store = project.store();
  const auto done = run(store, kAll, [] { write_file("a", "1"); });
  const std::string path = store.run_path(done.run_id) + "/journal";
  std::string text = testing::read_file(path);
  text.replace(text.find("transaction"), 4, "xxxx");
  write_file(path, text);
  const auto report = rollback(store, done.run_id, {});
  REQUIRE_FALSE(report);
  CHECK(report.error().message.find("damaged") != std::string::npos);
  CHECK(project.read("a") == "1");
}

TEST_CASE("recovery drops a run that had not begun to commit, unless its owner lives") {
  Project project;
  project.write("a", "0");
  const Store store = project.store();
  const auto before = project.state();
  const std::string id = new_run_id();
  {
    auto transaction = Transaction::begin(store, id, {"a"});
    REQUIRE(transaction);
    write_file(transaction->upper() + "/closed/x", "x");
    fs::permissions(transaction->upper() + "/closed", fs::perms::none);
    const auto none = recover(store);
    REQUIRE(none);
    CHECK(none->empty());
    CHECK(store.runs()->size() == 1);
  }
  const auto done = recover(store);
  REQUIRE(done);
  REQUIRE(done->size() == 1);
  CHECK(done->front().run_id == id);
  CHECK(done->front().outcome == Recovery::Outcome::kDiscarded);
  CHECK(store.runs()->empty());
  CHECK(project.state() == before);
  CHECK(recover(store)->empty());
}

TEST_CASE("recovery keeps what somebody did after the crash") {
  Project project;
  project.write("a", "old");
  project.write("b", "old");
  const Store store = project.store();
  const std::string id = new_run_id();
  {
    auto held = make_run(store, id);
    REQUIRE(held);
    write_file(held->path + "/upper/a", "new");
    write_file(held->path + "/upper/b", "new");
    Journal journal;
    journal.area = id + "/upper";
    for (const char* name : {"a", "b"}) {
      Op op;
      op.path = name;
      op.before.emplace(**tree::Parents(store.project_fd()).look(name));
      op.after.emplace(**tree::Parents(held->dir.get()).look(std::string("upper/") + name));
      journal.ops.push_back(op);
    }
    REQUIRE(write_intent(*held, journal));
  }
  project.write("a", "after the crash");
  const auto done = recover(store);
  REQUIRE(done);
  REQUIRE(done->size() == 1);
  CHECK(done->front().outcome == Recovery::Outcome::kRolledForward);
  CHECK(project.read("a") == "after the crash");
  CHECK(project.read("b") == "new");
  CHECK(testing::read_file(store.run_path(id) + "/quarantine/a") == "new");
}

TEST_CASE("a version from before that was written in the store is reported, and not used") {
  if (!testing::can_mount_overlays()) return;
  Project project;
  project.write("lib/a.ex", "before");
  const Store store = project.store();
  const auto done = run(store, kAll, [] { write_file("lib/a.ex", "after!"); });
  write_file(done.upper + "/lib/a.ex", "beforE");
  const auto report = rollback(store, "last", {});
  REQUIRE_FALSE(report);
  CHECK(report.error().code == EBADMSG);
  CHECK(report.error().message.find("lib/a.ex") != std::string::npos);
  CHECK(project.read("lib/a.ex") == "after!");
  auto objects = Objects::open(store);
  REQUIRE(objects);
  const auto check = check_store(store, *objects);
  REQUIRE(check);
  CHECK(check->damage.size() == 1);
}

TEST_CASE("without a run the newest that changed the path is undone") {
  if (!testing::can_mount_overlays()) return;
  Project project;
  for (const char* name : {"a", "b"}) project.write(name, "0");
  const Store store = project.store();
  const auto of_a = run(store, kAll, [] { write_file("a", "1"); });
  run(store, kAll, [] { write_file("b", "1"); });
  RollbackOptions options;
  options.paths = {"a"};
  const auto report = rollback(store, "last", options);
  REQUIRE(report);
  CHECK(report->run_ids == Lines{of_a.run_id});
  CHECK(project.read("a") == "0");
  CHECK(project.read("b") == "1");
  options.paths = {"c"};
  const auto none = rollback(store, "last", options);
  REQUIRE_FALSE(none);
  CHECK(none.error().message.ends_with("it changed nothing of what was asked for"));
}

TEST_CASE("what was compiled keeps its time, whatever the build is called") {
  if (!testing::can_mount_overlays()) return;
  Project project;
  const std::string beam = "bld/dev/lib/num/ebin/num.beam";
  const std::string manifest = "bld/dev/lib/num/.mix/compile.elixir";
  for (const std::string& path : {beam, manifest}) project.write(path, "0");
  project.write("lib/num.ex", "0");
  const Store store = project.store();
  const auto before = project.state();
  const auto done = run(store, kAll, [&] {
    for (const std::string& path : {beam, manifest}) write_file(path, "1");
  });
  RollbackOptions options;
  options.paths = {"bld"};
  testing::undo(store, done.run_id, options);
  const auto after = project.state();
  for (const std::string& path : {beam, manifest}) CHECK(after.at(path) == before.at(path));
}

TEST_CASE("a source gets a new time only where code stays that was compiled later") {
  if (!testing::can_mount_overlays()) return;
  Project project;
  project.write("_build/dev/lib/num/.mix/compile.elixir", "0");
  project.write("lib/num.ex", "0");
  const Store store = project.store();
  const auto before = project.state();
  const auto done = run(store, kAll, [] { write_file("lib/num.ex", "1"); });
  const bool compiled = GENERATE(false, true);
  if (compiled) project.write("_build/dev/lib/num/.mix/compile.elixir", "1");
  testing::undo(store, done.run_id);
  CHECK(project.read("lib/num.ex") == "0");
  CHECK((project.state().at("lib/num.ex") == before.at("lib/num.ex")) == !compiled);
}

TEST_CASE("an application that was compiled anew since keeps all that was compiled of it") {
  if (!testing::can_mount_overlays()) return;
  Project project;
  const std::string build = "_build/dev/lib/num/";
  const std::string manifest = build + ".mix/compile.elixir";
  for (const std::string& name : {manifest, build + "ebin/a.beam", build + "ebin/b.beam"})
    project.write(name, "0");
  project.write("lib/a.ex", "0");
  const Store store = project.store();
  const auto first = run(store, kAll, [&] {
    for (const std::string& name : {manifest, build + "ebin/a.beam", std::string("lib/a.ex")})
      write_file(name, "1");
  });
  run(store, kAll, [&] {
    for (const std::string& name : {manifest, build + "ebin/b.beam"}) write_file(name, "2");
  });
  const auto report = testing::undo(store, first.run_id);
  CHECK(report.skipped == Lines{manifest, build + "ebin/a.beam"});
  CHECK(project.read(build + "ebin/a.beam") == "1");
  CHECK(project.read("lib/a.ex") == "0");
}

TEST_CASE("where all is left alone nothing was undone") {
  if (!testing::can_mount_overlays()) return;
  Project project;
  project.write("lib/a.ex", "0");
  const Store store = project.store();
  const auto done = run(store, kAll, [] {
    write_file("lib/a.ex", "1");
    write_file("lib/b.ex", "1");
  });
  for (const char* name : {"lib/a.ex", "lib/b.ex"}) project.write(name, "by hand");
  const auto report = rollback(store, done.run_id, {});
  REQUIRE(report);
  CHECK(report->undo_id.empty());
  CHECK(report->skipped == Lines{"lib/a.ex", "lib/b.ex"});
  CHECK(testing::undo(store, done.run_id, {.force = true}).is_complete());
  CHECK(project.read("lib/a.ex") == "0");
}

}  // namespace
}  // namespace mixguard::guard
