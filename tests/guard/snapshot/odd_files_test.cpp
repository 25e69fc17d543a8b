// SPDX-License-Identifier: Apache-2.0

// Files that resist: made immutable meanwhile, deeper than any path, with holes and attributes in
// a pre-image; and a repository that git is at work in.

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "guard/snapshot/preimage.hpp"
#include "guard/snapshot/rollback.hpp"
#include "tests/guard/snapshot/project_fixture.hpp"

namespace mixguard::guard {
namespace {

namespace fs = std::filesystem;
using testing::lines;
using testing::Project;
using testing::read_file;
using testing::run;
using testing::write_file;
using Lines = std::vector<std::string>;

// Sets a flag of chattr(1) for as long as this lives; false where that cannot be done.
class Fixed {
 public:
  Fixed(std::string path, int flag) : path_(std::move(path)), flag_(flag) { done_ = set(flag_); }
  ~Fixed() { static_cast<void>(set(0)); }
  Fixed(const Fixed&) = delete;
  Fixed& operator=(const Fixed&) = delete;
  explicit operator bool() const { return done_; }

 private:
  [[nodiscard]] bool set(int flag) const {
    const tree::UniqueFd fd(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
    int flags = 0;
    if (!fd || ::ioctl(fd.get(), FS_IOC_GETFLAGS, &flags) < 0) return false;
    flags = (flags & ~(FS_IMMUTABLE_FL | FS_APPEND_FL)) | flag;
    return ::ioctl(fd.get(), FS_IOC_SETFLAGS, &flags) == 0;
  }

  std::string path_;
  int flag_;
  bool done_ = false;
};

// False, with the reason, where no file can be fixed: not root, or a file system without flags.
bool can_fix_files() {
  Project project;
  project.write("x", "");
  if (Fixed(project.at("x"), FS_IMMUTABLE_FL)) return true;
  WARN("skipped: files cannot be made immutable here: " << std::strerror(errno));
  return false;
}

TEST_CASE("what cannot be replaced is kept aside, and the rest is committed") {
  if (!testing::can_mount_overlays() || !can_fix_files()) return;
  const int flag = GENERATE(FS_IMMUTABLE_FL, FS_APPEND_FL);
  Project project;
  for (const char* name : {"dir/x", "dir/sub/y", "other", "file"}) project.write(name, "old");
  const Store store = project.store();
  std::optional<Fixed> directory;
  std::optional<Fixed> file;
  const auto done = run(
      store, {"**"},
      [] {
        for (const char* name : {"dir/x", "dir/sub/y", "other", "file"}) write_file(name, "new");
      },
      {},
      [&] {
        directory.emplace(project.at("dir"), flag);
        file.emplace(project.at("file"), flag);
      });
  CHECK(project.read("dir/x") == "old");
  CHECK(project.read("file") == "old");
  CHECK(project.read("other") == "new");
  CHECK(project.read("dir/sub/y") == "new");
  REQUIRE(done.late.size() == 1);
  CHECK(done.late.front().path == "dir/x");
  CHECK(done.late.front().why.find("not permitted") != std::string::npos);
  const std::string quarantine = store.run_path(done.run_id) + "/quarantine/";
  CHECK(read_file(quarantine + "dir/x") == "new");
  CHECK(read_file(quarantine + "file") == "new");
}

TEST_CASE("what cannot be put back is listed, and the rest is") {
  if (!testing::can_mount_overlays() || !can_fix_files()) return;
  const int flag = GENERATE(FS_IMMUTABLE_FL, FS_APPEND_FL);
  Project project;
  for (const char* name : {"dir/x", "other", "file"}) project.write(name, "old");
  const Store store = project.store();
  run(store, {"**"}, [] {
    for (const char* name : {"dir/x", "other", "file"}) write_file(name, "new");
  });
  RollbackOptions force;
  force.force = true;
  {
    const Fixed directory(project.at("dir"), flag);
    const Fixed file(project.at("file"), flag);
    const auto report = rollback(store, "last", force);
    REQUIRE(report);
    CHECK(report->skipped == Lines{"dir/x", "file"});
  }
  CHECK(project.read("other") == "old");
  CHECK(project.read("dir/x") == "new");
  CHECK(project.read("file") == "new");
  // Once they can be, they are.
  const auto runs = store.runs();
  REQUIRE(rollback(store, runs->front(), force));
  CHECK(project.read("dir/x") == "old");
  CHECK(project.read("file") == "old");
}

// Deeper than PATH_MAX, where no path leads.
void go_down(const std::string& root, bool make) {
  const std::string step(200, 'd');
  if (::chdir(root.c_str()) < 0) throw std::runtime_error(root);
  for (int depth = 0; depth < 40; ++depth) {
    if (make && ::mkdir(step.c_str(), 0755) < 0) throw std::runtime_error("mkdir");
    if (::chdir(step.c_str()) < 0) throw std::runtime_error("chdir");
  }
}

std::string at_the_bottom(const Project& project) {
  const std::string copy = project.at("copy");
  testing::in_child([&] {
    go_down(project.root(), false);
    const std::string text = read_file("bottom");
    write_file(copy, text);
  });
  std::string text = read_file(copy);
  fs::remove(copy);
  return text;
}

TEST_CASE("a path longer than any system call takes is committed and rolled back") {
  if (!testing::can_mount_overlays()) return;
  Project project;
  testing::in_child([&] {
    go_down(project.root(), true);
    write_file("bottom", "old");
  });
  const Store store = project.store();
  SECTION("changed") {
    run(store, {"**"}, [] {
      go_down(".", false);
      write_file("bottom", "new");
    });
    CHECK(at_the_bottom(project) == "new");
  }
  SECTION("deleted with all above it") {
    run(store, {"**"}, [] { fs::remove_all(std::string(200, 'd')); });
    CHECK_FALSE(project.has(std::string(200, 'd')));
  }
  const auto report = rollback(store, "last", {});
  REQUIRE(report);
  CHECK(report->skipped.empty());
  CHECK(at_the_bottom(project) == "old");
}

TEST_CASE("a pre-image keeps holes, attributes and access lists") {
  Project project;
  project.write("dir/noted", "old");
  project.write("dir/only", "same");
  const std::string sparse = project.at("dir/sparse");
  project.write("dir/sparse", "start");
  fs::resize_file(sparse, std::uintmax_t{32} << 20);
  for (const char* name : {"dir/noted", "dir/only"}) {
    if (::setxattr(project.at(name).c_str(), "user.note", "mine", 4, 0) < 0) {
      WARN("skipped: no extended attributes here");
      return;
    }
  }
  const auto is_sparse = [&] {
    struct stat info{};
    return ::stat(sparse.c_str(), &info) == 0 && info.st_blocks < 1000 &&
           info.st_size == off_t{32} << 20;
  };
  const auto note = [&](const char* name) {
    std::string value(16, '\0');
    const ssize_t size = ::getxattr(project.at(name).c_str(), "user.note", value.data(), 16);
    return value.substr(0, size > 0 ? static_cast<std::size_t>(size) : 0);
  };
  REQUIRE(is_sparse());
  const Store store = project.store();
  auto preimage = Preimage::capture(store, new_run_id(), {"dir"});
  REQUIRE(preimage);
  for (const char* name : {"dir/noted", "dir/sparse"}) fs::remove(project.at(name));
  project.write("dir/noted", "new");
  ::setxattr(project.at("dir/only").c_str(), "user.note", "yours", 5, 0);
  REQUIRE(preimage->restore(store));
  CHECK(project.read("dir/noted") == "old");
  CHECK(note("dir/noted") == "mine");
  CHECK(note("dir/only") == "mine");
  CHECK(is_sparse());
  CHECK(read_file(sparse).substr(0, 5) == "start");
}

TEST_CASE("a repository is not rolled back while git is at work in it") {
  if (!testing::can_mount_overlays()) return;
  const std::string repository = GENERATE(".git", "deps/a/.git");
  INFO(repository);
  Project project;
  project.write(repository + "/HEAD", "old");
  project.write("lib/a.ex", "old");
  const Store store = project.store();
  run(store, {"**"},
      [&] { write_file(repository + "/HEAD", "new"), write_file("lib/a.ex", "new"); });
  const auto before = project.state();
  const std::string lock = repository + "/index.lock";
  project.write(lock, "");
  RollbackOptions options;
  SECTION("it says so and changes nothing") {
    const auto refused = rollback(store, "last", options);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == EBUSY);
    CHECK(refused.error().message.find(lock) != std::string::npos);
    CHECK(project.read("lib/a.ex") == "new");
    fs::remove(project.at(lock));
    CHECK(project.state() == before);
    CHECK(rollback(store, "last", options));
    CHECK(project.read(repository + "/HEAD") == "old");
  }
  SECTION("unless forced") {
    options.force = true;
    CHECK(rollback(store, "last", options));
    CHECK(project.read(repository + "/HEAD") == "old");
  }
  SECTION("or for what is not in the repository") {
    options.paths = {"lib"};
    CHECK(rollback(store, "last", options));
    CHECK(project.read("lib/a.ex") == "old");
  }
}

TEST_CASE("a lock that the run itself left is rolled back with it") {
  if (!testing::can_mount_overlays()) return;
  Project project;
  project.write(".git/HEAD", "old");
  const Store store = project.store();
  const auto before = project.state();
  run(store, {"**"}, [] { write_file(".git/HEAD", "new"), write_file(".git/index.lock", ""); });
  REQUIRE(project.has(".git/index.lock"));
  REQUIRE(rollback(store, "last", {}));
  CHECK(project.state() == before);
}

}  // namespace
}  // namespace mixguard::guard
