// SPDX-License-Identifier: Apache-2.0
#pragma once

// A throw-away project on the real file system, commands run over a real overlay of it, and its
// whole state as a value that can be compared.

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <iterator>
#include <map>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "guard/snapshot/change.hpp"
#include "guard/snapshot/objects.hpp"
#include "guard/snapshot/recover.hpp"
#include "guard/snapshot/restore.hpp"
#include "guard/snapshot/rollback.hpp"
#include "guard/snapshot/snapshot.hpp"
#include "guard/snapshot/store.hpp"
#include "guard/snapshot/transaction.hpp"

namespace mixguard::testing {

namespace fs = std::filesystem;

// Path → what lies there: type, mode, content or target; with times also the mtime of what is not a
// directory. The store is left out.
using TreeState = std::map<std::string, std::string>;
enum class Times { kCompared, kIgnored };
TreeState state_of(const std::string& root, Times times = Times::kCompared);

void write_file(const std::string& path, const std::string& content);  // makes parents
std::string read_file(const std::string& path);
bool exists(const std::string& path);  // a dangling symlink does
void remove_all(const std::string& path);
// Bytes that do not compress, the same for the same seed.
std::string noise(std::size_t size, unsigned seed);
// For code in a child, where it fails the test by a throw.
void expect(bool good, const std::string& what);
// Paths of the project, without its store, that carry a user.overlay.* attribute.
std::vector<std::string> overlay_residue(const std::string& root);

// False when this machine cannot mount an overlay in a user namespace; the reason has been printed.
// Fails the test instead when MIXGUARD_MUST_SANDBOX=1.
bool can_mount_overlays();

// In memory much of a file system's work falls away: for tests with many files.
enum class On { kDisk, kMemory };

class Project {
 public:
  explicit Project(On on = On::kDisk);
  ~Project();
  Project(const Project&) = delete;
  Project& operator=(const Project&) = delete;

  [[nodiscard]] const std::string& root() const { return root_; }
  [[nodiscard]] std::string at(const std::string& path) const { return root_ + "/" + path; }
  void write(const std::string& path, const std::string& content) const {
    write_file(at(path), content);
  }
  [[nodiscard]] std::string read(const std::string& path) const { return read_file(at(path)); }
  [[nodiscard]] bool has(const std::string& path) const { return exists(at(path)); }
  [[nodiscard]] TreeState state(Times times = Times::kCompared) const {
    return state_of(root_, times);
  }
  [[nodiscard]] guard::Store store() const;

