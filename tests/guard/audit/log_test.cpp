// SPDX-License-Identifier: Apache-2.0
#include "guard/audit/log.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <regex>

#include "guard/digest.hpp"
#include "tests/guard/snapshot/project_fixture.hpp"

namespace mixguard::guard {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;
using testing::Project;

AuditLog open_log(const Store& store) {
  auto log = AuditLog::open(store);
  if (!log) FAIL(log.error().message);
  return std::move(*log);
}

LogCheck check(const Store& store) {
  auto result = open_log(store).verify();
  if (!result) FAIL(result.error().message);
  return std::move(*result);
}

struct Lines {
  explicit Lines(const Project& project) : path(project.at(".mixguard/log.jsonl")) {
    std::string text = testing::read_file(path);
    for (std::size_t end; (end = text.find('\n')) != std::string::npos; text.erase(0, end + 1))
      all.push_back(text.substr(0, end));
  }
  void save() const {
    std::string text;
    for (const auto& line : all) text += line + "\n";
    testing::write_file(path, text);
  }
  std::string path;
  std::vector<std::string> all;
};

std::vector<std::uint64_t> damaged(const LogCheck& result) {
  std::vector<std::uint64_t> numbers;
  for (const auto& damage : result.damage) numbers.push_back(damage.line);
  return numbers;
}

void fill(const Store& store, int count) {
  auto log = open_log(store);
  for (int i = 0; i < count; ++i) REQUIRE(log.append("ended", {{"n", i}}));
}

TEST_CASE("a record is one line that carries the hash of the line before") {
  Project project;
  const Store store = project.store();
  auto log = open_log(store);
  CHECK(log.append("begun", {{"argv", {"mix", "test"}}, {"text", "a\nb"}}).value() == 1);
  CHECK(log.append("ended", {{"exit", 0}}).value() == 2);
  const Lines lines(project);
  REQUIRE(lines.all.size() == 2);
  const auto first = nlohmann::json::parse(lines.all[0]);
  const auto second = nlohmann::json::parse(lines.all[1]);
  CHECK(lines.all[0].starts_with(R"({"seq":1,"time":")"));
  CHECK(first["event"] == "begun");
  CHECK(first["argv"][1] == "test");
  CHECK(first["text"] == "a\nb");
  CHECK(first["prev"] == std::string(64, '0'));
  CHECK(second["prev"] == sha256_hex(lines.all[0]));
  CHECK(std::regex_match(first["time"].get<std::string>(),
                         std::regex(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)")));
  const auto result = check(store);
  CHECK(result.records == 2);
  CHECK(result.head == sha256_hex(lines.all[1]));
  CHECK(result.damage.empty());
  CHECK_FALSE(result.torn_tail);
  CHECK(fs::status(lines.path).permissions() == (fs::perms::owner_read | fs::perms::owner_write));
}

TEST_CASE("an empty log is sound") {
  Project project;
  const auto result = check(project.store());
  CHECK(result.records == 0);
  CHECK(result.head.empty());
  CHECK(result.damage.empty());
}

TEST_CASE("any change but at the very end shows, with its line") {
  Project project;
  const Store store = project.store();
  fill(store, 8);
  Lines lines(project);
  SECTION("edited") {
    lines.all[3].replace(lines.all[3].find(R"("n":3)"), 5, R"("n":9)");
    lines.save();
    CHECK(damaged(check(store)) == std::vector<std::uint64_t>{4});
  }
  SECTION("edited to nonsense") {
    lines.all[3] = "{}";
    lines.save();
    CHECK(damaged(check(store)) == std::vector<std::uint64_t>{4});
  }
  SECTION("removed") {
    lines.all.erase(lines.all.begin() + 3);
    lines.save();
    const auto result = check(store);
    CHECK(damaged(result) == std::vector<std::uint64_t>{4});
    CHECK(result.damage[0].what.find("missing") != std::string::npos);
  }
  SECTION("removed at the start") {
    lines.all.erase(lines.all.begin());
    lines.save();
    CHECK(damaged(check(store)) == std::vector<std::uint64_t>{1});
  }
  SECTION("reordered") {
    std::swap(lines.all[3], lines.all[4]);
    lines.save();
    CHECK(damaged(check(store)) == std::vector<std::uint64_t>{4, 5, 6});
  }
  SECTION("inserted") {
    lines.all.insert(lines.all.begin() + 3, lines.all[2]);
    lines.save();
    CHECK(damaged(check(store)) == std::vector<std::uint64_t>{4});
  }
}

TEST_CASE("a tail torn at any byte is cut off and the chain goes on") {
  Project project;
  const Store store = project.store();
  fill(store, 3);
  const Lines lines(project);
  const auto whole = fs::file_size(lines.path);
  for (std::size_t torn = 1; torn <= lines.all[2].size(); ++torn) {
    fs::resize_file(lines.path, whole - torn);
    const auto result = check(store);
    CHECK(result.torn_tail);
    CHECK(result.records == 2);
    CHECK(result.damage.empty());
    CHECK(open_log(store).append("ended", Json::object()).value() == 3);
    CHECK(check(store).damage.empty());
    lines.save();
  }
}

TEST_CASE("a bit that is flipped anywhere but in the last record shows, with its line") {
  Project project;
  const Store store = project.store();
  fill(store, 4);
  const std::string path = project.at(".mixguard/log.jsonl");
  const std::string sound = testing::read_file(path);
  const std::size_t last = sound.rfind('\n', sound.size() - 2) + 1;
  std::uint64_t line = 1;
  for (std::size_t at = 0; at < last; ++at) {
    for (const char bit : {'\x01', '\x80'}) {
      std::string text = sound;
      text[at] = static_cast<char>(text[at] ^ bit);
      testing::write_file(path, text);
      INFO("byte " << at << " of line " << line);
      const auto found = damaged(check(store));
      REQUIRE(std::find(found.begin(), found.end(), line) != found.end());
    }
    if (sound[at] == '\n') ++line;
  }
}

TEST_CASE("in the last record what binds it to the chain shows, and what makes it a record") {
  Project project;
  const Store store = project.store();
  fill(store, 3);
  Lines lines(project);
  std::string& last = lines.all.back();
  SECTION("its link") { last[last.rfind('"') - 1] ^= 1; }
  SECTION("its sequence") { last.replace(last.find(":3"), 2, ":7"); }
  SECTION("its form") { last.front() ^= 1; }
  lines.save();
  CHECK_FALSE(check(store).damage.empty());
}

TEST_CASE("a log whose last record is damaged takes no more") {
  Project project;
  const Store store = project.store();
  fill(store, 2);
  Lines lines(project);
  lines.all[1] = "garbage";
  lines.save();
  const auto failed = open_log(store).append("ended", Json::object());
  REQUIRE_FALSE(failed);
  CHECK(failed.error().message.find("damaged") != std::string::npos);
}

TEST_CASE("a body must be an object without the record's own members") {
  Project project;
  const Store store = project.store();
  auto log = open_log(store);
  for (const char* body :
       {"null", "[]", "1", R"({"seq":1})", R"({"prev":"x"})", R"({"time":1})", R"({"event":1})"})
    CHECK_FALSE(log.append("ended", Json::parse(body)));
  CHECK(check(store).records == 0);
}

TEST_CASE("any bytes can be logged") {
  Project project;
  const Store store = project.store();
  auto log = open_log(store);
  REQUIRE(log.append(std::string_view("e\0\xff", 3), {{"out",
                                                       "a\xff\xfe\x01"
                                                       "b"}}));
  REQUIRE(log.append("ended", {{"out", std::string(1, '\0')}}));
  const auto result = check(store);
  CHECK(result.records == 2);
  CHECK(result.damage.empty());
  const auto record = nlohmann::json::parse(log.tail(2)->front().json);
  CHECK(record["out"] ==
        "a\uFFFD\uFFFD\x01"
        "b");
}

TEST_CASE("the tail is the last records, however long they are") {
  Project project;
  const Store store = project.store();
  auto log = open_log(store);
  const std::string huge(3 << 20, 'x');
  REQUIRE(log.append("a", {{"n", 1}}));
  REQUIRE(log.append("b", {{"out", huge}}));
  REQUIRE(log.append("c", {{"n", 3}}));
  const auto tail = log.tail(2);
  REQUIRE(tail);
  REQUIRE(tail->size() == 2);
  CHECK(tail->at(0).sequence == 2);
  CHECK(tail->at(0).json.size() > huge.size());
  CHECK(tail->at(1).sequence == 3);
  CHECK(log.tail(100)->size() == 3);
  CHECK(check(store).damage.empty());
}

TEST_CASE("concurrent writers make one chain") {
  Project project;
  const Store store = project.store();
  constexpr int kWriters = 4;
  constexpr int kEach = 25;
  for (int writer = 0; writer < kWriters; ++writer) {
    if (::fork() != 0) continue;
    auto log = AuditLog::open(store);
    bool good = log.has_value();
    for (int i = 0; good && i < kEach; ++i) good = log->append("ended", Json::object()).has_value();
    ::_exit(good ? 0 : 1);
  }
  for (int writer = 0; writer < kWriters; ++writer) {
    int status = 0;
    REQUIRE(::wait(&status) > 0);
    CHECK(status == 0);
  }
  const auto result = check(store);
  CHECK(result.records == kWriters * kEach);
  CHECK(result.damage.empty());
}

TEST_CASE("a log that is no regular file is refused") {
  Project project;
  const Store store = project.store();
  SECTION("symlink") { fs::create_symlink("/dev/null", project.at(".mixguard/log.jsonl")); }
  SECTION("directory") { fs::create_directory(project.at(".mixguard/log.jsonl")); }
  CHECK_FALSE(AuditLog::open(store));
}

}  // namespace
}  // namespace mixguard::guard
