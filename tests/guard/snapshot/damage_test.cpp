// SPDX-License-Identifier: Apache-2.0
// What becomes of a project when what the store kept of it has been damaged: all the rest comes
// back, what cannot is named, and nobody is stuck.

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <filesystem>
#include <functional>
#include <optional>

#include "guard/snapshot/check.hpp"
#include "guard/snapshot/journal.hpp"
#include "guard/snapshot/pack_scan.hpp"
#include "guard/snapshot/preimage.hpp"
#include "guard/snapshot/restore.hpp"
#include "guard/snapshot/retention.hpp"
#include "guard/snapshot/rollback.hpp"
#include "tests/guard/snapshot/project_fixture.hpp"

namespace mixguard::guard {
namespace {

namespace fs = std::filesystem;
using testing::create;
using testing::lines;
using testing::open_objects;
using testing::Project;
using Lines = std::vector<std::string>;
using Skipped = Preimage::Skipped;

void fill(const Project& project) {
  project.write("lib/a.ex", "a");
  project.write("lib/b.ex", "b");
  project.write("lib/sub/c.ex", "c");
  project.write("lib/sub/d.ex", "d");
  project.write("mix.lock", "lock");
}

void work(const Project& project) {
  project.write("lib/a.ex", "A");
  project.write("lib/new.ex", "new");
  fs::remove_all(project.at("lib/sub"));
  project.write("mix.lock", "LOCK");
}

// Flips the last bit of the one record of the object.
void damage(const Store& store, const ObjectId& id) {
  const std::string path = store.path() + "/" + pack_path(1);
  std::optional<Location> found;
  PackVisitor visitor;
  visitor.record = [&](const ObjectId& at, const Location& location) -> Result<void> {
    if (at == id) found = location;
    return {};
  };
  visitor.flaw = [](const PackFlaw&) -> Result<void> { return {}; };
  {
    const sandbox::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    REQUIRE(scan_pack(fd.get(), 1, 0, fs::file_size(path), visitor));
  }
  REQUIRE(found);
  std::string bytes = testing::read_file(path);
  bytes.at(found->end() - 1) ^= 1;
  testing::write_file(path, bytes);
}

void damage_text(const Store& store, const std::string& text) { damage(store, object_id_of(text)); }

// The listing of the directory as the snapshot has it.
void damage_listing(const Store& store, const Entry& top, const std::string& path) {
  ObjectId id;
  {
    const Objects objects = open_objects(store);
    const auto entry = find_entry(objects, top, path);
    REQUIRE(entry);
    REQUIRE(*entry);
    id = (*entry)->content.id;
  }
  damage(store, id);
}

Preimage capture(const Store& store, const std::string& id = new_run_id()) {
  auto preimage = Preimage::capture(store, id, {""});
  if (!preimage) FAIL(preimage.error().message);
  return std::move(*preimage);
}

std::vector<std::string> paths_of(const Skipped& skipped) {
  Lines paths;
  for (const auto& [path, why] : skipped) {
    CHECK(why == Uncovered::kDamaged);
    paths.push_back(path);
  }
  return paths;
}

// A run that wrote in place and was killed.
std::string kill_after(const Store& store, const Lines& roots, const std::function<void()>& act) {
  const std::string id = new_run_id();
  testing::in_child([&] {
    auto preimage = Preimage::capture(store, id, roots);
    testing::expect(preimage.has_value(), "captured");
    act();
    ::_exit(0);
  });
  return id;
}

Result<Pruned> forget(const Store& store, const Lines& ids) {
  Objects objects = open_objects(store);
  Retention retention;
  retention.ids = ids;
  return prune(store, objects, retention);
}

mode_t mode_of(const Project& project, const std::string& path) {
  struct stat info{};
  REQUIRE(::lstat(project.at(path).c_str(), &info) == 0);
  return info.st_mode & 07777;
}

// Spoils the page of the index that these bytes are in.
void spoil_page(const Store& store, std::string_view bytes) {
  const std::string path = store.path() + "/index.sqlite";
  sqlite3* database = nullptr;
  REQUIRE(sqlite3_open(path.c_str(), &database) == SQLITE_OK);
  REQUIRE(sqlite3_exec(database, "PRAGMA wal_checkpoint(TRUNCATE)", nullptr, nullptr, nullptr) ==
          SQLITE_OK);
  sqlite3_close(database);
  std::string all = testing::read_file(path);
  const std::size_t at = all.find(bytes);
  REQUIRE(at != std::string::npos);
  const std::size_t page = at / 4096 * 4096;
  REQUIRE(page != 0);
  all.replace(page, 64, 64, '\xff');
  const sandbox::UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  REQUIRE(::pwrite(fd.get(), all.data(), all.size(), 0) == static_cast<ssize_t>(all.size()));
}

TEST_CASE("of a run that failed all comes back but what has a damaged copy, which is named") {
  Project project;
  fill(project);
  const Store store = project.store();
  auto preimage = capture(store);
  work(project);
  damage_text(store, "lock");
  damage_text(store, "c");
  REQUIRE(preimage.restore(store));
  CHECK(paths_of(preimage.unseen()) == Lines{"lib/sub/c.ex", "mix.lock"});
  CHECK(project.read("lib/a.ex") == "a");
  CHECK(project.read("lib/sub/d.ex") == "d");
  CHECK(project.read("mix.lock") == "LOCK");
  CHECK_FALSE(project.has("lib/new.ex"));
  CHECK_FALSE(project.has("lib/sub/c.ex"));
}

TEST_CASE("a damaged listing costs the directory that it is of, and no other") {
  Project project;
  fill(project);
  const Store store = project.store();
  const Snapshot snapshot = create(store);
  auto preimage = capture(store);
  project.write("lib/a.ex", "A");
  project.write("lib/sub/c.ex", "C");
  project.write("mix.lock", "LOCK");
  damage_listing(store, snapshot.top, "lib/sub");
  REQUIRE(preimage.restore(store));
  CHECK(paths_of(preimage.unseen()) == Lines{"lib/sub"});
  CHECK(project.read("lib/a.ex") == "a");
  CHECK(project.read("lib/sub/c.ex") == "C");
  CHECK(project.read("mix.lock") == "lock");
}

TEST_CASE("of a run that is kept all can be undone but what has a damaged copy, which is named") {
  Project project;
  fill(project);
  const Store store = project.store();
  const std::string id = new_run_id();
  auto preimage = capture(store, id);
  work(project);
  damage_text(store, "a");
  REQUIRE(preimage.keep(store));
  CHECK(paths_of(preimage.unseen()) == Lines{"lib/a.ex"});
  testing::undo(store, id);
  CHECK(project.read("lib/a.ex") == "A");
  CHECK(project.read("lib/sub/c.ex") == "c");
  CHECK(project.read("mix.lock") == "lock");
  CHECK_FALSE(project.has("lib/new.ex"));
}

TEST_CASE("recovery puts back all of a killed run but what has a damaged copy, which is named") {
  Project project;
  fill(project);
  const Store store = project.store();
  kill_after(store, {""}, [&] { work(project); });
  damage_text(store, "a");
  const auto recovered = recover(store);
  REQUIRE(recovered);
  REQUIRE(recovered->size() == 1);
  CHECK(recovered->front().left == Lines{"lib/a.ex has only a damaged copy in the store"});
  CHECK(recovered->front().can_return);
  CHECK(project.read("lib/a.ex") == "A");
  CHECK(project.read("mix.lock") == "lock");
  CHECK(recover(store)->empty());
}

TEST_CASE("a run whose own record is damaged stops the next command, and can be forgotten") {
  // A run without a journal had not begun.
  const bool gone = GENERATE(false, true);
  const std::string record = gone ? "manifest" : GENERATE("journal", "manifest");
  Project project;
  fill(project);
  const Store store = project.store();
  const Snapshot snapshot = create(store);
  const std::string id = kill_after(store, {""}, [&] { work(project); });
  const std::string path = store.run_path(id) + "/" + record;
  if (gone) {
    fs::remove(path);
  } else {
    testing::write_file(path, "{}\n");
  }
  const auto recovered = recover(store);
  REQUIRE_FALSE(recovered);
  CHECK(recovered.error().code == EBADMSG);
  CHECK(recovered.error().message.find("mixguard snapshot prune " + id) != std::string::npos);
  CHECK(project.read("mix.lock") == "LOCK");
  {
    const Objects objects = open_objects(store);
    const auto checked = check_store(store, objects);
    REQUIRE(checked);
    REQUIRE(checked->damage.size() == 1);
    CHECK(checked->damage.front().where == "runs/" + id);
  }
  const auto pruned = forget(store, {id});
  if (!pruned) FAIL(pruned.error().message);
  CHECK(pruned->removed == Lines{id});
  CHECK(recover(store)->empty());
  testing::put_back(store, snapshot);
  CHECK(project.read("mix.lock") == "lock");
}

TEST_CASE("a run that is under way cannot be forgotten, sound or damaged") {
  Project project;
  fill(project);
  const Store store = project.store();
  const std::string id = new_run_id();
  auto preimage = capture(store, id);
  if (GENERATE(false, true)) testing::write_file(store.run_path(id) + "/manifest", "{}\n");
  const Snapshot other = create(store);
  const auto pruned = forget(store, {other.id, id});
  REQUIRE_FALSE(pruned);
  CHECK(pruned.error().message == "forget run " + id + ": its command has not ended");
  CHECK(fs::exists(store.run_path(id)));
  CHECK(snapshot_ids(store).value() == Lines{other.id});
}

TEST_CASE("a change in a directory whose listing is damaged is no silent one") {
  Project project;
  fill(project);
  const Store store = project.store();
  const Snapshot snapshot = create(store);
  const std::string id = new_run_id();
  auto preimage = capture(store, id);
  project.write("lib/sub/c.ex", "C");
  const bool more = GENERATE(false, true);
  if (more) project.write("lib/a.ex", "A");
  damage_listing(store, snapshot.top, "lib/sub");
  const auto kept = preimage.keep(store);
  REQUIRE(kept);
  CHECK(lines(*kept) ==
        (more ? Lines{"modified lib/a.ex", "modified lib/sub"} : Lines{"modified lib/sub"}));
  CHECK(paths_of(preimage.unseen()) == Lines{"lib/sub"});
}

TEST_CASE("what lies in place of a directory whose listing is damaged stays there") {
  Project project;
  fill(project);
  const Store store = project.store();
  const Snapshot snapshot = create(store);
  const std::string id = new_run_id();
  auto preimage = capture(store, id);
  fs::remove_all(project.at("lib/sub"));
  project.write("lib/sub", "precious");
  project.write("lib/a.ex", "A");
  damage_listing(store, snapshot.top, "lib/sub");
  SECTION("when the run is put back") {
    REQUIRE(preimage.restore(store));
    CHECK(paths_of(preimage.unseen()) == Lines{"lib/sub"});
  }
  SECTION("when it is undone") {
    REQUIRE(preimage.keep(store));
    CHECK(paths_of(preimage.unseen()) == Lines{"lib/sub"});
    testing::undo(store, id);
  }
  SECTION("when a snapshot is put back by force") {
    REQUIRE(preimage.keep(store));
    Objects objects = open_objects(store);
    RollbackOptions options;
    options.force = true;
    const auto report = restore(store, objects, snapshot, options);
    REQUIRE(report);
    CHECK(report->skipped == Lines{"lib/sub"});
  }
  CHECK(project.read("lib/sub") == "precious");
  CHECK(project.read("lib/a.ex") == "a");
}

TEST_CASE("a directory whose listing is damaged keeps the mode that it has") {
  Project project;
  fill(project);
  const Store store = project.store();
  const Snapshot snapshot = create(store);
  auto preimage = capture(store);
  project.write("lib/sub/c.ex", "C");
  ::chmod(project.at("lib/sub").c_str(), 0711);
  damage_listing(store, snapshot.top, "lib/sub");
  REQUIRE(preimage.restore(store));
  CHECK(mode_of(project, "lib/sub") == 0711);
}

TEST_CASE("damage opens no directory that was closed before the run", "[closed]") {
  if (::geteuid() == 0) {
    WARN("skipped: nothing is closed to root");
    return;
  }
  Project project;
  fill(project);
  project.write("lib/sub/private/key", "k");
  ::chmod(project.at("lib/sub/private").c_str(), 0);
  const Store store = project.store();
  const Snapshot snapshot = create(store);
  auto preimage = capture(store);
  project.write("lib/a.ex", "A");
  damage_listing(store, snapshot.top, "lib/sub");
  REQUIRE(preimage.restore(store));
  CHECK(mode_of(project, "lib/sub/private") == 0);
  CHECK(project.read("lib/a.ex") == "a");
  ::chmod(project.at("lib/sub/private").c_str(), 0700);
}

TEST_CASE("damage to the index costs nothing: the packs hold it all") {
  Project project;
  for (int i = 0; i < 4000; ++i)
    project.write("src/" + std::to_string(i / 10) + "/f" + std::to_string(i),
                  "content " + std::to_string(i));
  const Store store = project.store();
  kill_after(store, {""}, [&] { project.write("src/0/f7", "changed"); });
  SECTION("the row of an object") {
    const ObjectId id = object_id_of("content 7");
    spoil_page(store, {reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size()});
  }
  SECTION("the stat cache") { spoil_page(store, "src/77"); }
  const auto recovered = recover(store);
  if (!recovered) FAIL(recovered.error().message);
  REQUIRE(recovered->size() == 1);
  CHECK(recovered->front().left.empty());
  CHECK(project.read("src/0/f7") == "content 7");
}

TEST_CASE("a pack that cannot be opened just now is no damage", "[closed]") {
  if (::geteuid() == 0) {
    WARN("skipped: nothing is closed to root");
    return;
  }
  Project project;
  fill(project);
  const Store store = project.store();
  kill_after(store, {""}, [&] { work(project); });
  const std::string pack = store.path() + "/" + pack_path(1);
  ::chmod(pack.c_str(), 0);
  CHECK_FALSE(recover(store));
  ::chmod(pack.c_str(), 0600);
  const auto recovered = recover(store);
  REQUIRE(recovered);
  CHECK(recovered->front().left.empty());
  CHECK(project.read("lib/a.ex") == "a");
}

TEST_CASE(
    "a run that cannot be finished keeps none of the others from it, and what is said of them") {
  Project project;
  fill(project);
  const Store store = project.store();
  const std::string sound = kill_after(store, {"lib"}, [&] { work(project); });
  const std::string broken = kill_after(store, {"mix.lock"}, [] {});
  damage_text(store, "a");
  testing::write_file(store.run_path(broken) + "/manifest", "{}\n");
  Lines told;
  const auto recovered = recover(store, [&](const Recovery& one) {
    told.push_back(one.run_id);
    CHECK(one.left == Lines{"lib/a.ex has only a damaged copy in the store"});
  });
  REQUIRE_FALSE(recovered);
  CHECK(recovered.error().message.find(broken) != std::string::npos);
  CHECK(told == Lines{sound});
  CHECK(project.read("lib/b.ex") == "b");
  REQUIRE(forget(store, {broken}));
  CHECK(recover(store)->empty());
}

TEST_CASE("what a rollback that was killed needs is not forgotten before it is finished") {
  Project project;
  fill(project);
  const Store store = project.store();
  const std::string run = new_run_id();
  {
    auto preimage = capture(store, run);
    work(project);
    REQUIRE(preimage.keep(store));
  }
  testing::in_child([&] {
    RollbackOptions options;
    options.on_step = [](std::size_t done, std::size_t) {
      if (done == 1) ::_exit(0);
    };
    static_cast<void>(rollback(store, run, options));
    testing::expect(false, "the rollback went on");
  });
  const auto pruned = forget(store, {run});
  REQUIRE(pruned);
  CHECK(pruned->removed.empty());
  CHECK(pruned->kept_back.size() == 1);
  REQUIRE(recover(store));
  CHECK(project.read("lib/a.ex") == "a");
  CHECK(project.read("mix.lock") == "lock");
}

TEST_CASE("of two killed runs that wrote to the same place the older one's state comes back") {
  Project project;
  fill(project);
  const Store store = project.store();
  kill_after(store, {""}, [&] { project.write("lib/a.ex", "first"); });
  kill_after(store, {""}, [&] { project.write("lib/a.ex", "second"); });
  REQUIRE(recover(store)->size() == 2);
  CHECK(project.read("lib/a.ex") == "a");
}

TEST_CASE("a recovery that is killed and done again still says what stays") {
  Project project;
  fill(project);
  const Store store = project.store();
  const std::string id = kill_after(store, {""}, [&] { work(project); });
  damage_text(store, "a");
  const auto first = recover(store);
  REQUIRE(first);
  // As it was just before the journal was closed.
  const sandbox::UniqueFd dir(
      ::open(store.run_path(id).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  auto journal = load_journal(dir.get(), id);
  REQUIRE(journal);
  REQUIRE(*journal);
  (*journal)->state = RunState::kIntent;
  REQUIRE(save_journal(dir.get(), **journal, true));
  testing::write_file(store.path() + "/active/" + id, "");
  const auto second = recover(store);
  REQUIRE(second);
  REQUIRE(second->size() == 1);
  CHECK(second->front().left == first->front().left);
}

TEST_CASE("by force the paths asked for come back without those that are damaged") {
  Project project;
  fill(project);
  const Store store = project.store();
  const Snapshot snapshot = create(store);
  work(project);
  damage_listing(store, snapshot.top, "lib/sub");
  Objects objects = open_objects(store);
  RollbackOptions options;
  options.paths = {"lib/a.ex", "lib/sub/c.ex"};
  const auto refused = restore(store, objects, snapshot, options);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message.starts_with("lib/sub/c.ex: "));
  options.force = true;
  const auto report = restore(store, objects, snapshot, options);
  if (!report) FAIL(report.error().message);
  CHECK(report->skipped == Lines{"lib/sub/c.ex"});
  CHECK(project.read("lib/a.ex") == "a");
}

TEST_CASE("a snapshot with damaged copies is put back whole or, by force, as far as it goes") {
  Project project;
  fill(project);
  const Store store = project.store();
  const Snapshot snapshot = create(store);
  work(project);
  damage_text(store, "c");
  const bool listing = GENERATE(false, true);
  if (listing) {
    project.write("lib/sub/c.ex", "C");
    damage_listing(store, snapshot.top, "lib/sub");
  }
  const auto before = project.state();
  Objects objects = open_objects(store);
  const auto refused = restore(store, objects, snapshot, {});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message.find("lib/sub") == 0);
  CHECK(refused.error().message.find("--force") != std::string::npos);
  CHECK(project.state() == before);
  RollbackOptions options;
  options.force = true;
  for (const bool dry_run : {true, false}) {
    options.dry_run = dry_run;
    const auto report = restore(store, objects, snapshot, options);
    if (!report) FAIL(report.error().message);
    // What is in the files is not looked at before it is made.
    if (listing || !dry_run) CHECK(report->skipped == Lines{listing ? "lib/sub" : "lib/sub/c.ex"});
  }
  CHECK(project.read("lib/a.ex") == "a");
  CHECK(project.read("mix.lock") == "lock");
  CHECK_FALSE(project.has("lib/new.ex"));
  CHECK(project.has("lib/sub/d.ex") == !listing);
}

TEST_CASE("each path that cannot be put back is reported, also behind a damaged listing") {
  Project project;
  fill(project);
  const Store store = project.store();
  const Snapshot snapshot = create(store);
  damage_listing(store, snapshot.top, "lib/sub");
  damage_text(store, "lock");
  const Objects objects = open_objects(store);
  const auto checked = check_store(store, objects);
  REQUIRE(checked);
  Lines named;
  for (const ObjectDamage& one : checked->damage) {
    if (one.where == "snapshot " + snapshot.id)
      named.push_back(one.what.substr(0, one.what.find(' ')));
  }
  CHECK(named == Lines{"lib/sub", "mix.lock"});
}

}  // namespace
}  // namespace mixguard::guard
