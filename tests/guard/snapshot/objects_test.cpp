// SPDX-License-Identifier: Apache-2.0
#include "guard/snapshot/objects.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cerrno>
#include <filesystem>
#include <map>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "guard/snapshot/pack_record.hpp"
#include "guard/snapshot/sqlite.hpp"
#include "tests/guard/snapshot/project_fixture.hpp"

namespace mixguard::guard {
namespace {

namespace fs = std::filesystem;
using testing::Project;
using testing::write_file;

// Bytes that do not compress, the same for the same seed.
std::string noise(std::size_t size, unsigned seed) {
  std::mt19937 generator(seed);
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(generator());
  return bytes;
}

std::string prose(std::size_t size, unsigned seed) {
  std::string text = "module " + std::to_string(seed) + "\n";
  while (text.size() < size) text += "  def handle_call(:get, _from, state), do: {:reply, state}\n";
  text.resize(size);
  return text;
}

Objects open(const Store& store) {
  auto objects = Objects::open(store);
  if (!objects) throw std::runtime_error(objects.error().message);
  return std::move(*objects);
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
  Objects objects = open(store);
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

void remove_index(const Project& project) {
  for (const char* ending : {"", "-wal", "-shm"})
    ::unlink((project.at(".mixguard/index.sqlite") + ending).c_str());
}

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
    Objects objects = open(store);
    CHECK(objects.notes().empty());
    contents = put_all(objects, various());
    CHECK(all_there(objects, contents));
    REQUIRE(objects.commit());
    CHECK(all_there(objects, contents));
  }
  const Objects objects = open(store);
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
  Objects objects = open(project.store());
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
  Objects objects = open(store);
  const auto before = fs::last_write_time(project.at(".mixguard/index.sqlite-wal"));
  REQUIRE(objects.put("a"));
  REQUIRE(objects.commit());
  CHECK(fs::last_write_time(project.at(".mixguard/index.sqlite-wal")) == before);
}

TEST_CASE("without commit() nothing small is kept, and the store is as before", "[objects]") {
  Project project;
  const Store store = project.store();
  const Contents kept = put_and_commit(store, {"a"});
  {
    Objects objects = open(store);
    REQUIRE(objects.put("b"));
  }
  const Objects objects = open(store);
  CHECK(objects.notes().empty());
  CHECK_FALSE(objects.has(object_id_of("b")));
  CHECK(all_there(objects, kept));
}

TEST_CASE("several threads put and get", "[objects]") {
  Project project;
  const Store store = project.store();
  Objects objects = open(store);
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
  const Objects again = open(store);
  CHECK(again.notes().empty());
  for (const std::string& content : contents) CHECK(again.get(object_id_of(content)) == content);
}

TEST_CASE("an index that is gone or garbage is made anew from the packs", "[objects]") {
  Project project;
  const Store store = project.store();
  const Contents contents = put_and_commit(store, various());
  const std::string index = project.at(".mixguard/index.sqlite");
  remove_index(project);
  SECTION("gone") {}
  SECTION("gone, its log is not") { write_file(index + "-wal", noise(9000, 1)); }
  SECTION("garbage") { write_file(index, noise(9000, 1)); }
  SECTION("text") { write_file(index, "what is this?"); }
  SECTION("empty") { write_file(index, ""); }
  SECTION("other tables") { run_sql(index, "CREATE TABLE objects(a)"); }
  SECTION("another version") { run_sql(index, "PRAGMA user_version=7"); }
  {
    const Objects objects = open(store);
    CHECK_FALSE(objects.notes().empty());
    CHECK(all_there(objects, contents));
    CHECK(is_clean(objects));
  }
  CHECK(open(store).notes().empty());
}

}  // namespace
}  // namespace mixguard::guard
