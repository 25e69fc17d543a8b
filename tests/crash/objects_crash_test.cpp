// SPDX-License-Identifier: Apache-2.0

// Kills the process at every system call that changes something while objects are kept, the index
// is brought up to date and packs are compacted: nothing that was committed may be lost.

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <functional>
#include <map>
#include <string>

#include "guard/snapshot/objects.hpp"
#include "guard/snapshot/pack_record.hpp"
#include "tests/crash/support/scenario.hpp"
#include "tests/crash/support/victim.hpp"
#include "tests/guard/snapshot/project_fixture.hpp"

namespace mixguard::guard {
namespace {

namespace fs = std::filesystem;
using testing::killed_at;
using testing::noise;
using testing::open_objects;
using testing::Project;
using testing::start_counting;
using testing::use_memory;

using Contents = std::map<ObjectId, std::string>;

// Some that are found again by their number: [from, to).
Contents numbered(unsigned from, unsigned to) {
  Contents contents;
  for (unsigned i = from; i < to; ++i) {
    const std::string content = noise(500 + i, i);
    contents[object_id_of(content)] = content;
  }
  return contents;
}

bool keep(Objects& objects, const Contents& contents) {
  const bool put = std::all_of(contents.begin(), contents.end(), [&](const auto& object) {
    return objects.put(object.second).has_value();
  });
  return put && objects.commit();
}

bool open_and_keep(const Project& project, const Contents& contents) {
  const Store store = project.store();
  start_counting();
  auto objects = Objects::open(store);
  return objects && keep(*objects, contents);
}

void check_sound(const Project& project, const Contents& contents) {
  const Objects objects = open_objects(project.store());
  for (const auto& [id, content] : contents) REQUIRE(objects.get(id) == content);
  const auto check = objects.check();
  REQUIRE(check);
  for (const ObjectDamage& damage : check->damage)
    UNSCOPED_INFO(damage.where << ": " << damage.what);
  REQUIRE(check->damage.empty());
}

// Each of them has one record, which is in the index, and there is nothing else. None of them may
// compress.
void check_exactly(const Project& project, const Contents& contents) {
  check_sound(project, contents);
  std::uint64_t size = 0;
  for (const auto& [id, content] : contents) size += RecordHeader::kSize + content.size();
  const auto check = open_objects(project.store()).check();
  REQUIRE(check);
  REQUIRE(check->objects == contents.size());
  REQUIRE(check->bytes == size);
}

// `act` dies at each of its steps; every `nested`th time the open() after it does so at each of its
// own. `after` looks at what is left.
struct Sweep {
  std::function<void(const Project&)> prepare;
  std::function<bool(const Project&)> act;  // in the victim; calls start_counting()
  std::function<void(const Project&)> after;
  int nested;
};

bool reopen(const Project& project) {
  start_counting();
  return Objects::open(project.store()).has_value();
}

void run(const Sweep& sweep, int at_least) {
  bool killed = true;
  int step = 1;
  for (; killed; ++step) {
    bool killed_again = step % sweep.nested == 0;
    for (int again = 1; killed_again || again == 1; ++again) {
      const Project project;
      sweep.prepare(project);
      killed = killed_at(step, [&] { return sweep.act(project); });
      if (killed_again) killed_again = killed_at(again, [&] { return reopen(project); });
      INFO("killed at step " << step << ", open() at step " << again);
      sweep.after(project);
    }
  }
  CHECK(step > at_least);
}

TEST_CASE("objects whose keeping is killed harm none before, and put again each is there once") {
  use_memory();
  const Contents before = numbered(0, 5);
  Contents all = numbered(0, 20);
  const std::string large = noise(2 << 20, 99);
  all[object_id_of(large)] = large;
  Sweep sweep;
  sweep.prepare = [&](const Project& project) { REQUIRE(open_and_keep(project, before)); };
  sweep.act = [&](const Project& project) { return open_and_keep(project, all); };
  sweep.after = [&](const Project& project) {
    check_sound(project, before);
    REQUIRE(open_and_keep(project, all));
    check_exactly(project, all);
  };
  sweep.nested = 5;
  run(sweep, 6);
}

TEST_CASE("a store of objects whose first use is killed can be used") {
  use_memory();
  const Contents all = numbered(0, 5);
  Sweep sweep;
  sweep.prepare = [](const Project& project) { REQUIRE(project.store().exists()); };
  sweep.act = [&](const Project& project) { return open_and_keep(project, all); };
  sweep.after = [&](const Project& project) {
    check_sound(project, {});
    REQUIRE(open_and_keep(project, all));
    check_exactly(project, all);
  };
  sweep.nested = 8;
  run(sweep, 10);
}

TEST_CASE("an open() that is killed while it makes the index anew or cuts a tail is done again") {
  use_memory();
  const Contents all = numbered(0, 10);
  Sweep sweep;
  sweep.prepare = [&](const Project& project) {
    REQUIRE(open_and_keep(project, all));
    testing::write_file(project.at(".mixguard/index.sqlite"), "damaged");
    const std::string pack = project.at(".mixguard/packs/00000001.pack");
    testing::write_file(pack, testing::read_file(pack) + "torn");
  };
  sweep.act = reopen;
  sweep.after = [&](const Project& project) { check_sound(project, all); };
  sweep.nested = 4;
  run(sweep, 6);
}

// Two packs: of the first a third lives, of the second nothing.
const unsigned kFirst = 30;
const unsigned kLive = 10;
const unsigned kAll = 40;

void two_packs(const Project& project) {
  Objects objects = open_objects(project.store());
  REQUIRE(keep(objects, numbered(0, kFirst)));
  REQUIRE(objects.compact([](const ObjectId&) { return true; }) == 0U);
  REQUIRE(keep(objects, numbered(kFirst, kAll)));
  REQUIRE(fs::exists(project.at(".mixguard/packs/00000002.pack")));
}

TEST_CASE("a compact() that is killed loses nothing, and the next one finishes the work") {
  use_memory();
  const Contents live = numbered(0, kLive);
  const auto is_live = [&](const ObjectId& id) { return live.contains(id); };
  Sweep sweep;
  sweep.prepare = two_packs;
  sweep.act = [&](const Project& project) {
    auto objects = Objects::open(project.store());
    start_counting();
    return objects && objects->compact(is_live);
  };
  sweep.after = [&](const Project& project) {
    check_sound(project, live);
    REQUIRE(open_objects(project.store()).compact(is_live));
    check_exactly(project, live);
  };
  sweep.nested = 4;
  run(sweep, 8);
}

}  // namespace
}  // namespace mixguard::guard
