// SPDX-License-Identifier: Apache-2.0
#include "guard/files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>

#include "sandbox/sys/unique_fd.hpp"

namespace mixguard::guard {
namespace {

using sandbox::UniqueFd;

tl::unexpected<Error> os_error(const std::string& action) {
  return fail(action + ": " + std::strerror(errno), errno);
}

Result<void> make_directories(const std::string& path) {
  for (std::size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
    const std::string prefix = path.substr(0, slash);
    if (::mkdir(prefix.c_str(), 0700) != 0 && errno != EEXIST)
      return os_error("make the directory " + prefix);
    if (slash == std::string::npos) return {};
  }
}

Result<void> write_all(int fd, std::string_view content, const std::string& path) {
  while (!content.empty()) {
    const ssize_t n = ::write(fd, content.data(), content.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return os_error("write " + path);
    content.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

// A temporary file beside `path` takes its name once it is written; `flags` are renameat2's. False
// when the name is taken, with RENAME_NOREPLACE.
Result<bool> place(const std::string& path, std::string_view content, mode_t mode, unsigned flags) {
  std::string temporary = path + ".XXXXXX";
  const UniqueFd file(::mkostemp(temporary.data(), O_CLOEXEC));
  if (!file) return os_error("make a temporary file for " + path);
  auto written = write_all(file.get(), content, path);
  if (written && ::fchmod(file.get(), mode) != 0) written = os_error("chmod " + path);
  if (written && ::fsync(file.get()) != 0) written = os_error("fsync " + path);
  const bool is_placed =
      written && ::renameat2(AT_FDCWD, temporary.c_str(), AT_FDCWD, path.c_str(), flags) == 0;
  const bool is_taken = written && !is_placed && errno == EEXIST;
  if (written && !is_placed) written = os_error("rename to " + path);
  if (!is_placed) ::unlink(temporary.c_str());
  if (is_taken) return false;
  if (!written) return propagate(written);
  const std::string directory = parent_path(path);
  const UniqueFd parent(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!parent || ::fsync(parent.get()) != 0) return os_error("fsync " + directory);
  return true;
}

std::string base_directory(const char* variable, const char* below_home) {
  if (const auto base = environment_variable(variable); base && base->front() == '/')
    return *base + "/mixguard";
  const auto home = environment_variable("HOME");
  return home && home->front() == '/' ? join_path(*home, below_home) + "/mixguard" : std::string();
}

Result<void> require_own(const struct stat& info, const std::string& path) {
  if (info.st_uid != 0 && info.st_uid != ::geteuid()) {
    return fail(path + ": owned by uid " + std::to_string(info.st_uid) +
                ", expected root or yourself");
  }
  if ((info.st_mode & 022) != 0)
    return fail(path + ": writable by others, expected mode go-w (chmod go-w " + path + ")");
  return {};
}

Result<std::optional<std::string>> read(const std::string& path, std::size_t limit, bool own) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!file && (errno == ENOENT || errno == ENOTDIR)) return std::optional<std::string>();
  if (!file) return os_error("open " + path);
  struct stat info{};
  if (::fstat(file.get(), &info) != 0) return os_error("stat " + path);
  if (!S_ISREG(info.st_mode)) return fail(path + " is not a regular file", EINVAL);
  if (own) {
    if (auto owned = require_own(info, path); !owned) return propagate(owned);
  }
  std::string content;
  for (char buffer[16384];;) {
    const ssize_t n = ::read(file.get(), buffer, sizeof(buffer));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return os_error("read " + path);
    if (n == 0) return std::optional<std::string>(std::move(content));
    content.append(buffer, static_cast<std::size_t>(n));
    if (content.size() > limit)
      return fail(path + " is larger than " + std::to_string(limit) + " bytes", EFBIG);
  }
}

}  // namespace

Result<std::optional<std::string>> read_file(const std::string& path, std::size_t limit) {
  return read(path, limit, false);
}

Result<std::optional<std::string>> read_own_file(const std::string& path) {
  return read(path, kMaxConfigFile, true);
}

Result<void> write_file(const std::string& path, std::string_view content) {
  if (auto made = make_directories(parent_path(path)); !made) return made;
  const Result<bool> placed = place(path, content, 0600, 0);
  if (!placed) return propagate(placed);
  return {};
}

Result<bool> create_file(const std::string& path, std::string_view content) {
  const mode_t mask = ::umask(0);
  ::umask(mask);
  return place(path, content, 0666 & ~mask, RENAME_NOREPLACE);
}

std::string real_path(const std::string& path) {
  const std::unique_ptr<char, decltype(&std::free)> resolved(::realpath(path.c_str(), nullptr),
                                                             &std::free);
  return resolved ? std::string(resolved.get()) : std::string();
}

bool is_within(std::string_view path, std::string_view directory) {
  if (directory == "/") return path.starts_with('/');
  return path.starts_with(directory) &&
         (path.size() == directory.size() || path[directory.size()] == '/');
}

std::string normal_path(const std::string& path) {
  std::string text = std::filesystem::path(path).lexically_normal().string();
  if (text.size() > 1 && text.ends_with('/')) text.pop_back();
  return text;
}

std::string join_path(std::string_view directory, std::string_view name) {
  if (name.starts_with('/') || directory.empty()) return std::string(name);
  std::string joined(directory);
  if (joined.back() != '/') joined += '/';
  return joined.append(name);
}

std::string find_in_path(const std::string& name, const std::string& search_path) {
  for (std::size_t start = 0; start < search_path.size();) {
    const std::size_t end = std::min(search_path.find(':', start), search_path.size());
    const std::string path = join_path(search_path.substr(start, end - start), name);
    if (::access(path.c_str(), X_OK) == 0) return path;
    start = end + 1;
  }
  return {};
}

std::string parent_path(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return ".";
  return slash == 0 ? "/" : std::string(path.substr(0, slash));
}

std::optional<std::string> environment_variable(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return std::string(value);
}

std::string state_directory() { return base_directory("XDG_STATE_HOME", ".local/state"); }
std::string config_directory() { return base_directory("XDG_CONFIG_HOME", ".config"); }

}  // namespace mixguard::guard
