// SPDX-License-Identifier: Apache-2.0
#include "guard/snapshot/objects.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cerrno>
#include <filesystem>
#include <map>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "guard/snapshot/pack_record.hpp"
#include "guard/snapshot/packs.hpp"
#include "guard/snapshot/sqlite.hpp"
#include "tests/guard/snapshot/project_fixture.hpp"

namespace mixguard::guard {
namespace {

namespace fs = std::filesystem;
using testing::noise;
using testing::open_objects;
using testing::Project;
using testing::read_file;
using testing::size_of_packs;
using testing::write_file;

std::string prose(std::size_t size, unsigned seed) {
  std::string text = "module " + std::to_string(seed) + "\n";
  while (text.size() < size) text += "  def handle_call(:get, _from, state), do: {:reply, state}\n";
  text.resize(size);
  return text;
}

using Contents = std::map<ObjectId, std::string>;

// Short and long, compressed and not, empty.
std::vector<std::string> various() {
  return {"",
          "a",
          noise(100, 1),
          noise(127, 2),
          noise(5000, 3),
          prose(128, 4),
          prose(20000, 5),
          std::string(70000, 'z')};
}

Contents put_all(Objects& objects, const std::vector<std::string>& contents) {
  Contents put;
  for (const std::string& content : contents) {
    auto id = objects.put(content);
    if (!id) throw std::runtime_error(id.error().message);
    put[*id] = content;
  }
  return put;
}

Contents put_and_commit(const Store& store, const std::vector<std::string>& contents) {
  Objects objects = open_objects(store);
  Contents put = put_all(objects, contents);
  if (auto committed = objects.commit(); !committed)
    throw std::runtime_error(committed.error().message);
  return put;
}

bool all_there(const Objects& objects, const Contents& contents) {
  return std::all_of(contents.begin(), contents.end(), [&](const auto& object) {
    return objects.has(object.first) && objects.get(object.first) == object.second;
  });
}

bool is_clean(const Objects& objects) {
  const auto check = objects.check();
  if (!check) throw std::runtime_error(check.error().message);
  for (const ObjectDamage& damage : check->damage)
    UNSCOPED_INFO(damage.where << ": " << damage.what);
  return check->damage.empty();
}

std::string pack(const Project& project, int number) {
  return project.at(".mixguard/packs/0000000" + std::to_string(number) + ".pack");
}

std::string index_of(const Project& project) { return project.at(".mixguard/index.sqlite"); }

void remove_log(const Project& project) {
  for (const char* ending : {"-wal", "-shm"}) ::unlink((index_of(project) + ending).c_str());
}

void remove_index(const Project& project) {
  remove_log(project);
  ::unlink(index_of(project).c_str());
}

// The index with all that belongs to it, as a power cut could bring it back.
class OldIndex {
 public:
  explicit OldIndex(const Project& project) : index_(index_of(project)) {
    for (const char* ending : {"", "-wal"}) files_[ending] = read_file(index_ + ending);
  }
  void restore() const {
    ::unlink((index_ + "-shm").c_str());
    for (const auto& [ending, content] : files_) write_file(index_ + ending, content);
  }

