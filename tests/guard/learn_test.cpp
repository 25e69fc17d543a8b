// SPDX-License-Identifier: Apache-2.0
#include "guard/learn.hpp"

#include <catch2/catch.hpp>
#include <chrono>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <thread>

#include "guard/files.hpp"
#include "tests/guard/snapshot/project_fixture.hpp"

namespace mixguard::guard {
namespace {

using Json = nlohmann::ordered_json;
using testing::Project;

// A record of `events`, and what is read from it.
class Record {
 public:
  Record() : store_(project_.store()) {}

  void append(const std::string& event, const Json& body) const {
    auto log = AuditLog::open(store_);
    REQUIRE(log);
    REQUIRE(log->append(event, body));
  }

  [[nodiscard]] Result<std::vector<policy::Denial>> read(const std::string& since = "") const {
    auto log = AuditLog::open(store_);
    REQUIRE(log);
    const auto policy = policy::Policy::build({});
    REQUIRE(policy);
    return recorded_denials(*log, {project_.root(), project_.root()}, *policy, since);
  }

  [[nodiscard]] const Project& project() const { return project_; }

 private:
  Project project_;
  Store store_;
};

Json denied(const std::vector<std::string>& argv, const std::string& env, const std::string& cwd) {
  return {{"decision", "deny"}, {"reason", "E_NO_RULE"},
          {"canonical", argv},  {"parts", {{{"task", argv.back()}, {"env", {{"MIX_ENV", env}}}}}},
          {"program", "mix"},   {"cwd", cwd}};
}

TEST_CASE("the same command refused twice is one denial, in another environment another") {
  const Record record;
  const std::string& root = record.project().root();
  record.append("decided", denied({"mix", "a.b"}, "dev", root));
  record.append("begun", denied({"mix", "c.d"}, "dev", root));
  record.append("decided", denied({"mix", "a.b"}, "test", root));
  std::this_thread::sleep_for(std::chrono::milliseconds(2));  // a record's time has milliseconds
  record.append("decided", denied({"mix", "a.b"}, "dev", root));
  const auto denials = record.read();
  REQUIRE(denials);
  REQUIRE(denials->size() == 2);
  CHECK(denials->front().count == 2);
  CHECK(denials->front().first < denials->front().last);
  CHECK(denials->front().facts.environment == std::vector<std::string>{"MIX_ENV=dev"});
  CHECK(denials->back().facts.environment == std::vector<std::string>{"MIX_ENV=test"});
}

TEST_CASE("a directory that is not of this project stands for its root") {
  const Record record;
  record.append("decided", denied({"mix", "a.b"}, "dev", "/somewhere/else"));
  CHECK(record.read()->front().facts.cwd == record.project().root());
}

TEST_CASE("records from before the time asked for are left out") {
  const Record record;
  record.append("decided", denied({"mix", "a.b"}, "dev", record.project().root()));
  CHECK(record.read("2000")->size() == 1);
  CHECK(record.read("9000")->empty());
}

TEST_CASE("records of an older kind or of other shapes do no harm") {
  const Record record;
  record.append("decided", {{"canonical", "mix"}});
  record.append("decided", {{"canonical", {1, 2}}});
  record.append("decided", {{"canonical", {"mix", "a.b"}}, {"parts", {1}}});
  record.append("decided", {{"canonical", {"mix", "a.b"}}, {"parts", Json::array()}, {"cwd", 3}});
  REQUIRE(record.read());
  CHECK(record.read()->size() == 1);
}

// What patch(1) makes of `old` with the diff.
std::string patched(const std::optional<std::string>& old, const std::string& now,
                    const std::string& tool) {
  const Project project;
  if (old) project.write("p.toml", *old);
  project.write("x.patch", append_diff("p.toml", old, now));
  REQUIRE(std::system(("cd " + project.root() + " && " + tool).c_str()) == 0);
  return project.read("p.toml");
}

TEST_CASE("patch and git apply take the diff, whatever the file ends with") {
  const std::string added = "\n[[task]]\nid = \"a\"\n";
  std::string lines;
  for (int i = 0; i < 30; ++i) lines += "line = " + std::to_string(i % 3) + "\n";
  const std::vector<std::string> files = {
      "a = 1\n",      "a = 1\nb = 2\n\n", lines, "a = 1\r\nb = 2\r\n",
      lines + "last", lines + "\n",       "only"};
  for (const std::string& old : files) {
    const std::string now = old + (old.ends_with('\n') ? "" : "\n") + added;
    for (const char* tool : {"patch -s -p1 < x.patch", "git apply x.patch"}) {
      INFO(tool << " on:\n" << old);
      CHECK(patched(old, now, tool) == now);
      CHECK(patched(std::nullopt, now, tool) == now);
    }
  }
}

TEST_CASE("a file is made once, and one that is there is left alone") {
  const Project project;
  const auto made = create_file(project.at("new.toml"), "first");
  REQUIRE(made);
  CHECK(*made);
  const auto again = create_file(project.at("new.toml"), "second");
  REQUIRE(again);
  CHECK_FALSE(*again);
  CHECK(project.read("new.toml") == "first");
  CHECK_FALSE(create_file(project.at("no/such/directory"), "x"));
}

}  // namespace
}  // namespace mixguard::guard
