// SPDX-License-Identifier: Apache-2.0
#include "guard/snapshot/preimage.hpp"

#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <functional>
#include <optional>

#include "guard/snapshot/rollback.hpp"
#include "tests/guard/snapshot/project_fixture.hpp"

namespace mixguard::guard {
namespace {

namespace fs = std::filesystem;
using testing::lines;
using testing::Project;
using Lines = std::vector<std::string>;

void fill(const Project& project) {
  project.write("_build/dev/a.beam", "a");
  project.write("_build/dev/b.beam", "b");
  project.write("_build/dev/same", "same");
  project.write("_build/closed/inner/x", "x");
  project.write("_build/" + std::string("\xff\n"), "odd name");
  fs::create_symlink("dev/a.beam", project.at("_build/link"));
  project.write("lib/a.ex", "source");
  project.write("mix.lock", "lock");
  ::mkfifo(project.at("_build/fifo").c_str(), 0600);
  ::chmod(project.at("_build/closed/inner").c_str(), 0500);
  ::chmod(project.at("_build/closed").c_str(), 0500);
}

void work(const Project& project) {
  project.write("_build/dev/a.beam", "A");
  fs::remove(project.at("_build/dev/b.beam"));
  project.write("_build/test/new", "new");
  ::chmod(project.at("_build/dev").c_str(), 0700);
  ::chmod(project.at("_build/closed").c_str(), 0700);
  ::chmod(project.at("_build/closed/inner").c_str(), 0700);
  fs::remove_all(project.at("_build/closed"));
  fs::remove(project.at("_build/link"));
  project.write("_build/link/is/a/dir", "d");
  project.write("_build/" + std::string("\xff\n"), "changed");
  project.write("mix.lock", "changed");
  project.write("priv/static/x", "created root");
}

const Lines kRoots = {"_build/", "mix.lock", "priv/static", "_build/dev"};

Preimage capture(const Store& store, const std::string& id = new_run_id()) {
  auto preimage = Preimage::capture(store, id, kRoots);
  if (!preimage) FAIL(preimage.error().message);
  return std::move(*preimage);
}

TEST_CASE("a restored pre-image is exactly what was") {
  Project project;
  fill(project);
  const Store store = project.store();
  const auto before = project.state();
  const auto build_time = fs::last_write_time(project.at("_build/dev"));
  auto preimage = capture(store);
  CHECK(preimage.skipped() == Preimage::Skipped{{"_build/fifo", Uncovered::kSpecial}});
  CHECK(preimage.changes(store)->changes.empty());
  work(project);
  CHECK(lines(*preimage.changes(store)) ==
        Lines{"deleted _build/closed", "mode _build/dev", "modified _build/dev/a.beam",
              "deleted _build/dev/b.beam", "modified _build/link", "created _build/test",
              std::string("modified _build/\xff\n"), "modified mix.lock", "created priv/static"});
  REQUIRE(preimage.restore(store));
  auto after = project.state();
  CHECK(after.erase("priv") == 1);  // not below a root
  CHECK(after == before);
  CHECK(fs::last_write_time(project.at("_build/dev")) == build_time);
  CHECK(recover(store)->empty());
}

TEST_CASE("a kept pre-image can be rolled back, and the rollback too") {
  Project project;
  fill(project);
  const Store store = project.store();
  const auto before = project.state();
  const std::string id = new_run_id();
  {
    auto preimage = capture(store, id);
    work(project);
    REQUIRE(preimage.keep(store));
  }
  const auto after = project.state();
  CHECK_FALSE(testing::exists(store.run_path(id) + "/before/_build/dev/same"));
  const auto report = rollback(store, "last", {});
  REQUIRE(report);
  CHECK(report->run_ids == std::vector<std::string>{id});
  CHECK(report->skipped.empty());
  auto state = project.state();
  CHECK(state.erase("priv") == 1);
  CHECK(state == before);
  const auto again = rollback(store, report->undo_id, {});
  REQUIRE(again);
  CHECK(project.state() == after);
}

TEST_CASE("a run whose process died is restored by recovery, one that lives is not") {
  Project project;
  fill(project);
  const Store store = project.store();
  const auto before = project.state();
  {
    std::optional<Preimage> preimage = capture(store);
    work(project);
    CHECK(recover(store)->empty());
    CHECK(project.read("mix.lock") == "changed");
  }
  const auto done = recover(store);
  REQUIRE(done);
  REQUIRE(done->size() == 1);
  CHECK(done->front().outcome == Recovery::Outcome::kDiscarded);
  auto state = project.state();
  CHECK(state.erase("priv") == 1);
  CHECK(state == before);
}

TEST_CASE("a run that changed nothing leaves nothing") {
  Project project;
  fill(project);
  const Store store = project.store();
  SECTION("kept") { REQUIRE(capture(store).keep(store)); }
  SECTION("restored") { REQUIRE(capture(store).restore(store)); }
  CHECK(store.runs()->empty());
}

TEST_CASE("the whole project can be a root, without the store") {
  Project project;
  fill(project);
  const Store store = project.store();
  const auto before = project.state();
  auto preimage = Preimage::capture(store, new_run_id(), {"."});
  REQUIRE(preimage);
  work(project);
  REQUIRE(preimage->restore(store));
  CHECK(project.state() == before);
}

// A console that is open while `act` goes on, and what it is said to have changed.
Lines changed_by_console(const Store& store, const std::string& id,
                         const std::function<void()>& act) {
  auto console = Preimage::capture(store, id, {"_build", "lib"}, WhenKilled::kKept);
  if (!console) FAIL(console.error().message);
  act();
  const auto kept = console->keep(store);
  if (!kept) FAIL(kept.error().message);
  return lines(*kept);
}

TEST_CASE("what other runs do while a console is open is theirs") {
  if (!testing::can_mount_overlays()) return;
  Project project;
  project.write("lib/a.ex", "0");
  project.write("lib/gone.ex", "0");
  project.write("lib/c.ex", "0");
  const Store store = project.store();
  const auto before = project.state(testing::Times::kIgnored);
  const std::string id = new_run_id();
  const auto other = [&] {
    testing::run(store, {"**"}, [] {
      testing::write_file("lib/a.ex", "2");
      testing::write_file("lib/new/b.ex", "2");
      fs::remove("lib/gone.ex");
    });
  };
  SECTION("all of it") {
    CHECK(changed_by_console(store, id, other).empty());
    CHECK_FALSE(fs::exists(store.run_path(id)));
    testing::undo(store, "last");
  }
  SECTION("what comes on top of what the console wrote") {
    const auto changes = changed_by_console(store, id, [&] {
      project.write("lib/a.ex", "1");
      project.write("lib/c.ex", "1");
      other();
    });
    CHECK(changes == Lines{"modified lib/a.ex", "modified lib/c.ex"});
    testing::undo(store, "last");
    CHECK(project.read("lib/a.ex") == "1");
    testing::undo(store, "last");
  }
  SECTION("what the console writes on top of it is not") {
    const auto changes = changed_by_console(store, id, [&] {
      other();
      project.write("lib/a.ex", "3");
    });
    CHECK(changes == Lines{"modified lib/a.ex"});
    testing::undo(store, id);
    CHECK(project.read("lib/a.ex") == "0");
    return;
  }
  SECTION("what they did and took back") {
    CHECK(changed_by_console(store, id, [&] {
            other();
            testing::undo(store, "last");
          }).empty());
  }
  SECTION("what is tried in place and taken back") {
    const auto changes = changed_by_console(store, id, [&] {
      project.write("lib/a.ex", "1");
      auto tried = Preimage::capture(store, new_run_id(), {"lib"});
      REQUIRE(tried);
      project.write("lib/a.ex", "2");
      REQUIRE(tried->restore(store));
    });
    CHECK(changes == Lines{"modified lib/a.ex"});
    CHECK(project.read("lib/a.ex") == "1");
    CHECK(testing::undo(store, id).is_complete());
  }
  SECTION("a rollback") {
    other();
    CHECK(changed_by_console(store, id, [&] { testing::undo(store, "last"); }).empty());
  }
  CHECK(project.state(testing::Times::kIgnored) == before);
}

TEST_CASE("what a server had written when it was killed stays, and can be taken back") {
  Project project;
  fill(project);
  const Store store = project.store();
  const auto before = project.state(testing::Times::kIgnored);
  const std::string id = new_run_id();
  testing::in_child([&] {
    auto preimage = Preimage::capture(store, id, kRoots, WhenKilled::kKept);
    testing::expect(preimage.has_value(), "captured");
    work(project);
    ::_exit(0);
  });
  const auto after = project.state();
  const auto recovered = recover(store);
  REQUIRE(recovered);
  REQUIRE(recovered->size() == 1);
  CHECK(recovered->front().outcome == Recovery::Outcome::kKept);
  CHECK(recovered->front().can_return);
  CHECK(project.state() == after);
  testing::undo(store, id);
  fs::remove(project.at("priv"));  // led to a root that was not there
  CHECK(project.state(testing::Times::kIgnored) == before);
}

}  // namespace
}  // namespace mixguard::guard
