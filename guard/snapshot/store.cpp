// SPDX-License-Identifier: Apache-2.0
#include "guard/snapshot/store.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <optional>
#include <string_view>

#include "guard/digest.hpp"
#include "guard/files.hpp"
#include "guard/snapshot/tree.hpp"

namespace mixguard::guard {
namespace {

using sandbox::UniqueFd;
using tree::fail_errno;

constexpr const char* kName = ".mixguard";

// The store's directory, when it is there and can be relied on.
Result<UniqueFd> adopt(int parent, const std::string& name, const std::string& path) {
  UniqueFd fd(::openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd && (errno == ELOOP || errno == ENOTDIR))
    return fail("open " + path + ": it is not a directory, and a store must be one", ENOTDIR);
  if (!fd) return fail_errno("open", path);
  struct stat info{};
  if (::fstat(fd.get(), &info) < 0) return fail_errno("look at", path);
  if (info.st_uid != ::geteuid())
    return fail("open " + path + ": it belongs to another user", EPERM);
  if ((info.st_mode & 077) != 0 && ::fchmod(fd.get(), 0700) < 0)
    return fail_errno("change the mode of", path);
  return fd;
}

Result<void> ensure_dir(int parent, const std::string& path, const char* name) {
  if (::mkdirat(parent, name, 0700) < 0 && errno != EEXIST)
    return fail_errno("make", path + "/" + name);
  if (auto dir = tree::open_dir(parent, name); dir) return {};
  if (errno != ENOTDIR && errno != ELOOP) return fail_errno("open", path + "/" + name);
  return fail(path + "/" + name + " is not a directory; move it away, mixguard makes its own",
              ENOTDIR);
}

Result<void> furnish(int store, const std::string& path) {
  for (const char* name : {"runs", "active", "trash"}) {
    if (auto made = ensure_dir(store, path, name); !made) return made;
  }
  constexpr std::string_view kIgnore = "*\n";
  auto ignore = tree::look(store, ".gitignore");
  if (!ignore) return propagate(ignore);
  if (*ignore && (*ignore)->size >= static_cast<std::int64_t>(kIgnore.size())) return {};
  // Last and durable, with the directories above: a run's intent must not outlive its store.
  // Written in place, for two commands may begin at once and both have to succeed.
  const UniqueFd file(
      ::openat(store, ".gitignore", O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file || ::pwrite(file.get(), kIgnore.data(), kIgnore.size(), 0) !=
                   static_cast<ssize_t>(kIgnore.size()))
    return fail_errno("write", path + "/.gitignore");
  if (auto synced = tree::sync(file.get(), path + "/.gitignore"); !synced) return synced;
  auto self = tree::open_dir(store, "");
  if (!self) return propagate(self);
  if (auto synced = tree::sync(self->get(), path); !synced) return synced;
  const UniqueFd above(::openat(store, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!above) return fail_errno("open", path + "/..");
  return tree::sync(above.get(), path + "/..");
}

// Where the store goes when it cannot be in the project; the path is made by make_fallback().
Result<std::string> fallback_path(const std::string& project_root) {
  const std::string base = state_directory();
  if (!base.empty()) return join_path(base, sha256_hex(project_root).substr(0, 16));
  return fail(
      "no place for the record: the project cannot be written and neither XDG_STATE_HOME nor HOME "
      "is set",
      ENOENT);
}

// Makes every missing directory above the store; those may well be symlinks, they are the user's.
Result<void> make_above(const std::string& path) {
  for (std::size_t slash = path.find('/', 1); slash != std::string::npos;
       slash = path.find('/', slash + 1)) {
    const std::string above = path.substr(0, slash);
    if (::mkdir(above.c_str(), 0700) < 0 && errno != EEXIST) return fail_errno("make", above);
  }
  return {};
}

bool writable(int dir) { return ::faccessat(dir, ".", W_OK | X_OK, AT_EACCESS) == 0; }

// 13 digits of microseconds, five bits each, most significant first.
constexpr std::size_t kTimeDigits = 13;
constexpr std::string_view kIdDigits = "0123456789abcdefghjkmnpqrstvwxyz";
std::string id_of_time(std::uint64_t microseconds) {
  std::string id(kTimeDigits, '0');
  for (std::size_t i = kTimeDigits; i-- > 0; microseconds >>= 5)
    id[i] = kIdDigits[microseconds & 31];
  return id;
}

}  // namespace

Result<Store> Store::locate(const std::string& project_root, bool make) {
  Store store;
  store.project_root_ = project_root;
  store.project_.reset(
      ::open(project_root.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!store.project_) return fail_errno("open", project_root);
  auto attached = store.attach_inside(make);
  if (!attached) return propagate(attached);
  if (!*attached) attached = store.attach_outside(make);
  if (!attached) return propagate(attached);
  if (*attached && make) {
    if (auto furnished = furnish(store.fd(), store.path()); !furnished) return propagate(furnished);
  }
  return store;
}

Result<bool> Store::attach_inside(bool make) {
  const std::string path = project_root_ + "/" + kName;
  auto present = tree::look(project_.get(), kName);
  if (!present) return propagate(present);
  if (!*present) {
    if (!make || !writable(project_.get())) return false;
    if (::mkdirat(project_.get(), kName, 0700) < 0 && errno != EEXIST)
      return fail_errno("make", path);
  }
  auto dir = adopt(project_.get(), kName, path);
  if (!dir) return propagate(dir);
  if (make && !writable(dir->get())) return false;
  return settle(std::move(*dir), path, true);
}

Result<bool> Store::attach_outside(bool make) {
  auto path = fallback_path(project_root_);
  if (!path && !make) return false;
  if (!path) return propagate(path);
  if (make) {
    if (auto made = make_above(*path); !made) return propagate(made);
    if (::mkdir(path->c_str(), 0700) < 0 && errno != EEXIST) return fail_errno("make", *path);
  }
  auto dir = adopt(AT_FDCWD, *path, *path);
  const int code = dir ? 0 : dir.error().code;
  if (!make && (code == ENOENT || code == EACCES)) return false;
  if (!dir) return propagate(dir);
  return settle(std::move(*dir), *path, false);
}

Result<bool> Store::settle(UniqueFd readable, const std::string& path, bool inside) {
  dir_.reset(::openat(readable.get(), ".", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!dir_) return fail_errno("open", path);
  path_ = path;
  inside_project_ = inside;
  return true;
}

Result<Store> Store::open(const std::string& project_root) { return locate(project_root, true); }

Result<Store> Store::open_existing(const std::string& project_root) {
  return locate(project_root, false);
}

Result<Store> Store::open_without_project() {
  Store store;
  auto attached = store.attach_outside(true);
  if (!attached) return propagate(attached);
  if (auto furnished = furnish(store.fd(), store.path()); !furnished) return propagate(furnished);
  store.project_.reset(
      ::open(store.path_.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!store.project_) return fail_errno("open", store.path_);
  return store;
}

Result<UniqueFd> Store::lock(const std::function<void()>& on_wait) const {
  UniqueFd fd(::openat(dir_.get(), "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd) return fail_errno("open", path_ + "/lock");
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) return fd;
  if (errno != EWOULDBLOCK) return fail_errno("lock", path_ + "/lock");
  if (on_wait) on_wait();
  // A signal ends the wait: whoever handles it decides whether to try again.
  if (::flock(fd.get(), LOCK_EX) < 0) return fail_errno("lock", path_ + "/lock");
  return fd;
}

Result<std::vector<std::string>> Store::runs() const {
  auto dir = tree::open_dir(dir_.get(), "runs");
  if (!dir && dir.error().code == ENOENT) return std::vector<std::string>();
  if (!dir) return propagate(dir);
  auto names = tree::list(dir->get(), path_ + "/runs");
  if (names) std::sort(names->begin(), names->end());
  return names;
}

Result<std::string> Store::next_id() const {
  std::int64_t newest = 0;
  for (const char* folder : {"runs", "snapshots"}) {
    auto dir = tree::open_dir(dir_.get(), folder);
    if (!dir && dir.error().code == ENOENT) continue;
    if (!dir) return propagate(dir);
    auto names = tree::list(dir->get(), path_ + "/" + folder);
    if (!names) return propagate(names);
    for (const std::string& name : *names) {
      if (is_run_id(name)) newest = std::max(newest, time_of_run_id(name));
    }
  }
  return new_run_id(newest + 1);
}

Result<void> Store::empty_trash(const std::function<bool()>& enough) const {
  auto trash = tree::open_dir(dir_.get(), "trash");
  if (!trash) return propagate(trash);
  return tree::empty_trash(trash->get(), enough);
}

std::function<bool()> within(std::chrono::milliseconds time) {
  const auto end = std::chrono::steady_clock::now() + time;
  return [end] { return std::chrono::steady_clock::now() >= end; };
}

std::int64_t microseconds_now() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::microseconds>(now).count();
}

bool is_run_id(const std::string& text) {
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char byte) {
    return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') || byte == '-';
  });
}

std::string new_run_id(std::int64_t not_before) {
  const std::int64_t time = std::max(microseconds_now(), not_before);
  std::string id = id_of_time(static_cast<std::uint64_t>(time));
  std::array<unsigned char, 13> chance{};
  // Never short and never failing for this few bytes (getrandom(2)).
  [[maybe_unused]] const ssize_t count = ::getrandom(chance.data(), chance.size(), 0);
  for (const unsigned char byte : chance) id += kIdDigits[byte & 31];
  return id;
}

std::string first_run_id_at(std::int64_t microseconds) {
  return id_of_time(static_cast<std::uint64_t>(std::max<std::int64_t>(microseconds, 0)));
}

std::int64_t time_of_run_id(std::string_view id) {
  std::uint64_t time = 0;
  for (const char digit : id.substr(0, kTimeDigits)) {
    const std::size_t value = kIdDigits.find(digit);
    time = time << 5 | (value == std::string_view::npos ? 0 : value);
  }
  return static_cast<std::int64_t>(time);
}

}  // namespace mixguard::guard
