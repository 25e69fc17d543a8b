// SPDX-License-Identifier: Apache-2.0
#include "guard/snapshot/quarantine.hpp"

#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <filesystem>

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

const Lines kLib = {"lib/**"};

void plant() {
  write_file("lib/ok.ex", "ok");
  write_file("junk/a/one", "12345");
  write_file("junk/.envrc", "x");
  write_file("config/new.exs", "new");
  write_file("config/old.exs", "theirs");
  fs::remove("gone.txt");
  fs::create_symlink("/etc/passwd", "out");
  write_file("tool", "#!");
  ::chmod("tool", 04755);
}

void fill(const Project& project) {
  project.write("config/old.exs", "mine");
  project.write("gone.txt", "here");
}

Lines held(const Store& store, const std::string& run_id) {
  auto found = quarantined(store, run_id);
  if (!found) FAIL(found.error().message);
  Lines text;
  for (const Quarantined& one : *found)
    text.push_back(std::string(to_string(one.kind)) + " " + one.path);
  return text;
}

AcceptReport let_in(const Store& store, const std::string& run_id, const Lines& paths,
                    bool force = false) {
  auto report = accept(store, run_id, paths, force);
  if (!report) FAIL(report.error().message);
  return std::move(*report);
}

TEST_CASE("everything that was kept out is listed with what it is and why") {
  if (!testing::can_mount_overlays()) return;
  Project project;
  fill(project);
  const Store store = project.store();
  const auto done = run(store, kLib, plant);
  CHECK(held(store, done.run_id) == Lines{"file config/new.exs", "file config/old.exs",
                                          "deletion gone.txt", "directory junk", "file junk/.envrc",
                                          "directory junk/a", "file junk/a/one", "symlink out",
                                          "file tool"});
  auto found = quarantined(store, done.run_id);
  REQUIRE(found);
  const auto why = [&](const std::string& path) {
    for (const Quarantined& one : *found) {
      if (one.path == path) return one.why;
    }
    return std::string();
  };
  CHECK(why("config/new.exs") == "not among what `test` may write");
  CHECK(why("junk/a/one") == "not among what `test` may write");
  CHECK(why("junk/.envrc").starts_with("never committed: direnv"));
  CHECK(why("out") == "a symlink that leads out of the project");
  CHECK(found->at(6).size == 5);
  CHECK(newest_quarantine(store) == done.run_id);
  CHECK(quarantined(store, "nosuchrun").error().code == ENOENT);
}

TEST_CASE("what a person accepts is committed, leaves the quarantine and can be taken back") {
  if (!testing::can_mount_overlays()) return;
  Project project;
  fill(project);
  const Store store = project.store();
  const auto done = run(store, kLib, plant);
  const auto before = project.state();
  const auto all = held(store, done.run_id);
  const auto report = let_in(store, done.run_id, {"./junk/", "config", "gone.txt"});
  CHECK(report.left.empty());
  CHECK(lines(report.accepted) == Lines{"created config/new.exs", "modified config/old.exs",
                                        "deleted gone.txt", "created junk"});
  CHECK(project.read("config/old.exs") == "theirs");
  CHECK(project.read("junk/a/one") == "12345");
  CHECK_FALSE(project.has("gone.txt"));
  CHECK(held(store, done.run_id) == Lines{"symlink out", "file tool"});
  CHECK(testing::overlay_residue(project.root()).empty());

  const auto undone = undo(store, "last");
  CHECK(undone.run_ids.front() == report.run_id);
  CHECK(undone.skipped.empty());
  CHECK(project.state() == before);
  // Only that it is a deletion is not kept: the mark was used up.
  Lines without = all;
  std::erase(without, "deletion gone.txt");
  CHECK(held(store, done.run_id) == without);
  undo(store, undone.undo_id);
  CHECK(project.read("config/old.exs") == "theirs");
  CHECK(held(store, done.run_id) == Lines{"symlink out", "file tool"});
}

TEST_CASE("what no project may hold is not accepted, by force neither") {
  if (!testing::can_mount_overlays()) return;
  Project project;
  fill(project);
  const Store store = project.store();
  const auto done = run(store, kLib, [] {
    plant();
    fs::create_symlink("/etc/passwd", "junk/out");
    ::mkfifo("pipe", 0600);
  });
  const auto before = project.state();
  const auto report = let_in(store, done.run_id, {"out", "tool", "junk", "pipe"}, true);
  CHECK(report.run_id.empty());
  REQUIRE(report.left.size() == 4);
  CHECK(report.left[0].why.starts_with("`junk/out` in it: a symlink"));
  CHECK(project.state() == before);
  // A part of it may be.
  CHECK_FALSE(let_in(store, done.run_id, {"junk/a"}).left.empty());
  const auto none = accept(store, done.run_id, {"lib/ok.ex"}, false);
  REQUIRE_FALSE(none);
  CHECK(none.error().code == ENOENT);
  CHECK_FALSE(accept(store, done.run_id, {"../x"}, false));
}

TEST_CASE("what changed in the project since is kept, unless it is forced") {
  if (!testing::can_mount_overlays()) return;
  Project project;
  fill(project);
  const Store store = project.store();
  const auto done = run(store, kLib, plant);
  project.write("config/old.exs", "edited");
  project.write("config/new.exs", "mine too");
  const auto report = let_in(store, done.run_id, {"config"});
  CHECK(report.run_id.empty());
  CHECK(report.left.size() == 2);
  CHECK(project.read("config/old.exs") == "edited");
  const auto forced = let_in(store, done.run_id, {"config"}, true);
  CHECK(forced.left.empty());
  CHECK(project.read("config/old.exs") == "theirs");
  CHECK(project.read("config/new.exs") == "new");
  CHECK(held(store, done.run_id).size() == 7);
  undo(store, "last");
  CHECK(project.read("config/old.exs") == "edited");
  CHECK(project.read("config/new.exs") == "mine too");
}

TEST_CASE("what lacks its directory in the project says where that is to come from") {
  if (!testing::can_mount_overlays()) return;
  Project project;
  fill(project);
  const Store store = project.store();
  const auto done = run(store, kLib, plant);
  fs::remove_all(project.at("config"));
  const auto why = [&](const std::string& path) {
    const auto report = let_in(store, done.run_id, {path});
    return report.left.size() == 1 ? report.left.front().why : std::string();
  };
  CHECK(why("junk/a") == "there is no directory junk in the project; accept that one");
  CHECK(why("config/new.exs") == "there is no directory config in the project; make it first");
  fs::create_directory(project.at("config"));
  CHECK(let_in(store, done.run_id, {"config/new.exs"}).left.empty());
}

}  // namespace
}  // namespace mixguard::guard
