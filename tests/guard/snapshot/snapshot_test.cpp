// SPDX-License-Identifier: Apache-2.0
#include "guard/snapshot/snapshot.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <cerrno>
#include <filesystem>
#include <thread>

#include "guard/snapshot/check.hpp"
#include "guard/snapshot/restore.hpp"
#include "guard/snapshot/retention.hpp"
#include "guard/snapshot/tree_diff.hpp"
#include "tests/guard/snapshot/project_fixture.hpp"

namespace mixguard::guard {
namespace {

namespace fs = std::filesystem;
using testing::create;
using testing::lines;
using testing::noise;
using testing::open_objects;
using testing::Project;
using testing::put_back;
using testing::size_of_packs;
using Lines = std::vector<std::string>;

Captured look(const Store& store) {
  Objects objects = open_objects(store);
  auto captured = capture(store, objects, {store.project_fd(), ""}, "");
  if (!captured) FAIL(captured.error().message);
  return std::move(*captured);
}

// Everything but the time of the top, which every store moves.
bool same_tree(const Store& store, const Snapshot& snapshot) {
  const Captured now = look(store);
  const Objects objects = open_objects(store);
  bool same = true;
  const auto visit = [&](const Difference& difference) -> Result<void> {
    same = same && difference.path.empty();
    return {};
  };
  REQUIRE(compare(objects, "", snapshot.top, now.top, visit));
  return same;
}

void set_attribute(const std::string& path, const std::string& name, const std::string& value) {
  REQUIRE(::setxattr(path.c_str(), name.c_str(), value.data(), value.size(), 0) == 0);
}

void make_sparse(const std::string& path, off_t size) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  REQUIRE(::pwrite(fd, "data", 4, size / 2) == 4);
  REQUIRE(::ftruncate(fd, size) == 0);
  ::close(fd);
}

std::int64_t blocks(const std::string& path) {
  struct stat info{};
  REQUIRE(::lstat(path.c_str(), &info) == 0);
  return info.st_blocks;
}

ino_t inode(const std::string& path) {
  struct stat info{};
  REQUIRE(::lstat(path.c_str(), &info) == 0);
  return info.st_ino;
}

constexpr off_t kSparse = off_t{32} << 20;

void fill(const Project& project) {
  project.write("lib/a.ex", "defmodule A do\nend\n");
  project.write("lib/deep/er/b.ex", "defmodule B do\nend\n");
  project.write("_build/dev/lib/a.beam", std::string(100'000, 'x'));
  project.write("large", std::string(9'000'000, 'l') + "end");
  project.write("empty", "");
  project.write("odd \xff\n-name", "odd");
  project.write("mode", "m");
  ::chmod(project.at("mode").c_str(), 0640);
  fs::create_directories(project.at("nothing in it"));
  fs::create_symlink("/nowhere/at/all", project.at("dangling"));
  fs::create_symlink("dangling", project.at("loop"));
  project.write("one", "names");
  fs::create_hard_link(project.at("one"), project.at("lib/two"));
  fs::create_hard_link(project.at("one"), project.at("lib/deep/three"));
  make_sparse(project.at("sparse"), kSparse);
  set_attribute(project.at("mode"), "user.note", "kept");
  set_attribute(project.at("nothing in it"), "user.folder", "too");
  fs::create_directories(project.at("closed/inner"));
  project.write("closed/inner/file", "f");
  ::chmod(project.at("closed/inner").c_str(), 0555);
  ::chmod(project.at("closed").c_str(), 0500);
}

void ruin(const Project& project) {
  for (const char* name : {"closed", "closed/inner"}) ::chmod(project.at(name).c_str(), 0700);
  for (const auto& entry : fs::directory_iterator(project.root())) {
    if (entry.path().filename() != ".mixguard") fs::remove_all(entry.path());
  }
}

TEST_CASE("a project that was removed comes back from its snapshot as it was") {
  Project project;
  fill(project);
  const Store store = project.store();
  const auto before = project.state();
  const Snapshot snapshot = create(store);
  CHECK(snapshot.uncovered.empty());
  ruin(project);
  REQUIRE(project.state().empty());
  const RollbackReport report = put_back(store, snapshot);
  CHECK(report.skipped.empty());
  CHECK(project.state() == before);
  CHECK(same_tree(store, snapshot));
  SECTION("files that had one inode have one again") {
    CHECK(inode(project.at("one")) == inode(project.at("lib/two")));
    CHECK(inode(project.at("one")) == inode(project.at("lib/deep/three")));
  }
  SECTION("holes are holes") { CHECK(blocks(project.at("sparse")) < 64); }
  SECTION("attributes are there") {
    std::string value(16, '\0');
    const ssize_t size =
        ::getxattr(project.at("mode").c_str(), "user.note", value.data(), value.size());
    CHECK(value.substr(0, static_cast<std::size_t>(std::max<ssize_t>(size, 0))) == "kept");
  }
  SECTION("and the way back can be gone back") {
    REQUIRE(rollback(store, report.undo_id, {}));
    CHECK(project.state().empty());
    REQUIRE(rollback(store, "last", {}).error().code == ENOENT);
  }
}

TEST_CASE("what was edited is put back, and what was there meanwhile is kept") {
  Project project;
  fill(project);
  const Store store = project.store();
  const auto before = project.state();
  const Snapshot snapshot = create(store);
  project.write("lib/a.ex", "changed");
  project.write("lib/new.ex", "new");
  fs::remove_all(project.at("lib/deep"));
  project.write("lib/deep", "a file now");
  fs::remove(project.at("loop"));
  fs::create_directories(project.at("loop/is/a/directory"));
  ::chmod(project.at("nothing in it").c_str(), 0700);
  const auto after = project.state();
  const RollbackReport report = put_back(store, snapshot);
  CHECK(testing::lines(report.undone) == Lines{"modified lib/a.ex", "modified lib/deep",
                                               "deleted lib/new.ex", "modified loop",
                                               "mode nothing in it"});
  CHECK(project.state() == before);
  REQUIRE(rollback(store, report.undo_id, {}));
  CHECK(project.state() == after);
}

TEST_CASE("directories outside of the project are kept and put back with it") {
  Project project;
  Project outside;
  Project gone;
  for (const Project* one : {&project, &outside, &gone}) fill(*one);
  const Store store = project.store();
  const auto before = outside.state();
  Objects objects = open_objects(store);
  const auto snapshot = create_snapshot(store, objects, "", {outside.root(), gone.root()});
  REQUIRE(snapshot);
  ruin(project);
  ruin(outside);
  outside.write("new", "new");
  const auto after = outside.state();
  fs::rename(gone.root(), gone.root() + "-moved");
  RollbackOptions options;
  SECTION("all of them") {
    const RollbackReport report = put_back(store, *snapshot);
    CHECK(report.skipped == Lines{gone.root()});
    CHECK(outside.state() == before);
    CHECK(project.has("lib/a.ex"));
    REQUIRE(rollback(store, report.undo_id, {}));
    CHECK(outside.state() == after);
  }
  SECTION("one of them, by its path") {
    options.paths = {outside.root()};
    put_back(store, *snapshot, options);
    CHECK(outside.has("lib/a.ex"));
    CHECK_FALSE(outside.has("new"));
    CHECK(project.state().empty());
  }
  SECTION("a path in it") {
    options.paths = {outside.at("lib/deep/er/b.ex")};
    put_back(store, *snapshot, options);
    CHECK(outside.has("lib/deep/er/b.ex"));
    CHECK(outside.has("new"));
  }
  SECTION("a path that it does not hold") {
    options.paths = {"/etc/passwd"};
    CHECK(restore(store, objects, *snapshot, options).error().code == ENOENT);
  }
  fs::rename(gone.root() + "-moved", gone.root());
  CHECK(check_store(store, objects)->damage.empty());
}

TEST_CASE("another project's store is neither kept nor put back") {
  Project project;
  project.write("shared/mix.exs", "shared");
  project.write("shared/.mixguard/log.jsonl", "one");
  const Store store = project.store();
  const Snapshot snapshot = create(store);
  project.write("shared/mix.exs", "changed");
  project.write("shared/.mixguard/log.jsonl", "one, two");
  project.write("shared/.mixguard/runs/x/journal", "two");
  project.write("other/.mixguard/log.jsonl", "of a project that is new");
  const auto report = put_back(store, snapshot);
  CHECK(lines(report.undone) == Lines{"deleted other", "modified shared/mix.exs"});
  CHECK(project.read("shared/mix.exs") == "shared");
  CHECK(project.read("shared/.mixguard/log.jsonl") == "one, two");
  CHECK(project.read("shared/.mixguard/runs/x/journal") == "two");
  testing::undo(store, report.undo_id);
  CHECK(project.read("other/.mixguard/log.jsonl") == "of a project that is new");
}

TEST_CASE("after putting back nothing but what lies outside the store goes on working") {
  Project project;
  Project outside;
  for (const Project* one : {&project, &outside}) fill(*one);
  const Store store = project.store();
  const auto before = outside.state();
  const Snapshot snapshot = create(store, {outside.root()});
  ruin(outside);
  RollbackOptions options;
  options.paths = {outside.root()};
  const RollbackReport report = put_back(store, snapshot, options);
  CHECK(outside.state() == before);
  CHECK(fs::is_empty(store.path() + "/active"));
  CHECK(recover(store).value().empty());
  project.write("lib/a.ex", "changed");
  put_back(store, snapshot);
  CHECK(project.read("lib/a.ex") == "defmodule A do\nend\n");
  testing::undo(store, report.undo_id);
  CHECK(outside.state().empty());
}

TEST_CASE("the build is put back where it was, also outside of the project") {
  Project project;
  Project outside;
  fill(project);
  outside.write("lib/app/.mix/compile.elixir", "manifest");
  outside.write("lib/app/ebin/a.beam", "old");
  const Store store = project.store();
  RollbackOptions options;
  options.build = true;
  SECTION("outside") {
    fs::remove_all(project.at("_build"));
    const Snapshot snapshot = create(store, {outside.root()});
    const auto before = outside.state();
    outside.write("lib/app/ebin/a.beam", "new");
    outside.write("lib/app/ebin/b.beam", "new");
    project.write("lib/a.ex", "changed");
    CHECK(testing::lines(put_back(store, snapshot, options).undone) ==
          Lines{"modified " + outside.at("lib/app/ebin/a.beam"),
                "deleted " + outside.at("lib/app/ebin/b.beam")});
    CHECK(outside.state() == before);
    CHECK(project.read("lib/a.ex") == "changed");
  }
  SECTION("a path dependency is no build") {
    outside.write("mix.exs", "");
    const Snapshot snapshot = create(store, {outside.root()});
    outside.write("lib/app/ebin/a.beam", "new");
    project.write("_build/dev/lib/a.beam", "new");
    CHECK(testing::lines(put_back(store, snapshot, options).undone) ==
          Lines{"modified _build/dev/lib/a.beam"});
  }
  SECTION("there is none") {
    fs::remove_all(project.at("_build"));
    const Snapshot snapshot = create(store);
    Objects objects = open_objects(store);
    const auto nothing = restore(store, objects, snapshot, options);
    REQUIRE_FALSE(nothing);
    CHECK(nothing.error().code == ENOENT);
    CHECK(nothing.error().message.find("none of it is in the snapshot") != std::string::npos);
    CHECK(store.runs()->empty());
  }
}

TEST_CASE("a snapshot is not put back while git is at work in a repository outside") {
  Project project;
  Project outside;
  project.write("lib/a.ex", "old");
  outside.write(".git/HEAD", "old");
  const Store store = project.store();
  const Snapshot snapshot = create(store, {outside.root()});
  project.write("lib/a.ex", "new");
  outside.write(".git/HEAD", "new");
  outside.write(".git/index.lock", "");
  Objects objects = open_objects(store);
  const auto refused = restore(store, objects, snapshot, {});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == EBUSY);
  CHECK(refused.error().message.find(outside.at(".git/index.lock")) != std::string::npos);
  CHECK(project.read("lib/a.ex") == "new");
  CHECK(store.runs()->empty());
  fs::remove(outside.at(".git/index.lock"));
  put_back(store, snapshot);
  CHECK(outside.read(".git/HEAD") == "old");
}

TEST_CASE("one path is put back alone, with the directories that lead to it") {
  Project project;
  fill(project);
  const Store store = project.store();
  const Snapshot snapshot = create(store);
  ruin(project);
  RollbackOptions options;
  options.paths = {"lib/deep/er/b.ex"};
  put_back(store, snapshot, options);
  auto state = project.state();
  CHECK(state.size() == 4);
  CHECK(project.read("lib/deep/er/b.ex") == "defmodule B do\nend\n");
}

TEST_CASE("sources that are put back alone are newer than what was built") {
  Project project;
  fill(project);
  project.write("_build/dev/lib/app/.mix/compile.elixir", "manifest");
  const Store store = project.store();
  const Snapshot snapshot = create(store);
  project.write("lib/a.ex", "defmodule Z do\nend\n");
  project.write("_build/dev/lib/app/.mix/compile.elixir", "Manifest");
  RollbackOptions options;
  options.paths = {"lib/a.ex"};
  put_back(store, snapshot, options);
  struct stat source{};
  struct stat manifest{};
  REQUIRE(::stat(project.at("lib/a.ex").c_str(), &source) == 0);
  REQUIRE(::stat(project.at("_build/dev/lib/app/.mix/compile.elixir").c_str(), &manifest) == 0);
  CHECK(source.st_mtim.tv_sec > manifest.st_mtim.tv_sec);
}

TEST_CASE("a dry run says what would be put back and touches nothing") {
  Project project;
  fill(project);
  const Store store = project.store();
  const Snapshot snapshot = create(store);
  project.write("lib/a.ex", "changed");
  const auto after = project.state();
  RollbackOptions options;
  options.dry_run = true;
  CHECK(testing::lines(put_back(store, snapshot, options).undone) == Lines{"modified lib/a.ex"});
  CHECK(project.state() == after);
  CHECK(store.runs()->empty());
}

TEST_CASE("what is unchanged is neither read nor listed again, and what is not is found") {
  Project project;
  fill(project);
  const Store store = project.store();
  const Captured first = look(store);
  CHECK(first.read > 0);
  Captured next = look(store);
  CHECK(next.top->content == first.top->content);
  CHECK(next.files == first.files);
  CHECK(next.directories == first.directories);
  CHECK(next.bytes == first.bytes);
  CHECK(look(store).read == 0);
  SECTION("the same size, and the time set back") {
    const auto time = fs::last_write_time(project.at("lib/a.ex"));
    project.write("lib/a.ex", "defmodule Z do\nend\n");
    fs::last_write_time(project.at("lib/a.ex"), time);
  }
  SECTION("a new name") { project.write("lib/deep/er/c.ex", ""); }
  SECTION("a name less") { fs::remove(project.at("lib/deep/er/b.ex")); }
  SECTION("a mode") { ::chmod(project.at("lib/deep").c_str(), 0711); }
  SECTION("an attribute") { set_attribute(project.at("lib/a.ex"), "user.x", "y"); }
  SECTION("a directory moved") { fs::rename(project.at("lib/deep"), project.at("deep")); }
  SECTION("a directory replaced by a link to where it is now") {
    fs::rename(project.at("lib/deep"), project.at("deep"));
    fs::create_symlink("../deep", project.at("lib/deep"));
  }
  SECTION("a directory replaced by a file") {
    fs::remove_all(project.at("lib/deep"));
    project.write("lib/deep", "file");
  }
  next = look(store);
  CHECK_FALSE(next.top->content == first.top->content);
  CHECK(look(store).top->content == next.top->content);
}

TEST_CASE("what cannot be kept is named, and left alone by the way back") {
  Project project;
  fill(project);
  ::mkfifo(project.at("fifo").c_str(), 0600);
  if (::geteuid() != 0) {
    project.write("secret", "s");
    ::chmod(project.at("secret").c_str(), 0);
  }
  const Store store = project.store();
  const Snapshot snapshot = create(store);
  std::vector<std::pair<std::string, Uncovered>> expected = {{"fifo", Uncovered::kSpecial}};
  if (::geteuid() != 0) expected.emplace_back("secret", Uncovered::kUnreadable);
  CHECK(snapshot.uncovered == expected);
  fs::remove(project.at("fifo"));
  project.write("fifo", "a file now");
  const RollbackReport report = put_back(store, snapshot);
  CHECK(report.skipped == Lines{"fifo"});
  CHECK(project.read("fifo") == "a file now");
}

TEST_CASE("a file that is written all the time is kept as it was read, and named") {
  Project project;
  project.write("log", std::string(std::size_t{64} << 20, 'l'));
  project.write("lib/a.ex", "a");
  const Store store = project.store();
  std::atomic<bool> over = false;
  std::thread writer([&] {
    const int fd = ::open(project.at("log").c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
    while (!over) static_cast<void>(!::write(fd, "more\n", 5));
    ::close(fd);
  });
  const Snapshot snapshot = create(store);
  over = true;
  writer.join();
  CHECK(snapshot.uncovered ==
        std::vector<std::pair<std::string, Uncovered>>{{"log", Uncovered::kTorn}});
  const Snapshot after = create(store);
  CHECK(after.uncovered.empty());
  fs::remove(project.at("log"));
  put_back(store, snapshot);
  CHECK(fs::file_size(project.at("log")) >= std::size_t{64} << 20);
}

TEST_CASE("snapshots of the same tree share everything") {
  Project project;
  fill(project);
  const Store store = project.store();
  create(store);
  const auto size = fs::file_size(store.path() + "/packs/00000001.pack");
  for (int i = 0; i < 20; ++i) create(store);
  CHECK(fs::file_size(store.path() + "/packs/00000001.pack") == size);
  CHECK(snapshot_ids(store)->size() == 21);
}

TEST_CASE("what is forgotten frees its space, and nothing else goes") {
  Project project;
  fill(project);
  const Store store = project.store();
  constexpr std::size_t kForgotten = 3'000'000;
  project.write("noise", noise(kForgotten, 1));
  const Snapshot old = create(store);
  fs::remove(project.at("noise"));
  const Snapshot kept = create(store);
  const auto before = project.state();
  const std::uint64_t full = size_of_packs(store);
  Retention retention;
  retention.count = 1;
  {
    Objects objects = open_objects(store);
    const auto pruned = prune(store, objects, retention);
    REQUIRE(pruned);
    CHECK(pruned->removed == Lines{old.id});
    CHECK(pruned->kept_back.empty());
    CHECK(pruned->freed > kForgotten);
    CHECK(size_of_packs(store) == full - pruned->freed);
  }
  CHECK(snapshot_ids(store).value() == Lines{kept.id});
  ruin(project);
  put_back(store, kept);
  CHECK(project.state() == before);
  Objects objects = open_objects(store);
  CHECK(check_store(store, objects)->damage.empty());
}

// The listing of one of its directories, as it is kept.
std::string listing_of(const Store& store, const std::string& path) {
  const Captured captured = look(store);
  const Objects objects = open_objects(store);
  const auto entry = find_entry(objects, *captured.top, path);
  REQUIRE((entry && *entry && !(*entry)->content.cut));
  return objects.get((*entry)->content.id).value();
}

TEST_CASE("a file that is a listing or a list of pieces to the byte takes nothing of theirs away") {
  Project project;
  fill(project);
  const Store store = project.store();
  std::string large;
  std::string pieces;
  for (const char letter : {'a', 'b', 'c'}) {
    const std::string piece(Objects::kLongest, letter);
    const ObjectId id = object_id_of(piece);
    large += piece;
    pieces.append(id.bytes.begin(), id.bytes.end());
  }
  REQUIRE(pieces.size() == 96);
  project.write("m", large);
  const std::string listing = listing_of(store, "lib");
  // Whichever comes first, one of them comes before what it reads like.
  for (const char* name : {"a.", "z."}) {
    project.write(std::string(name) + "pieces", pieces);
    project.write(std::string(name) + "listing", listing);
  }
  project.write("noise", noise(3'000'000, 1));
  const Snapshot old = create(store);
  fs::remove(project.at("noise"));
  const Snapshot kept = create(store);
  REQUIRE(listing_of(store, "lib") == listing);
  const auto before = project.state();
  Retention retention;
  retention.ids = {old.id};
  {
    Objects objects = open_objects(store);
    const auto pruned = prune(store, objects, retention);
    REQUIRE(pruned);
    REQUIRE(pruned->freed > 3'000'000);
    CHECK(check_store(store, objects)->damage.empty());
  }
  ruin(project);
  put_back(store, kept);
  CHECK(project.state() == before);
}

TEST_CASE("a run whose record cannot be read counts as old as it is") {
  Project project;
  fill(project);
  const Store store = project.store();
  const Snapshot first = create(store);
  project.write("lib/a.ex", "changed");
  const std::string run = put_back(store, first).undo_id;
  const Snapshot second = create(store);
  const Snapshot third = create(store);
  const Snapshot fourth = create(store);
  testing::write_file(store.run_path(run) + "/journal", "{}\n");
  Objects objects = open_objects(store);
  Retention retention;
  retention.ids = {run};
  retention.count = 2;
  const auto pruned = prune(store, objects, retention);
  REQUIRE(pruned);
  CHECK(pruned->removed == Lines{first.id, run, second.id});
  CHECK(snapshot_ids(store).value() == Lines{third.id, fourth.id});
  CHECK(store.runs()->empty());
}

TEST_CASE("a capture after a pruning keeps what the pruning removed") {
  Project project;
  project.write("file", std::string(500'000, 'f') + "1");
  const Store store = project.store();
  const Snapshot first = create(store);
  Retention retention;
  retention.count = 0;
  {
    Objects objects = open_objects(store);
    REQUIRE(prune(store, objects, retention));
  }
  const Snapshot second = create(store);
  CHECK(second.top.content == first.top.content);
  Objects objects = open_objects(store);
  CHECK(check_store(store, objects)->damage.empty());
  fs::remove(project.at("file"));
  put_back(store, second);
  CHECK(project.read("file").size() == 500'001);
}

TEST_CASE("a run stays as long as a rollback of it does") {
  Project project;
  fill(project);
  const Store store = project.store();
  const Snapshot snapshot = create(store);
  project.write("lib/a.ex", "changed");
  const RollbackReport way = put_back(store, snapshot);
  const auto undone = rollback(store, way.undo_id, {});
  REQUIRE(undone);
  Retention retention;
  retention.ids = {way.undo_id};
  Objects objects = open_objects(store);
  const auto pruned = prune(store, objects, retention);
  REQUIRE(pruned);
  CHECK(pruned->removed.empty());
  CHECK(pruned->kept_back.size() == 1);
}

TEST_CASE(
    "a damaged record is reported, stops the removal of contents, and can be forgotten by name") {
  Project project;
  fill(project);
  const Store store = project.store();
  const Snapshot broken = create(store);
  const Snapshot sound = create(store);
  testing::write_file(store.path() + "/snapshots/" + broken.id, "{}\n");
  Objects objects = open_objects(store);
  CHECK(load_snapshot(store, broken.id).error().code == EBADMSG);
  const auto check = check_store(store, objects);
  REQUIRE(check);
  REQUIRE(check->damage.size() == 1);
  CHECK(check->damage.front().where == "snapshots/" + broken.id);
  CHECK(prune(store, objects, {})->kept_back.size() == 1);
  Retention retention;
  retention.ids = {broken.id};
  CHECK(prune(store, objects, retention)->kept_back.empty());
  CHECK(snapshot_ids(store).value() == Lines{sound.id});
}

}  // namespace
}  // namespace mixguard::guard
