// SPDX-License-Identifier: Apache-2.0

// Whatever a file can be called and whatever can lie at a path: committed it is what the command
// alone would have made, rolled back it is what it was, and that rolled back it is the former.

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "guard/snapshot/rollback.hpp"
#include "tests/guard/snapshot/project_fixture.hpp"

namespace mixguard::guard {
namespace {

namespace fs = std::filesystem;
using testing::Project;
using testing::read_file;
using testing::run;
using testing::undo;
using testing::write_file;

void expect(bool good, const std::string& what) {
  if (!good) throw std::runtime_error(what + ": " + std::strerror(errno));
}

// Path → everything about it but its times. Names of one file are told by the first of them.
using Looks = std::map<std::string, std::string>;

std::string attributes_of(const std::string& path) {
  std::array<char, 4096> names{};
  const ssize_t size = ::llistxattr(path.c_str(), names.data(), names.size());
  std::string text;
  for (ssize_t at = 0; at < size;) {
    const std::string name = names.data() + at;
    at += static_cast<ssize_t>(name.size()) + 1;
    if (!name.starts_with("user.") && !name.starts_with("system.posix_acl")) continue;
    std::array<char, 4096> value{};
    const ssize_t length = ::lgetxattr(path.c_str(), name.c_str(), value.data(), value.size());
    text += " " + name + "=" +
            std::string(value.data(), static_cast<std::size_t>(std::max<ssize_t>(length, 0)));
  }
  return text;
}

std::string look_of(const std::string& path, const struct stat& info) {
  const std::string owner = std::to_string(info.st_uid) + ":" + std::to_string(info.st_gid);
  std::string text = std::to_string(info.st_mode) + " " + owner + attributes_of(path);
  if (S_ISLNK(info.st_mode)) text += " -> " + fs::read_symlink(path).string();
  if (!S_ISREG(info.st_mode)) return text;
  if (info.st_size > 1 << 20)
    return text + (info.st_blocks * 512 < info.st_size / 2 ? " sparse" : " full");
  return text + " " + read_file(path);
}

Looks looks_of(const std::string& root) {
  Looks looks;
  std::map<ino_t, std::string> first_names;
  std::vector<std::string> pending = {""};
  while (!pending.empty()) {
    const std::string parent = pending.back();
    pending.pop_back();
    std::error_code closed;
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(root + "/" + parent, closed))
      names.insert(entry.path().filename().string());
    for (const std::string& name : names) {
      const std::string path = parent.empty() ? name : parent + "/" + name;
      struct stat info{};
      if (path == ".mixguard" || ::lstat((root + "/" + path).c_str(), &info) < 0) continue;
      const auto [first, is_first] = first_names.emplace(info.st_ino, path);
      looks[path] = look_of(root + "/" + path, info) + (is_first ? "" : " is " + first->second);
      if (S_ISDIR(info.st_mode)) pending.push_back(path);
    }
  }
  return looks;
}

// A file's access list: its owner may read and write, and `user` may read.
std::string acl_for(uid_t user) {
  struct Entry {
    std::uint16_t tag;
    std::uint16_t rights;
    std::uint32_t id;
  };
  constexpr std::uint32_t kNobody = 0xffffffff;
  const std::uint32_t version = 2;
  const std::array<Entry, 5> entries = {Entry{0x01, 6, kNobody}, Entry{0x02, 4, user},
                                        Entry{0x04, 4, kNobody}, Entry{0x10, 4, kNobody},
                                        Entry{0x20, 0, kNobody}};
  std::string bytes(reinterpret_cast<const char*>(&version), sizeof version);
  return bytes.append(reinterpret_cast<const char*>(entries.data()), sizeof entries);
}

void set_attribute(const std::string& path, const char* name, const std::string& value) {
  expect(::lsetxattr(path.c_str(), name, value.data(), value.size(), 0) == 0, path + ": " + name);
}

void set_mode(const std::string& path, mode_t mode) {
  expect(::chmod(path.c_str(), mode) == 0, path);
}

void make_socket(const std::string& name) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  name.copy(address.sun_path, sizeof address.sun_path - 1);
  expect(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0, name);
  ::close(fd);
}

