// SPDX-License-Identifier: Apache-2.0
#pragma once

// File system work below a directory descriptor. Every path is relative to one, never absolute,
// may hold any bytes and may be longer than PATH_MAX; no call follows a symlink or leaves the
// directory or its mount, so a symlink swapped in for a parent fails the call instead of leading
// it elsewhere. "" names the directory itself.

#include <sys/stat.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/result.hpp"
#include "sandbox/sys/unique_fd.hpp"

namespace mixguard::guard::tree {

using sandbox::UniqueFd;

// What lies at a path. Times in nanoseconds since the epoch.
struct Node {
  mode_t mode = 0;  // type and permission bits
  uid_t owner = 0;
  gid_t group = 0;
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::int64_t born = 0;  // 0 when the file system does not tell
  std::int64_t size = 0;
  std::int64_t mtime = 0;
  std::int64_t ctime = 0;
  std::uint64_t names = 1;     // hard links
  std::int64_t allocated = 0;  // bytes on the disk
  bool whiteout = false;       // a character device 0/0, overlayfs' mark for "deleted"

  [[nodiscard]] bool is_dir() const { return S_ISDIR(mode); }
  [[nodiscard]] bool is_file() const { return S_ISREG(mode); }
  [[nodiscard]] bool is_link() const { return S_ISLNK(mode); }
  [[nodiscard]] mode_t permissions() const { return mode & 07777; }
};

// "action object: strerror(errno)", with the errno kept.
[[nodiscard]] tl::unexpected<Error> fail_errno(std::string_view action, std::string_view object);

// A path cut at its last '/': the directory ("" at the top) and the name in it.
struct SplitPath {
  std::string parent;
  std::string name;
};
[[nodiscard]] SplitPath split(const std::string& path);
[[nodiscard]] std::string join(const std::string& parent, const std::string& name);
// A relative path as a person writes it, "junk/" or "./junk"; nothing when it is the directory
// itself or leads out of it.
[[nodiscard]] std::optional<std::string> as_written(std::string_view text);
// True when `path` is `top` or lies below it; everything lies below "".
[[nodiscard]] bool is_at_or_below(std::string_view path, std::string_view top);
// Such a path, relative to `top`; "" for `top` itself.
[[nodiscard]] std::string path_below(const std::string& path, std::string_view top);
// Orders paths so that what lies below a directory follows it directly.
[[nodiscard]] bool path_less(std::string_view left, std::string_view right);
struct PathOrder {
  bool operator()(std::string_view left, std::string_view right) const {
    return path_less(left, right);
  }
};

// In path order, without what is below another of them.
[[nodiscard]] std::vector<std::string> topmost(std::vector<std::string> paths);

// The node at `name` in the directory, not followed; nothing when it does not exist.
Result<std::optional<Node>> look(int dir, const std::string& name);
Result<Node> look_at(int fd, std::string_view object);

Result<UniqueFd> open_dir(int root, const std::string& path);
Result<UniqueFd> open_file(int dir, const std::string& name);  // for reading; a regular file only

// Opens the parent directories of one path after another and keeps the last: cheap for paths in
// order. The descriptor belongs to this object and is valid until the next call.
class Parents {
 public:
  explicit Parents(int root) : root_(root) {}
  Result<int> of(const std::string& path);  // ENOENT or ENOTDIR: the parent is not there

  // What lies at the path; nothing also when its parent is not there.
  Result<std::optional<Node>> look(const std::string& path);

 private:
  int root_;
  std::optional<std::string> current_;
  UniqueFd fd_;
};

// What the system says where the caller may not (errno).
[[nodiscard]] bool is_denied(int code);

// All of `bytes`. `object` is for the message.
Result<void> write_at(int fd, std::string_view bytes, std::int64_t offset, std::string_view object);

// Names in the directory without "." and "..", in no order.
Result<std::vector<std::string>> list(int dir, std::string_view object);

// Calls `visit` for the node at `path` and everything below it, a directory before its content.
// Fails at a directory that cannot be read.
enum class Walk { kOn, kPast, kStop };  // kPast: not into this directory
using Visit = std::function<Result<Walk>(const std::string& path, const Node& node)>;
Result<void> walk(int root, const std::string& path, const Visit& visit);

// Makes the directory and its parents (0700) as far as they are absent, and opens it.
Result<UniqueFd> make_dirs(int root, const std::string& path);

Result<void> rename(int from_dir, const std::string& from, int to_dir, const std::string& to,
                    unsigned flags);
Result<void> set_mode(int dir, const std::string& name, mode_t mode);  // not for symlinks
// Nanoseconds; the access time is left alone.
Result<void> set_mtime(int dir, const std::string& name, std::int64_t mtime);
Result<void> sync(int fd, std::string_view object);
// Gives the directory the mode and time of `model`, and its owner as far as the caller may.
Result<void> make_alike(int dir, const std::string& name, const Node& model);

Result<std::string> read_link(int dir, const std::string& name);
Result<std::string> read_file(int dir, const std::string& name);
// Replaces the file at once and durably: temporary, fsync, rename, fsync of the directory. With
// `durable` false neither is synced.
Result<void> write_file(int dir, const std::string& name, std::string_view content, bool durable);
Result<bool> same_content(int left_dir, const std::string& left, int right_dir,
                          const std::string& right);

// The file system's own clock: a moment later than the ctime of every change made before the call,
// and not later than that of any change made after it. Uses the ctime of `dir`, a descriptor that
// can be chmodded by the caller and is left with the mode 0700. Returns at once where ctimes are
// fine-grained (Linux 6.13), else after at most one tick.
Result<std::int64_t> moment(int dir);

// Moves the tree into `trash`, from where empty_trash() removes it. Nothing there is no error.
Result<void> move_to_trash(int dir, const std::string& name, int trash);
// Removes everything in `trash`, whatever its modes and however deep, or stops when `enough` says
// so and leaves the rest for the next time.
Result<void> empty_trash(int trash, const std::function<bool()>& enough);

}  // namespace mixguard::guard::tree
