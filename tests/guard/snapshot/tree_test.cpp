// SPDX-License-Identifier: Apache-2.0
#include "guard/snapshot/tree.hpp"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

#include "guard/snapshot/rollback.hpp"
#include "guard/snapshot/transaction.hpp"
#include "tests/guard/snapshot/project_fixture.hpp"

namespace mixguard::guard {
namespace {

namespace fs = std::filesystem;
using testing::expect;
using testing::Project;

// What a container profile older than openat2(2) does to it.
void hide_openat2() {
  std::array<sock_filter, 4> code = {
      sock_filter{BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, nr)},
      sock_filter{BPF_JMP | BPF_JEQ | BPF_K, 0, 1, SYS_openat2},
      sock_filter{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | ENOSYS},
      sock_filter{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
  };
  sock_fprog program{static_cast<unsigned short>(code.size()), code.data()};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
      ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
    throw std::runtime_error("seccomp");
}

void expect_confined(const std::string& root) {
  const tree::UniqueFd fd(::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  expect(tree::open_dir(fd.get(), "").has_value(), "itself");
  expect(tree::open_dir(fd.get(), "a/b").has_value(), "below");
  expect(tree::open_dir(fd.get(), "a/none").error().code == ENOENT, "absent");
  for (const char* path : {"link", "link/b", "..", "out", "out/tmp"})
    expect(!tree::open_dir(fd.get(), path), path);
  const auto dir = tree::open_dir(fd.get(), "a");
  expect(tree::read_file(dir->get(), "file").value_or("") == "content", "file");
  expect(!tree::read_file(dir->get(), "file_link"), "symlink to a file");
  expect(!tree::read_file(dir->get(), "fifo"), "fifo");
}

TEST_CASE("nothing is opened through a symlink or above, with openat2 and without") {
  Project project;
  project.write("a/b/x", "x");
  project.write("a/file", "content");
  fs::create_symlink("a", project.at("link"));
  fs::create_symlink("/", project.at("out"));
  fs::create_symlink("file", project.at("a/file_link"));
  ::mkfifo(project.at("a/fifo").c_str(), 0600);
  expect_confined(project.root());
  testing::in_child([&] {
    hide_openat2();
    expect_confined(project.root());
  });
}

TEST_CASE("a run works where openat2 does not exist") {
  Project project;
  project.write("lib/a.ex", "old");
  testing::in_child([&] {
    hide_openat2();
    const Store store = project.store();
    auto transaction = Transaction::begin(store, new_run_id(), {"lib/hidden"});
    expect(transaction.has_value(), "begin");
    testing::write_file(transaction->upper() + "/lib/a.ex", "new");
    testing::write_file(transaction->upper() + "/lib/deep/er/b.ex", "new");
    expect(transaction->commit(*transaction->changes({"test", {"**"}})).has_value(), "commit");
    expect(project.read("lib/deep/er/b.ex") == "new", "committed");
    expect(rollback(store, "last", {}).has_value(), "rollback");
    expect(project.read("lib/a.ex") == "old" && !project.has("lib/deep"), "rolled back");
  });
}

TEST_CASE("a directory's content follows it directly in path order") {
  CHECK(tree::path_less("a", "a/b"));
  CHECK(tree::path_less("a/b", "a.b"));
  CHECK(tree::path_less("a/z", "a-"));
  CHECK_FALSE(tree::path_less("a", "a"));
  CHECK(tree::path_less("a\x7f", "a\xff"));
  CHECK(tree::is_at_or_below("a/b", "a"));
  CHECK(tree::is_at_or_below("a", "a"));
  CHECK(tree::is_at_or_below("a", ""));
  CHECK_FALSE(tree::is_at_or_below("ab", "a"));
}

TEST_CASE("of paths the topmost are those that lie below no other") {
  using Paths = std::vector<std::string>;
  CHECK(tree::topmost({"shared/c", "shared-ui", "shared"}) == Paths{"shared", "shared-ui"});
  CHECK(tree::topmost({"shared", "shared-ui", "shared/c"}) == Paths{"shared", "shared-ui"});
  CHECK(tree::topmost({"a/b/c", "a.b", "a/b", "a/bc"}) == Paths{"a/b", "a/bc", "a.b"});
  CHECK(tree::topmost({"x", "", "y"}) == Paths{""});
  CHECK(tree::topmost({"x", "x"}) == Paths{"x"});
  CHECK(tree::topmost({}).empty());
}

TEST_CASE("the trash is emptied whatever is in it") {
  Project project;
  fs::create_directories(project.at("trash"));
  testing::in_child([&] {
    if (::chdir(project.at("trash").c_str()) < 0) throw std::runtime_error("chdir");
    for (int depth = 0; depth < 500; ++depth) {
      if (::mkdir("deeper", 0755) < 0 || ::chdir("deeper") < 0) throw std::runtime_error("mkdir");
    }
    testing::write_file("bottom", "x");
  });
  project.write("trash/closed/inner/file", "x");
  ::chmod(project.at("trash/closed/inner").c_str(), 0);
  ::chmod(project.at("trash/closed").c_str(), 0);
  const tree::UniqueFd fd(::open(project.at("trash").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  REQUIRE(tree::empty_trash(fd.get(), [] { return false; }));
  CHECK(fs::is_empty(project.at("trash")));
}

TEST_CASE("a moment lies between the changes before it and those after it") {
  Project project;
  const tree::UniqueFd fd(::open(project.root().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  for (int i = 0; i < 100; ++i) {
    project.write("before", "x");
    const auto moment = tree::moment(fd.get());
    REQUIRE(moment);
    project.write("after", "x");
    CHECK((**tree::look(fd.get(), "before")).ctime < *moment);
    CHECK((**tree::look(fd.get(), "after")).ctime >= *moment);
  }
}

}  // namespace
}  // namespace mixguard::guard