void write_at(const std::string& path, off_t offset) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  expect(::pwrite(fd, "data", 4, offset) == 4, path);
  ::close(fd);
}

const std::vector<std::string> kOddNames = {
    "new\nline", "tab\there", "-rf",    "\xff\xfe\x80", std::string(255, 'n'),
    "trailing ", " ",         "...",    "a\\b",         "*",
    "\x01",      "~",         "'\"$(x)"};

struct Row {
  const char* what;
  std::function<void()> prepare;  // in the project
  std::function<void()> command;  // in the overlay
  // A write splits a hard link in an overlay, which is documented: not what the command alone does.
  bool splits_links = false;
};

const std::vector<Row>& rows() {
  static const std::vector<Row> kRows = {
      {"names of any bytes",
       [] {
         for (const auto& name : kOddNames) write_file("in/" + name, "old");
       },
       [] {
         for (std::size_t i = 0; i < kOddNames.size(); ++i) {
           if (i % 2 == 0) write_file("in/" + kOddNames[i], "new");
           if (i % 2 == 1) fs::remove("in/" + kOddNames[i]);
           write_file(kOddNames[i], "created");
           write_file("dirs/" + kOddNames[i] + "/x", "created");
         }
       }},
      {"a rename that changes only the case",
       [] { write_file("lib/Readme", "text"), write_file("Lib/x", "x"); },
       [] {
         fs::rename("lib/Readme", "lib/README");
         write_file("LIB/x", "x");
         fs::remove_all("Lib");
       }},
      {"files, directories and symlinks in each other's place",
       [] {
         write_file("file_to_dir", "f"), write_file("file_to_link", "f");
         write_file("dir_to_file/x", "x"), write_file("dir_to_link/x", "x");
         fs::create_symlink("file_to_dir", "link_to_file");
         fs::create_symlink("dir_to_file", "link_to_dir");
       },
       [] {
         for (const char* name : {"file_to_dir", "file_to_link", "dir_to_file", "dir_to_link",
                                  "link_to_file", "link_to_dir"})
           fs::remove_all(name);
         write_file("file_to_dir/x/y", "y"), write_file("dir_to_file", "f");
         write_file("link_to_file", "f"), write_file("link_to_dir/x", "x");
         fs::create_symlink("dir_to_file", "file_to_link");
         fs::create_symlink("file_to_dir", "dir_to_link");
       }},
      {"empty directories that come and go",
       [] { fs::create_directories("goes/too"), fs::create_directories("kept/goes"); },
       [] {
         fs::remove_all("goes"), fs::remove("kept/goes");
         fs::create_directories("comes/too"), fs::create_directories("kept/comes");
       }},
      {"fifos and sockets of the project that go",
       [] {
         for (const char* name : {"fifo", "fifo_to_file", "dir_x"}) ::mkfifo(name, 0640);
         fs::create_directory("dir");
         ::mkfifo("dir/fifo", 0600);
         make_socket("socket");
       },
       [] {
         for (const char* name : {"fifo", "fifo_to_file", "socket"}) fs::remove(name);
         fs::remove_all("dir");
         write_file("fifo_to_file", "file");
       }},
      {"symlinks: dangling, to themselves, to elsewhere, made, turned and removed",
       [] {
         fs::create_symlink("/etc/passwd", "elsewhere"), fs::create_symlink("/", "root");
         fs::create_symlink("../../x", "above"), fs::create_symlink("nowhere", "turned");
         fs::create_symlink("b", "a"), fs::create_symlink("a", "b");
       },
       [] {
         for (const char* name : {"elsewhere", "above", "turned", "b"}) fs::remove(name);
         write_file("elsewhere", "a file now");
         fs::create_symlink("still/nowhere", "turned"), fs::create_symlink("self", "self");
         fs::create_symlink(std::string(300, 'l'), "long");
       }},
      {"a sparse file stays sparse",
       [] { write_at("sparse", 4 << 20), write_at("other", 4 << 20); },
       [] { write_at("sparse", 2 << 20), fs::remove("other"), write_at("new", 3 << 20); }},
      {"hard links that are removed and made",
       [] {
         write_file("one", "shared"), fs::create_directory("dir");
         fs::create_hard_link("one", "two"), fs::create_hard_link("one", "dir/three");
         write_file("pair", "p"), fs::create_hard_link("pair", "other");
       },
       [] {
         fs::remove("two"), fs::remove("pair"), fs::remove("other");
         write_file("new", "n"), fs::create_hard_link("new", "dir/new");
       }},
      {"a hard link that is written",
       [] {
         write_file("one", "shared"), fs::create_directory("dir");
         fs::create_hard_link("one", "two"), fs::create_hard_link("one", "dir/three");
       },
       [] { write_file("dir/three", "changed"), fs::remove("two"); }, true},
      {"an umbrella whose apps come, change and go, with all that may lie in them",
       [] {
         for (const std::string app : {"core", "web", "old"}) {
           const std::string home = "apps/" + app;
           write_file(home + "/mix.exs", app), write_file(home + "/lib/" + app + ".ex", "old");
           fs::create_directories(home + "/priv/static");
           write_at(home + "/data.db", 4 << 20);
           // As Mix builds it.
           fs::create_directories("_build/dev/lib/" + app + "/ebin");
           fs::create_symlink("../../../../apps/" + app + "/priv",
                              "_build/dev/lib/" + app + "/priv");
         }
         write_file("mix.exs", "umbrella"), write_file("config/config.exs", "old");
         write_file("apps/core/LICENSE", "l");
         fs::create_hard_link("apps/core/LICENSE", "apps/old/LICENSE");
         fs::create_hard_link("apps/core/LICENSE", "apps/web/LICENSE");
       },
       [] {
         fs::remove_all("apps/old"), fs::remove_all("_build/dev/lib/old");
         write_file("apps/web/lib/web.ex", "new"), fs::remove("apps/web/LICENSE");
         fs::remove("apps/web/priv/static"), write_at("apps/web/data.db", 2 << 20);
         write_file("_build/dev/lib/web/ebin/web.beam", "new");
         write_file("apps/new/mix.exs", "new"), fs::create_directories("apps/new/priv/static");
         write_at("apps/new/data.db", 4 << 20);
         fs::create_directories("_build/dev/lib/new");
         fs::create_symlink("../../../../apps/new/priv", "_build/dev/lib/new/priv");
         write_file("apps/new/LICENSE", "l");
         fs::create_hard_link("apps/new/LICENSE", "apps/new/COPYING");
       }},
      {"extended attributes",
       [] {
         for (const char* name : {"changes", "only", "loses", "goes"}) {
           write_file(name, "old");
           set_attribute(name, "user.note", "mine");
         }
         write_file("dir/x", "x");
         set_attribute("dir", "user.note", "directory");
       },
       [] {
         write_file("changes", "new"), write_file("dir/y", "y"), fs::remove("goes");
         set_attribute("only", "user.note", "yours");
         expect(::removexattr("loses", "user.note") == 0, "loses");
         write_file("new", "n"), set_attribute("new", "user.new", "n");
       }},
      {"access control lists",
       [] {
         for (const char* name : {"changes", "only", "goes"}) {
           write_file(name, "old");
           set_attribute(name, "system.posix_acl_access", acl_for(::geteuid()));
         }
         write_file("bare", "old");
         fs::create_directory("dir");
         set_attribute("dir", "system.posix_acl_default", acl_for(::geteuid()));
       },
       [] {
         write_file("changes", "new"), fs::remove("goes"), write_file("dir/inherits", "i");
         set_attribute("bare", "system.posix_acl_access", acl_for(::geteuid()));
         expect(::removexattr("only", "system.posix_acl_access") == 0, "only");
       }},
      {"modes that shut their owner out",
       [] {
         write_file("none", "secret"), set_mode("none", 0);
         write_file("goes", "secret"), set_mode("goes", 0);
         write_file("readonly/x", "x"), write_file("readonly/y", "y"), set_mode("readonly", 0500);
         write_file("shut/x", "x"), set_mode("shut", 0500);
         write_file("tool", "#!"), set_mode("tool", 0755);
       },
       [] {
         set_mode("none", 0600), write_file("none", "changed"), set_mode("none", 0);
         fs::remove("goes"), set_mode("tool", 0111);
         set_mode("readonly", 0700), write_file("readonly/x", "changed"), fs::remove("readonly/y");
         set_mode("readonly", 0500);
         set_mode("shut", 0700), fs::remove_all("shut");
         write_file("new/x", "x"), set_mode("new/x", 0), set_mode("new", 0500);
       }},
      {"set-user-id and set-group-id files of the project",
       [] {
         for (const char* name : {"goes", "written"}) write_file(name, "#!"), set_mode(name, 06755);
         fs::create_directory("dir"), set_mode("dir", 02755);
       },
       [] {
         fs::remove("goes"), write_file("dir/x", "x");
         set_mode("written", 0755), write_file("written", "#!!");
       }},
  };
  return kRows;
}