 private:
  std::string root_;
};

// Runs `command` in a child whose working directory is an overlay of the project with this upper
// directory. The child is gone, and with it the mount, when it returns. Fails the test when the
// command throws.
void in_overlay(const std::string& project_root, const std::string& upper, const std::string& work,
                const std::function<void()>& command);

// Runs `body` in a child; fails the test when it throws.
void in_child(const std::function<void()>& body);

// Runs `body` in a child where the project's directory is a file system of its own, in memory and
// of this size ("2m"). Fails the test when the body throws.
void on_small_disk(const std::string& project_root, const std::string& size,
                   const std::function<void()>& body);

struct Done {
  std::string run_id;
  guard::ChangeSet set;
  std::vector<guard::Change> late;
  std::string upper;
};
// A whole run: begin, the command, changes, commit. `meanwhile` runs on the project itself after
// the command, as a person would.
Done run(
    const guard::Store& store, const std::vector<std::string>& patterns,
    const std::function<void()>& command, const std::vector<std::string>& hidden = {},
    const std::function<void()>& meanwhile = [] {});

// "created lib/a.ex", "quarantine lib/b.ex", … one line a change, for comparison.
std::vector<std::string> lines(const guard::ChangeSet& set);

// These fail the test when they fail.
guard::RollbackReport undo(const guard::Store& store, const std::string& run_id,
                           const guard::RollbackOptions& options = {});
guard::Objects open_objects(const guard::Store& store);
guard::Snapshot create(const guard::Store& store, const std::vector<std::string>& outside = {});
guard::RollbackReport put_back(const guard::Store& store, const guard::Snapshot& snapshot,
                               const guard::RollbackOptions& options = {});

// Of all packs of the store together.
std::uint64_t size_of_packs(const guard::Store& store);

// Implementation.

namespace detail {

constexpr int kUnavailable = 77;

inline std::string describe(const std::string& path, const struct stat& info, Times times) {
  std::string text = std::to_string(info.st_mode);
  if (times == Times::kCompared && !S_ISDIR(info.st_mode))
    text += " " + std::to_string(info.st_mtim.tv_sec) + "." + std::to_string(info.st_mtim.tv_nsec);
  if (S_ISREG(info.st_mode)) text += " " + read_file(path);
  if (S_ISLNK(info.st_mode)) text += " -> " + fs::read_symlink(path).string();
  return text;
}

inline void write_text(const char* path, const std::string& text) {
  const int fd = ::open(path, O_WRONLY | O_CLOEXEC);
  const ssize_t count = ::write(fd, text.data(), text.size());
  ::close(fd);
  if (count < 0) ::_exit(kUnavailable);
}

inline void enter_namespaces() {
  const uid_t uid = ::geteuid();
  const gid_t gid = ::getegid();
  if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0) ::_exit(kUnavailable);
  write_text("/proc/self/setgroups", "deny");
  write_text("/proc/self/uid_map", "0 " + std::to_string(uid) + " 1");
  write_text("/proc/self/gid_map", "0 " + std::to_string(gid) + " 1");
  if (::mount("", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) < 0) ::_exit(kUnavailable);
}

inline int wait_for(pid_t child) {
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

// Runs `body` in a child and returns its exit code: 1 when it throws.
inline int child_of(const std::function<void()>& body) {
  const pid_t child = ::fork();
  if (child != 0) return wait_for(child);
  ::umask(022);
  try {
    body();
  } catch (const std::exception& error) {
    std::cerr << "in the child: " << error.what() << "\n";
    ::_exit(1);
  } catch (...) {  // a failed assertion: the test must not go on twice
    ::_exit(1);
  }
  ::_exit(0);
}

inline int namespaced_child(const std::function<void()>& body) {
  return child_of([&] {
    enter_namespaces();
    body();
  });
}

inline int overlay_child(const std::string& root, const std::string& upper, const std::string& work,
                         const std::function<void()>& command) {
  return namespaced_child([&] {
    const std::string options =
        "userxattr,lowerdir=" + root + ",upperdir=" + upper + ",workdir=" + work;
    if (::mount("overlay", root.c_str(), "overlay", 0, options.c_str()) < 0) ::_exit(kUnavailable);
    if (::chdir(root.c_str()) < 0) ::_exit(kUnavailable);
    command();
  });
}

inline std::string make_temporary(On on = On::kDisk) {
  constexpr const char* kMemory = "/dev/shm";
  const char* base = std::getenv("TMPDIR");
  if (on == On::kMemory && fs::exists(kMemory)) base = kMemory;
  std::string name = std::string(base != nullptr ? base : "/tmp") + "/mixguard-test-XXXXXX";
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp " + name);
  return fs::canonical(name);
}

inline std::string_view word(const guard::Change& change) {
  switch (change.disposition) {
    case guard::Disposition::kQuarantine:
      return "quarantine";
    case guard::Disposition::kDiscard:
      return "discard";
    case guard::Disposition::kConflict:
      return "conflict";
    case guard::Disposition::kCommit:
      break;
  }
  return to_string(change.kind);
}

}  // namespace detail

inline TreeState state_of(const std::string& root, Times times) {
  TreeState state;
  std::vector<std::string> pending = {""};
  while (!pending.empty()) {
    const std::string parent = pending.back();
    pending.pop_back();
    for (const auto& entry : fs::directory_iterator(root + "/" + parent)) {
      const std::string name = entry.path().filename().string();
      const std::string path = parent.empty() ? name : parent + "/" + name;
      if (path == ".mixguard") continue;
      struct stat info{};
      REQUIRE(::lstat(entry.path().c_str(), &info) == 0);
      state[path] = detail::describe(entry.path().string(), info, times);
      if (S_ISDIR(info.st_mode)) pending.push_back(path);
    }
  }
  return state;
}

inline void write_file(const std::string& path, const std::string& content) {
  const fs::path parent = fs::path(path).parent_path();
  if (!parent.empty()) fs::create_directories(parent);
  std::ofstream file(path, std::ios::binary);
  file << content;
  file.close();
  if (!file) throw std::runtime_error("write " + path + ": " + std::strerror(errno));
}

inline std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline bool exists(const std::string& path) {
  struct stat info{};
  return ::lstat(path.c_str(), &info) == 0;
}

inline void remove_all(const std::string& path) {
  // rm copes with any depth; only modes have to be opened for an ordinary user.
  const std::string command = "chmod -R u+rwx '" + path + "' 2>/dev/null; rm -rf '" + path + "'";
  if (std::system(command.c_str()) != 0) std::cerr << "left behind: " << path << "\n";
}

inline std::string noise(std::size_t size, unsigned seed) {
  std::mt19937 generator(seed);
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(generator());
  return bytes;
}

inline void expect(bool good, const std::string& what) {
  if (!good) throw std::runtime_error(what);
}

inline std::vector<std::string> overlay_residue(const std::string& root) {
  std::vector<std::string> found;
  const fs::path store = root + "/.mixguard";
  for (fs::recursive_directory_iterator at(root), end; at != end; ++at) {
    const fs::directory_entry& entry = *at;
    if (entry.path() == store) {
      at.disable_recursion_pending();
      continue;
    }
    std::array<char, 4096> names{};
    const ssize_t size = ::llistxattr(entry.path().c_str(), names.data(), names.size());
    const std::string_view list(names.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
    if (list.find("user.overlay.") != std::string_view::npos)
      found.push_back(entry.path().string());
  }
  return found;
}

inline bool can_mount_overlays() {
  static const bool possible = [] {
    const std::string base = detail::make_temporary();
    for (const char* name : {"lower", "upper", "work"}) fs::create_directory(base + "/" + name);
    const int code = detail::overlay_child(base + "/lower", base + "/upper", base + "/work",
                                           [] { write_file("x", ""); });
    remove_all(base);
    return code == 0;
  }();
  if (possible) return true;
  const char* must = std::getenv("MIXGUARD_MUST_SANDBOX");
  if (must != nullptr && std::string_view(must) == "1") FAIL("overlays cannot be mounted here");
  WARN("skipped: overlays cannot be mounted in a user namespace here");
  return false;
}

inline Project::Project(On on) : root_(detail::make_temporary(on)) {}
inline Project::~Project() { remove_all(root_); }

inline guard::Store Project::store() const {
  auto store = guard::Store::open(root_);
  if (!store) FAIL(store.error().message);
  return std::move(*store);
}

inline void in_overlay(const std::string& project_root, const std::string& upper,
                       const std::string& work, const std::function<void()>& command) {
  REQUIRE(detail::overlay_child(project_root, upper, work, command) == 0);
}

inline void in_child(const std::function<void()>& body) { REQUIRE(detail::child_of(body) == 0); }

inline void on_small_disk(const std::string& project_root, const std::string& size,
                          const std::function<void()>& body) {
  const std::string options = "size=" + size;
  REQUIRE(detail::namespaced_child([&] {
            if (::mount("tmpfs", project_root.c_str(), "tmpfs", 0, options.c_str()) < 0)
              ::_exit(detail::kUnavailable);
            body();
          }) == 0);
}

inline Done run(const guard::Store& store, const std::vector<std::string>& patterns,
                const std::function<void()>& command, const std::vector<std::string>& hidden,
                const std::function<void()>& meanwhile) {
  Done done;
  done.run_id = guard::new_run_id();
  auto transaction = guard::Transaction::begin(store, done.run_id, hidden);
  if (!transaction) FAIL(transaction.error().message);
  in_overlay(store.project_root(), transaction->upper(), transaction->work(), command);
  meanwhile();
  auto set = transaction->changes({"test", patterns});
  if (!set) FAIL(set.error().message);
  auto committed = transaction->commit(*set);
  if (!committed) FAIL(committed.error().message);
  done.set = std::move(*set);
  done.late = transaction->late_conflicts();
  done.upper = transaction->upper();
  return done;
}

inline std::vector<std::string> lines(const guard::ChangeSet& set) {
  std::vector<std::string> text;
  for (const guard::Change& change : set.changes)
    text.push_back(std::string(detail::word(change)) + " " + change.path);
  return text;
}

inline guard::RollbackReport undo(const guard::Store& store, const std::string& run_id,
                                  const guard::RollbackOptions& options) {
  auto report = guard::rollback(store, run_id, options);
  if (!report) FAIL(report.error().message);
  return std::move(*report);
}

inline guard::Objects open_objects(const guard::Store& store) {
  auto objects = guard::Objects::open(store);
  if (!objects) FAIL(objects.error().message);
  return std::move(*objects);
}

inline guard::Snapshot create(const guard::Store& store, const std::vector<std::string>& outside) {
  auto objects = open_objects(store);
  auto snapshot = guard::create_snapshot(store, objects, "", outside);
  if (!snapshot) FAIL(snapshot.error().message);
  return std::move(*snapshot);
}

inline guard::RollbackReport put_back(const guard::Store& store, const guard::Snapshot& snapshot,
                                      const guard::RollbackOptions& options) {
  auto objects = open_objects(store);
  auto report = guard::restore(store, objects, snapshot, options);
  if (!report) FAIL(report.error().message);
  return std::move(*report);
}

inline std::uint64_t size_of_packs(const guard::Store& store) {
  std::uint64_t size = 0;
  for (const auto& file : fs::directory_iterator(store.path() + "/packs")) size += file.file_size();
  return size;
}

}  // namespace mixguard::testing
