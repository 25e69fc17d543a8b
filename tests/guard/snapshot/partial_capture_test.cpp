// SPDX-License-Identifier: Apache-2.0
// Captures of a part of the project, between captures of all of it: a run that writes through takes
// only what it may write.
#include <catch2/catch.hpp>
#include <filesystem>

#include "guard/snapshot/capture.hpp"
#include "guard/snapshot/content.hpp"
#include "tests/guard/snapshot/project_fixture.hpp"

namespace mixguard::guard {
namespace {

namespace fs = std::filesystem;
using testing::Project;

class Captures {
 public:
  explicit Captures(const Project& project) : store_(project.store()) {}

  Entry take(const std::string& path) {
    auto captured = capture(store_, objects(), {store_.project_fd(), ""}, path);
    REQUIRE(captured);
    REQUIRE(captured->top);
    return std::move(*captured->top);
  }
  // Of the file in a capture of all; empty when it is not there.
  std::string content(const std::string& path) {
    const Entry top = take("");
    auto entry = find_entry(objects(), top, path);
    REQUIRE(entry);
    return *entry ? get_content(objects(), (*entry)->content).value() : "";
  }

 private:
  // Each time as another process would.
  Objects& objects() { return objects_.emplace(testing::open_objects(store_)); }

  Store store_;
  std::optional<Objects> objects_;
};

TEST_CASE("a capture of all sees what a capture of a part saw before") {
  const Project project;
  project.write("a/b/c/file", "old");
  project.write("a/b/c/gone/file", "old");
  project.write("a/beside", "beside");
  Captures captures(project);
  REQUIRE(captures.content("a/b/c/file") == "old");
  const std::string part = GENERATE("a/b/c", "a/b", "a", "a/b/c/file");
  INFO(part);
  project.write("a/b/c/file", "new");
  captures.take(part);
  CHECK(captures.content("a/b/c/file") == "new");
  CHECK(captures.content("a/beside") == "beside");
  fs::remove_all(project.at("a/b/c/gone"));
  captures.take("a/b");
  CHECK(captures.content("a/b/c/gone/file").empty());
  project.write("a/b/c/gone/file", "again");
  captures.take("a/b/c/gone");
  CHECK(captures.content("a/b/c/gone/file") == "again");
  fs::remove_all(project.at("a/b"));
  project.write("a/b", "a file");
  captures.take("a/b");
  CHECK(captures.content("a/b") == "a file");
}

}  // namespace
}  // namespace mixguard::guard