void in(const std::string& root, const std::function<void()>& body) {
  testing::in_child([&] {
    expect(::chdir(root.c_str()) == 0, root);
    body();
  });
}

void check_round_trip(const Row& row, mode_t mask) {
  Project project;
  Project bare;
  for (const Project* each : {&project, &bare}) in(each->root(), row.prepare);
  in(bare.root(), row.command);
  const mode_t usual = ::umask(mask);
  const Store store = project.store();
  const auto before = looks_of(project.root());
  const auto before_times = project.state();
  REQUIRE(before == [&] {
    Project same;
    in(same.root(), row.prepare);
    return looks_of(same.root());
  }());
  const auto done = run(store, {"**"}, row.command);
  CHECK_FALSE(done.set.has(Disposition::kQuarantine));
  CHECK_FALSE(done.set.has(Disposition::kConflict));
  CHECK(done.late.empty());
  const auto after = looks_of(project.root());
  if (!row.splits_links) CHECK(after == looks_of(bare.root()));
  CHECK(testing::overlay_residue(project.root()).empty());
  CHECK(undo(store, "last").skipped.empty());
  CHECK(looks_of(project.root()) == before);
  CHECK(project.state() == before_times);
  CHECK(undo(store, store.runs()->back()).skipped.empty());
  CHECK(looks_of(project.root()) == after);
  ::umask(usual);
}

TEST_CASE("a commit is what the command alone makes, and its rollback is what was") {
  if (!testing::can_mount_overlays()) return;
  for (const Row& row : rows()) {
    INFO(row.what);
    check_round_trip(row, 022);
  }
}

TEST_CASE("whatever the umask, a run is as it is and its store is closed") {
  if (!testing::can_mount_overlays()) return;
  const mode_t mask = GENERATE(mode_t{0}, mode_t{077});
  check_round_trip(rows()[2], mask);
  const mode_t usual = ::umask(mask);
  Project project;
  project.write("a", "old");
  ::chmod(project.root().c_str(), 0755);
  const Store store = project.store();
  run(store, {"**"}, [] { write_file("a", "new"), write_file("d/x", "x"); });
  CHECK(rollback(store, "last", {}));
  ::umask(usual);
  for (const auto& entry : fs::directory_iterator(store.path())) {
    INFO(entry.path());
    CHECK((entry.status().permissions() & fs::perms(077)) == fs::perms::none);
  }
}

}  // namespace
}  // namespace mixguard::guard