 private:
  std::string index_;
  std::map<std::string, std::string> files_;
};

void run_sql(const std::string& path, const char* sql) {
  const auto database = sqlite::Database::open(path);
  if (!database || !sqlite::run(database->get(), sql)) throw std::runtime_error(sql);
}

// The record's size when the content is the only one of a store.
std::uint64_t record_size(const std::string& content) {
  return guard::pack(object_id_of(content), content).header.record_size();
}

TEST_CASE("what was put can be had at once, after commit() and after the next open()",
          "[objects]") {
  Project project;
  const Store store = project.store();
  Contents contents;
  {
    Objects objects = open_objects(store);
    CHECK(objects.notes().empty());
    contents = put_all(objects, various());
    CHECK(all_there(objects, contents));
    REQUIRE(objects.commit());
    CHECK(all_there(objects, contents));
  }
  const Objects objects = open_objects(store);
  CHECK(objects.notes().empty());
  CHECK(all_there(objects, contents));
  CHECK(is_clean(objects));
  CHECK(objects.check()->objects == contents.size());
  CHECK(objects.check()->bytes == fs::file_size(pack(project, 1)));
}

TEST_CASE("an id is the SHA-256 of the content", "[objects]") {
  CHECK(to_hex(object_id_of("abc")) ==
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_CASE("an object that is not there is ENOENT, one that is too long EFBIG", "[objects]") {
  Project project;
  Objects objects = open_objects(project.store());
  CHECK_FALSE(objects.has(object_id_of("x")));
  CHECK(objects.get(object_id_of("x")).error().code == ENOENT);
  CHECK(objects.put(std::string(Objects::kLongest + 1, 'x')).error().code == EFBIG);
  const auto longest = objects.put(noise(Objects::kLongest, 1));
  REQUIRE(longest);
  CHECK(objects.get(*longest)->size() == Objects::kLongest);
}

TEST_CASE("the same content is kept once, and compressed where that pays", "[objects]") {
  Project project;
  const Store store = project.store();
  const std::string text = prose(100000, 1);
  put_and_commit(store, {text, text});
  put_and_commit(store, {text});
  CHECK(fs::file_size(pack(project, 1)) == record_size(text));
  CHECK(record_size(text) < text.size() / 10);
  CHECK(record_size(noise(4000, 1)) == 4000 + RecordHeader::kSize);
  CHECK(record_size(std::string(127, 'a')) == 127 + RecordHeader::kSize);
}

TEST_CASE("commit() with nothing put writes nothing", "[objects]") {
  Project project;
  const Store store = project.store();
  put_and_commit(store, {"a"});
  Objects objects = open_objects(store);
  const auto before = fs::last_write_time(index_of(project) + "-wal");
  REQUIRE(objects.put("a"));
  REQUIRE(objects.commit());
  CHECK(fs::last_write_time(index_of(project) + "-wal") == before);
}

TEST_CASE("without commit() nothing small is kept, and the store is as before", "[objects]") {
  Project project;
  const Store store = project.store();
  const Contents kept = put_and_commit(store, {"a"});
  {
    Objects objects = open_objects(store);
    REQUIRE(objects.put("b"));
  }
  const Objects objects = open_objects(store);
  CHECK(objects.notes().empty());
  CHECK_FALSE(objects.has(object_id_of("b")));
  CHECK(all_there(objects, kept));
}

TEST_CASE("several threads put and get", "[objects]") {
  Project project;
  const Store store = project.store();
  Objects objects = open_objects(store);
  std::vector<std::string> contents;
  for (unsigned i = 0; i < 3000; ++i)
    contents.push_back(i % 3 == 0 ? noise(10 + i, i) : prose(10 + i, i));
  std::vector<int> wrong(4, 0);
  std::vector<std::thread> threads;
  for (unsigned thread = 0; thread < 4; ++thread)
    threads.emplace_back([&, thread] {
      // Overlapping shares, so that the same content comes from two threads at once.
      for (std::size_t i = thread / 2; i < contents.size(); i += 2) {
        const auto id = objects.put(contents[i]);
        if (!id || objects.get(*id) != contents[i]) ++wrong[thread];
      }
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == std::vector<int>(4, 0));
  REQUIRE(objects.commit());
  CHECK(is_clean(objects));
  CHECK(objects.check()->objects == contents.size());
  const Objects again = open_objects(store);
  CHECK(again.notes().empty());
  for (const std::string& content : contents) CHECK(again.get(object_id_of(content)) == content);
}

TEST_CASE("an index that is gone or garbage is made anew from the packs", "[objects]") {
  Project project;
  const Store store = project.store();
  const Contents contents = put_and_commit(store, various());
  const std::string index = index_of(project);
  SECTION("gone, its log is not") { ::unlink(index.c_str()); }
  SECTION("another version") { run_sql(index, "PRAGMA user_version=7"); }
  SECTION("pages of it are garbage") {
    run_sql(index, "PRAGMA wal_checkpoint(TRUNCATE)");
    const std::string sound = read_file(index);
    write_file(index, sound.substr(0, 4096) + noise(sound.size() - 4096, 1));
  }
  remove_log(project);
  SECTION("gone") { ::unlink(index.c_str()); }
  SECTION("gone, and a log of another is there") {
    ::unlink(index.c_str());
    write_file(index + "-wal", noise(9000, 1));
  }
  SECTION("garbage") { write_file(index, noise(9000, 1)); }
  SECTION("text") { write_file(index, "what is this?"); }
  SECTION("empty") { write_file(index, ""); }
  SECTION("other tables") {
    ::unlink(index.c_str());
    run_sql(index, "CREATE TABLE objects(a)");
  }
  {
    const Objects objects = open_objects(store);
    CHECK_FALSE(objects.notes().empty());
    CHECK(all_there(objects, contents));
    CHECK(is_clean(objects));
  }
  CHECK(open_objects(store).notes().empty());
}

TEST_CASE("an index that a power cut set back is brought up to date", "[objects]") {
  Project project;
  const Store store = project.store();
  Contents contents = put_and_commit(store, {"a", "b"});
  const OldIndex old(project);
  contents.merge(put_and_commit(store, various()));
  old.restore();
  {
    const Objects objects = open_objects(store);
    CHECK(objects.notes().size() == 1);
    CHECK(all_there(objects, contents));
    CHECK(is_clean(objects));
  }
  CHECK(open_objects(store).notes().empty());
}

// What a power cut may leave of the last record: its first `whole` bytes, and more or less behind.
void tear(const std::string& path, std::uint64_t record, std::uint64_t whole, std::size_t kind) {
  const std::string bytes = read_file(path);
  std::string rest;
  if (kind == 1) rest.assign(bytes.size() - record - whole, '\0');
  if (kind == 2) rest = noise(bytes.size() - record - whole, 9);
  write_file(path, bytes.substr(0, record + whole) + rest);
}

TEST_CASE("a torn tail is cut off, wherever it is torn", "[objects]") {
  const bool index_is_old = GENERATE(true, false);
  const std::size_t kind = GENERATE(0U, 1U, 2U);  // short, zeros, garbage
  const std::string last = GENERATE(prose(300, 7), noise(40, 7));
  Project project;
  const Store store = project.store();
  const Contents contents = put_and_commit(store, {"a", prose(400, 1), noise(50, 1)});
  const OldIndex old(project);
  const std::string path = pack(project, 1);
  const std::string before = read_file(path);
  put_and_commit(store, {last});
  const std::string after = read_file(path);
  REQUIRE(after.size() == before.size() + record_size(last));
  for (std::uint64_t whole = 1; before.size() + whole < after.size(); ++whole) {
    write_file(path, after);
    tear(path, before.size(), whole, kind);
    remove_index(project);
    if (index_is_old) old.restore();
    Objects objects = open_objects(store);
    INFO("after " << whole << " bytes, kind " << kind);
    REQUIRE(read_file(path) == before);
    REQUIRE_FALSE(objects.notes().empty());
    REQUIRE(all_there(objects, contents));
    REQUIRE_FALSE(objects.has(object_id_of(last)));
    REQUIRE(is_clean(objects));
    REQUIRE(objects.put(last));
    REQUIRE(objects.commit());
    REQUIRE(read_file(path) == after);
    REQUIRE(is_clean(objects));
  }
}

void flip(const std::string& path, std::uint64_t offset, unsigned bit) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  char byte = 0;
  const bool read = ::pread(fd, &byte, 1, static_cast<off_t>(offset)) == 1;
  byte = static_cast<char>(byte ^ (1 << bit));
  const bool written = ::pwrite(fd, &byte, 1, static_cast<off_t>(offset)) == 1;
  ::close(fd);
  if (!read || !written) throw std::runtime_error("flip " + path);
}

// How many objects can be had; none may be wrong.
std::size_t readable(const Objects& objects, const Contents& contents) {
  std::size_t count = 0;
  for (const auto& [id, content] : contents) {
    const auto got = objects.get(id);
    if (got) REQUIRE(*got == content);
    if (!got) REQUIRE(got.error().code == EBADMSG);
    count += got ? 1 : 0;
  }
  return count;
}

TEST_CASE("a flipped bit anywhere is found, and takes one object at most", "[objects]") {
  Project project;
  const Store store = project.store();
  const Contents contents =
      put_and_commit(store, {"", "a", noise(60, 1), prose(200, 2), prose(1000, 3), noise(130, 4)});
  const Objects objects = open_objects(store);
  const std::string path = pack(project, 1);
  std::size_t lost = 0;
  const std::uint64_t size = fs::file_size(path);
  for (std::uint64_t offset = 0; offset < size; ++offset) {
    const unsigned bit = offset % 8;
    INFO("bit " << bit << " of byte " << offset);
    flip(path, offset, bit);
    const auto check = objects.check();
    REQUIRE(check);
    REQUIRE_FALSE(check->damage.empty());
    REQUIRE(check->damage.front().where.starts_with("packs/00000001.pack at "));
    REQUIRE(check->objects == contents.size() - 1);
    const std::size_t still = readable(objects, contents);
    REQUIRE(still >= contents.size() - 1);
    lost += contents.size() - still;
    flip(path, offset, bit);
  }
  CHECK(is_clean(objects));
  // Few bits of a zstd frame do not matter: what comes out is right, and then it is had.
  CHECK(lost > size - 20);
}

TEST_CASE("damage in the middle of a pack is left there when the index is made anew", "[objects]") {
  Project project;
  const Store store = project.store();
  const std::vector<std::string> three = {noise(60, 1), noise(70, 2), noise(80, 3)};
  Contents contents = put_and_commit(store, three);
  const std::string path = pack(project, 1);
  // A bit of the header, or of the content.
  flip(path, record_size(three[0]) + GENERATE(0U, 20U, 63U, 64U, 133U), 3);
  const std::string bytes = read_file(path);
  remove_index(project);
  Objects objects = open_objects(store);
  CHECK(read_file(path) == bytes);
  CHECK(objects.get(object_id_of(three[0])) == three[0]);
  CHECK(objects.get(object_id_of(three[1])).error().code == ENOENT);
  CHECK(objects.get(object_id_of(three[2])) == three[2]);
  CHECK(objects.check()->damage.size() == 1);
  CHECK(objects.compact([](const ObjectId&) { return false; }) == 0U);
  CHECK(read_file(path) == bytes);
  // Put again, it is there again.
  REQUIRE(objects.put(three[1]));
  REQUIRE(objects.commit());
  CHECK(all_there(open_objects(store), contents));
}

TEST_CASE("a pack that was cut or is missing takes its own objects only", "[objects]") {
  Project project;
  const Store store = project.store();
  const Contents first = put_and_commit(store, {"a", "b"});
  Contents second;
  {
    Objects objects = open_objects(store);
    // Removes nothing, and begins a pack.
    REQUIRE(objects.compact([](const ObjectId&) { return true; }) == 0U);
    second = put_all(objects, {"c", "d"});
    REQUIRE(objects.commit());
  }
  REQUIRE(fs::exists(pack(project, 2)));
  SECTION("missing") {
    fs::remove(pack(project, 1));
    const Objects objects = open_objects(store);
    CHECK(objects.notes() == std::vector<std::string>{"packs/00000001.pack is missing: 2 objects "
                                                      "are gone, unless they are elsewhere"});
    CHECK(all_there(objects, second));
    CHECK(is_clean(objects));
    for (const auto& [id, content] : first) CHECK(objects.get(id).error().code == ENOENT);
  }
  SECTION("cut") {
    fs::resize_file(pack(project, 2), record_size("c") + 10);
    const Objects objects = open_objects(store);
    CHECK(objects.notes().size() == 2);
    CHECK(all_there(objects, first));
    CHECK(objects.has(object_id_of("c")));
    CHECK_FALSE(objects.has(object_id_of("d")));
    CHECK(fs::file_size(pack(project, 2)) == record_size("c"));
    CHECK(is_clean(objects));
  }
  SECTION("missing while it is open") {
    const Objects objects = open_objects(store);
    fs::remove(pack(project, 1));
    CHECK(objects.get(object_id_of("a")).error().code == EBADMSG);
    CHECK(objects.get(object_id_of("c")) == "c");
    CHECK_FALSE(open_objects(store).notes().empty());
  }
  CHECK(open_objects(store).notes().empty());  // said once
}

TEST_CASE("check() tells what index and packs do not agree on", "[objects]") {
  Project project;
  const Store store = project.store();
  put_and_commit(store, {"a", "bb", "ccc"});
  SECTION("a row that points nowhere") {
    run_sql(index_of(project), "UPDATE objects SET offset = offset + 1 WHERE kept = 2");
    const Objects objects = open_objects(store);
    CHECK(objects.get(object_id_of("bb")).error().code == EBADMSG);
    const auto check = objects.check();
    REQUIRE(check->damage.size() == 1);
    CHECK(check->damage[0].where == to_hex(object_id_of("bb")));
    CHECK(check->objects == 2);
  }
  SECTION("a row that points to a pack that is not there") {
    run_sql(index_of(project), "UPDATE objects SET pack = 7 WHERE kept = 2");
    CHECK(open_objects(store).check()->damage.size() == 1);
  }
  SECTION("a record that is not in the index") {
    run_sql(index_of(project), "DELETE FROM objects WHERE kept = 2");
    const auto check = open_objects(store).check();
    REQUIRE(check->damage.size() == 1);
    CHECK(check->damage[0].where == "packs/00000001.pack at 65");
  }
  SECTION("a row that makes no sense") {
    run_sql(index_of(project), "UPDATE objects SET kept = -1 WHERE kept = 2");
    CHECK(open_objects(store).get(object_id_of("bb")).error().code == ESTALE);
    CHECK(open_objects(store).get(object_id_of("bb")) == "bb");
  }
}

TEST_CASE("compact() rewrites a pack that is mostly garbage, and no other", "[objects]") {
  Project project;
  const Store store = project.store();
  std::vector<std::string> contents;
  for (unsigned i = 0; i < 10; ++i) contents.push_back(noise(1000 + i, i));
  const Contents all = put_and_commit(store, contents);
  Contents live;
  const auto is_live = [&](const ObjectId& id) { return live.contains(id); };
  const auto keep = [&](std::size_t count) {
    live = all;
    for (std::size_t i = count; i < contents.size(); ++i) live.erase(object_id_of(contents[i]));
  };
  const std::uint64_t before = size_of_packs(store);
  SECTION("six of ten live") {
    keep(6);
    Objects objects = open_objects(store);
    CHECK(objects.compact(is_live) == 0U);
    CHECK(all_there(objects, all));
    CHECK(size_of_packs(store) == before);
  }
  SECTION("four of ten live") {
    keep(4);
    Objects objects = open_objects(store);
    const auto freed = objects.compact(is_live);
    REQUIRE(freed);
    CHECK(*freed == before - size_of_packs(store));
    CHECK(*freed > 6000);
    CHECK_FALSE(fs::exists(pack(project, 1)));
    CHECK(all_there(objects, live));
    CHECK(objects.get(object_id_of(contents[9])).error().code == ENOENT);
    CHECK(is_clean(objects));
    CHECK(objects.compact(is_live) == 0U);
  }
  SECTION("none live") {
    Objects objects = open_objects(store);
    CHECK(objects.compact(is_live) == before);
    CHECK(size_of_packs(store) == 0);
    CHECK(objects.check()->objects == 0);
    live = put_all(objects, {"new"});
    REQUIRE(objects.commit());
  }
  SECTION("what was put a moment ago counts") {
    Objects objects = open_objects(store);
    live = put_all(objects, {"new"});
    REQUIRE(objects.compact(is_live));
    CHECK(size_of_packs(store) == record_size("new"));
  }
  const Objects again = open_objects(store);
  CHECK(again.notes().empty());
  CHECK(all_there(again, live));
  CHECK(is_clean(again));
}

TEST_CASE("a power cut after compact() that sets the index back loses nothing", "[objects]") {
  Project project;
  const Store store = project.store();
  put_and_commit(store, {noise(1000, 1), noise(1000, 2), "a"});
  const Contents live = {{object_id_of("a"), "a"}};
  const OldIndex old(project);
  const std::string first = read_file(pack(project, 1));
  REQUIRE(open_objects(store).compact([&](const ObjectId& id) { return live.contains(id); }));
  old.restore();
  SECTION("with the old pack gone") {}
  SECTION("with the old pack still there") { write_file(pack(project, 1), first); }
  {
    Objects objects = open_objects(store);
    CHECK(all_there(objects, live));
    CHECK(is_clean(objects));
    REQUIRE(objects.compact([&](const ObjectId& id) { return live.contains(id); }));
  }
  CHECK(size_of_packs(store) == record_size("a"));
  CHECK(all_there(open_objects(store), live));
}

TEST_CASE("a pack that is full is followed by the next", "[objects]") {
  Project project;
  const Store store = project.store();
  auto directory = PackDirectory::open(store);
  REQUIRE(directory);
  write_file(pack(project, 1), "");
  fs::resize_file(pack(project, 1), PackWriter::kFull - 300);
  PackWriter writer(*directory, 1, PackWriter::kFull - 300);
  const std::string header(RecordHeader::kSize, 'h');
  const std::string kept(100, 'k');
  CHECK(writer.append(header, kept) == Location{1, PackWriter::kFull - 300, 100});
  CHECK(writer.append(header, kept) == Location{2, 0, 100});
  CHECK(writer.gathered({2, 0, 100}) == header + kept);
  REQUIRE(writer.sync());
  CHECK_FALSE(writer.gathered({2, 0, 100}));
  CHECK(fs::file_size(pack(project, 1)) == PackWriter::kFull - 300 + 164);
  CHECK(read_file(pack(project, 2)) == header + kept);
}

}  // namespace
}  // namespace mixguard::guard
