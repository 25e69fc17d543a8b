// SPDX-License-Identifier: Apache-2.0
// What becomes of a project when what the store kept of it has been damaged: all the rest comes
// back, what cannot is named, and nobody is stuck.

#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <filesystem>
#include <optional>

#include "guard/snapshot/check.hpp"
#include "guard/snapshot/manifest.hpp"
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
  testing::in_child([&] {
    auto preimage = Preimage::capture(store, new_run_id(), {""});
    testing::expect(preimage.has_value(), "captured");
    work(project);
    ::_exit(0);
  });
  damage_text(store, "a");
  const auto recovered = recover(store);
  REQUIRE(recovered);
  REQUIRE(recovered->size() == 1);
  CHECK(recovered->front().unseen == Lines{"lib/a.ex has only a damaged copy in the store"});
  CHECK(recovered->front().can_return);
  CHECK(project.read("lib/a.ex") == "A");
  CHECK(project.read("mix.lock") == "lock");
  CHECK(recover(store)->empty());
}

TEST_CASE("a run whose own record is damaged stops the next command, and can be forgotten") {
  const char* const record = GENERATE("journal", "manifest");
  const bool gone = GENERATE(false, true);
  Project project;
  fill(project);
  const Store store = project.store();
  const Snapshot snapshot = create(store);
  const std::string id = new_run_id();
  testing::in_child([&] {
    auto preimage = Preimage::capture(store, id, {""});
    testing::expect(preimage.has_value(), "captured");
    work(project);
    ::_exit(0);
  });
  const std::string path = store.run_path(id) + "/" + record;
  if (gone) {
    // A run without a journal had not begun.
    if (std::string(record) == "journal") return;
    fs::remove(path);
  } else {
    testing::write_file(path, "{}\n");
  }
  const auto recovered = recover(store);
  REQUIRE_FALSE(recovered);
  CHECK(recovered.error().code == EBADMSG);
  CHECK(recovered.error().message.find("mixguard snapshot prune " + id) != std::string::npos);
  CHECK(project.read("mix.lock") == "LOCK");
  Retention retention;
  retention.ids = {id};
  {
    Objects objects = open_objects(store);
    const auto pruned = prune(store, objects, retention);
    if (!pruned) FAIL(pruned.error().message);
    CHECK(pruned->removed == Lines{id});
  }
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
  Objects objects = open_objects(store);
  Retention retention;
  retention.ids = {id};
  CHECK_FALSE(prune(store, objects, retention));
  CHECK(fs::exists(store.run_path(id)));
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
