// SPDX-License-Identifier: Apache-2.0
#include "guard/snapshot/tree.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
#include <ctime>
#include <memory>

namespace mixguard::guard::tree {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

std::int64_t nanoseconds(const statx_timestamp& time) {
  return time.tv_sec * kSecond + static_cast<std::int64_t>(time.tv_nsec);
}

Node node_from(const struct statx& raw) {
  Node node;
  node.mode = raw.stx_mode;
  node.owner = raw.stx_uid;
  node.group = raw.stx_gid;
  node.device = makedev(raw.stx_dev_major, raw.stx_dev_minor);
  node.inode = raw.stx_ino;
  if ((raw.stx_mask & STATX_BTIME) != 0) node.born = nanoseconds(raw.stx_btime);
  node.size = static_cast<std::int64_t>(raw.stx_size);
  node.mtime = nanoseconds(raw.stx_mtime);
  node.ctime = nanoseconds(raw.stx_ctime);
  node.names = raw.stx_nlink;
  constexpr std::int64_t kBlock = 512;  // stx_blocks, statx(2)
  node.allocated = static_cast<std::int64_t>(raw.stx_blocks) * kBlock;
  node.whiteout = S_ISCHR(node.mode) && raw.stx_rdev_major == 0 && raw.stx_rdev_minor == 0;
  return node;
}

std::string_view shown(std::string_view path) { return path.empty() ? "." : path; }

// openat2(2) where a seccomp filter hides it (old container profiles): one component after the
// other, no symlink followed, nothing above, no other device.
int open_stepwise(int root, std::string_view path, int flags) {
  struct stat home{};
  if (::fstat(root, &home) < 0) return -1;
  UniqueFd at;
  while (!path.empty()) {
    const std::string name(path.substr(0, path.find('/')));
    path.remove_prefix(std::min(name.size() + 1, path.size()));
    if (name == "..") return errno = EXDEV, -1;
    const int step = path.empty() ? flags : O_PATH | O_DIRECTORY;
    UniqueFd next(::openat(at ? at.get() : root, name.c_str(), step | O_NOFOLLOW | O_CLOEXEC));
    struct stat info{};
    if (!next || ::fstat(next.get(), &info) < 0) return -1;
    if (info.st_dev != home.st_dev) return errno = EXDEV, -1;
    at = std::move(next);
  }
  return at.release();
}

int open_beneath(int root, const char* path, int flags) {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags) | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV;
  // RESOLVE_BENEATH answers EAGAIN when a rename anywhere raced with it.
  for (int tries = 0;; ++tries) {
    const long fd = ::syscall(SYS_openat2, root, path, &how, sizeof how);
    if (fd < 0 && errno == ENOSYS) return open_stepwise(root, path, flags);
    if (fd >= 0 || errno != EAGAIN || tries == 100) return static_cast<int>(fd);
  }
}

// The longest prefix of whole components that a system call takes.
std::size_t chunk_end(std::string_view path) {
  constexpr std::size_t kLimit = PATH_MAX - 1;
  if (path.size() <= kLimit) return path.size();
  const std::size_t cut = path.rfind('/', kLimit);
  return cut == std::string_view::npos ? path.size() : cut;
}

Result<std::string> slurp(int fd, std::string_view object) {
  std::string content;
  std::array<char, 65536> buffer;
  for (;;) {
    const ssize_t count = ::read(fd, buffer.data(), buffer.size());
    if (count == 0) return content;
    if (count > 0) content.append(buffer.data(), static_cast<std::size_t>(count));
    if (count < 0 && errno != EINTR) return fail_errno("read", object);
  }
}

Result<void> write_all(int fd, std::string_view content, std::string_view object) {
  while (!content.empty()) {
    const ssize_t count = ::write(fd, content.data(), content.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail_errno("write", object);
    content.remove_prefix(static_cast<std::size_t>(count));
  }
  return {};
}

// A name for something in the trash that nothing there has.
std::string trash_name(const Node& node) {
  return std::to_string(node.inode) + "-" + std::to_string(node.ctime);
}

// Makes a directory's entries removable, whatever mode the command left it with.
Result<UniqueFd> open_for_removal(int dir, const std::string& name) {
  if (auto changed = set_mode(dir, name, 0700); !changed) return propagate(changed);
  return open_dir(dir, name);
}

// Removes one directory of the trash. Its subdirectories move up into the trash, to be removed in
// their turn, so that neither depth nor the length of a path ever matters.
Result<void> flatten(int trash, const std::string& name, const std::function<bool()>& enough) {
  auto dir = open_for_removal(trash, name);
  if (!dir) return propagate(dir);
  auto names = list(dir->get(), name);
  if (!names) return propagate(names);
  for (const std::string& child : *names) {
    if (enough()) return {};
    if (::unlinkat(dir->get(), child.c_str(), 0) == 0) continue;
    if (errno != EISDIR && errno != EPERM) return fail_errno("remove", child);
    if (auto moved = move_to_trash(dir->get(), child, trash); !moved) return moved;
  }
  if (::unlinkat(trash, name.c_str(), AT_REMOVEDIR) < 0) return fail_errno("remove", name);
  return {};
}

}  // namespace

tl::unexpected<Error> fail_errno(std::string_view action, std::string_view object) {
  const int code = errno;
  std::string message(action);
  message.append(" ").append(shown(object)).append(": ").append(std::strerror(code));
  return fail(std::move(message), code);
}

SplitPath split(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return {"", path};
  return {path.substr(0, slash), path.substr(slash + 1)};
}

std::string join(const std::string& parent, const std::string& name) {
  return parent.empty() ? name : parent + "/" + name;
}

std::optional<std::string> as_written(std::string_view text) {
  std::string path;
  while (!text.empty()) {
    const std::string_view part = text.substr(0, text.find('/'));
    text.remove_prefix(std::min(part.size() + 1, text.size()));
    if (part == "..") return std::nullopt;
    if (!part.empty() && part != ".") path = join(path, std::string(part));
  }
  if (path.empty()) return std::nullopt;
  return path;
}

bool is_at_or_below(std::string_view path, std::string_view top) {
  if (top.empty()) return true;
  return path.starts_with(top) && (path.size() == top.size() || path[top.size()] == '/');
}

std::string path_below(const std::string& path, std::string_view top) {
  if (path == top) return {};
  return path.substr(top.empty() ? 0 : top.size() + 1);
}

bool path_less(std::string_view left, std::string_view right) {
  const auto rank = [](char byte) {
    return byte == '/' ? 0 : static_cast<int>(static_cast<unsigned char>(byte)) + 1;
  };
  return std::lexicographical_compare(left.begin(), left.end(), right.begin(), right.end(),
                                      [&](char a, char b) { return rank(a) < rank(b); });
}

std::vector<std::string> topmost(std::vector<std::string> paths) {
  std::sort(paths.begin(), paths.end(), PathOrder());
  const auto covered = [](const std::string& above, const std::string& path) {
    return is_at_or_below(path, above);
  };
  paths.erase(std::unique(paths.begin(), paths.end(), covered), paths.end());
  return paths;
}

Result<std::optional<Node>> look(int dir, const std::string& name) {
  struct statx raw{};
  const int flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | (name.empty() ? AT_EMPTY_PATH : 0);
  if (::statx(dir, name.c_str(), flags, STATX_BASIC_STATS | STATX_BTIME, &raw) == 0)
    return std::optional(node_from(raw));
  if (errno == ENOENT) return std::optional<Node>();
  return fail_errno("look at", name);
}

Result<Node> look_at(int fd, std::string_view object) {
  struct statx raw{};
  if (::statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME, &raw) < 0)
    return fail_errno("look at", object);
  return node_from(raw);
}

Result<UniqueFd> open_dir(int root, const std::string& path) {
  constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
  std::string_view rest = shown(path);
  UniqueFd at;
  do {
    const std::size_t end = chunk_end(rest);
    const std::string chunk(rest.substr(0, end));
    UniqueFd next(open_beneath(at ? at.get() : root, chunk.c_str(), kFlags));
    if (!next) return fail_errno("open", path);
    at = std::move(next);
    rest.remove_prefix(std::min(end + 1, rest.size()));
  } while (!rest.empty());
  return at;
}

Result<UniqueFd> open_file(int dir, const std::string& name) {
  // O_NONBLOCK: a fifo put there meanwhile must not hold us up.
  UniqueFd fd(open_beneath(dir, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
  if (!fd) return fail_errno("open", name);
  auto node = look_at(fd.get(), name);
  if (!node) return propagate(node);
  if (!node->is_file()) return fail("open " + name + ": not a regular file", EINVAL);
  return fd;
}

Result<int> Parents::of(const std::string& path) {
  std::string parent = split(path).parent;
  if (current_ == parent) return fd_.get();
  current_.reset();
  auto fd = open_dir(root_, parent);
  if (!fd) return propagate(fd);
  fd_ = std::move(*fd);
  current_ = std::move(parent);
  return fd_.get();
}

Result<std::optional<Node>> Parents::look(const std::string& path) {
  const auto parent = of(path);
  if (parent) return tree::look(*parent, split(path).name);
  const int code = parent.error().code;
  if (code == ENOENT || code == ENOTDIR || code == ELOOP) return std::optional<Node>();
  return propagate(parent);
}

Result<std::vector<std::string>> list(int dir, std::string_view object) {
  // A descriptor of its own: reading moves the offset, which a duplicate would share.
  const int fd = ::openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return fail_errno("open", object);
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(fd), ::closedir);
  if (!stream) {
    ::close(fd);
    return fail_errno("read", object);
  }
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = ::readdir(stream.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
    errno = 0;
  }
  if (errno != 0) return fail_errno("read", object);
  return names;
}

Result<void> walk(int root, const std::string& path, const Visit& visit) {
  std::vector<std::string> pending;
  const auto meet = [&](const std::string& at, const Node& node) -> Result<bool> {
    auto next = visit(at, node);
    if (!next) return propagate(next);
    if (*next == Walk::kOn && node.is_dir()) pending.push_back(at);
    return *next != Walk::kStop;
  };
  auto top = Parents(root).look(path);
  if (!top) return propagate(top);
  if (!*top) return {};
  if (auto proceed = meet(path, **top); !proceed) return propagate(proceed);
  while (!pending.empty()) {
    const std::string parent = std::move(pending.back());
    pending.pop_back();
    auto dir = open_dir(root, parent);
    if (!dir) return propagate(dir);
    auto names = list(dir->get(), parent);
    if (!names) return propagate(names);
    for (const std::string& name : *names) {
      auto node = look(dir->get(), name);
      if (!node) return propagate(node);
      if (!*node) continue;
      auto proceed = meet(join(parent, name), **node);
      if (!proceed) return propagate(proceed);
      if (!*proceed) return {};
    }
  }
  return {};
}

Result<UniqueFd> make_dirs(int root, const std::string& path) {
  auto at = open_dir(root, path);
  if (at || at.error().code != ENOENT || path.empty()) return at;
  at = open_dir(root, "");
  std::string_view rest = path;
  while (at && !rest.empty()) {
    const std::string name(rest.substr(0, rest.find('/')));
    rest.remove_prefix(std::min(name.size() + 1, rest.size()));
    if (::mkdirat(at->get(), name.c_str(), 0700) < 0 && errno != EEXIST)
      return fail_errno("make", path);
    at = open_dir(at->get(), name);
  }
  return at;
}

Result<void> rename(int from_dir, const std::string& from, int to_dir, const std::string& to,
                    unsigned flags) {
  if (::syscall(SYS_renameat2, from_dir, from.c_str(), to_dir, to.c_str(), flags) < 0)
    return fail_errno("rename", from);
  return {};
}

bool is_denied(int code) { return code == EACCES || code == EPERM; }

Result<void> write_at(int fd, std::string_view bytes, std::int64_t offset,
                      std::string_view object) {
  while (!bytes.empty()) {
    const ssize_t count = ::pwrite(fd, bytes.data(), bytes.size(), offset);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail_errno("write", object);
    bytes.remove_prefix(static_cast<std::size_t>(count));
    offset += count;
  }
  return {};
}

Result<void> set_mode(int dir, const std::string& name, mode_t mode) {
  if (::fchmodat(dir, name.c_str(), mode & 07777, AT_SYMLINK_NOFOLLOW) < 0)
    return fail_errno("change the mode of", name);
  return {};
}

Result<void> set_mtime(int dir, const std::string& name, std::int64_t mtime) {
  std::array<timespec, 2> times{};
  times[0].tv_nsec = UTIME_OMIT;
  // Rounded down, so that a time before 1970 keeps a positive nanosecond part.
  times[1].tv_nsec = ((mtime % kSecond) + kSecond) % kSecond;
  times[1].tv_sec = (mtime - times[1].tv_nsec) / kSecond;
  const int set = name.empty() ? ::futimens(dir, times.data())
                               : ::utimensat(dir, name.c_str(), times.data(), AT_SYMLINK_NOFOLLOW);
  if (set < 0) return fail_errno("set the time of", name);
  return {};
}

Result<void> sync(int fd, std::string_view object) {
  if (::fsync(fd) < 0) return fail_errno("sync", object);
  return {};
}

Result<void> make_alike(int dir, const std::string& name, const Node& model) {
  // Owner first: a change of it clears set-group-id.
  if (::fchownat(dir, name.c_str(), model.owner, model.group, AT_SYMLINK_NOFOLLOW) < 0 &&
      errno != EPERM)
    return fail_errno("change the owner of", name);
  if (auto changed = set_mode(dir, name, model.permissions()); !changed) return changed;
  return set_mtime(dir, name, model.mtime);
}

Result<std::string> read_link(int dir, const std::string& name) {
  std::string target(PATH_MAX, '\0');
  const ssize_t size = ::readlinkat(dir, name.c_str(), target.data(), target.size());
  if (size < 0) return fail_errno("read the link", name);
  target.resize(static_cast<std::size_t>(size));
  return target;
}

Result<std::string> read_file(int dir, const std::string& name) {
  auto fd = open_file(dir, name);
  if (!fd) return propagate(fd);
  return slurp(fd->get(), name);
}

Result<void> write_file(int dir, const std::string& name, std::string_view content, bool durable) {
  const std::string temporary = name + ".new";
  UniqueFd fd(::openat(dir, temporary.c_str(),
                       O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd) return fail_errno("write", name);
  if (auto written = write_all(fd.get(), content, name); !written) return written;
  if (durable) {
    if (auto synced = sync(fd.get(), name); !synced) return synced;
  }
  if (auto moved = rename(dir, temporary, dir, name, 0); !moved) return moved;
  if (!durable) return {};
  auto self = open_dir(dir, "");
  if (!self) return propagate(self);
  return sync(self->get(), name);
}

Result<bool> same_content(int left_dir, const std::string& left, int right_dir,
                          const std::string& right) {
  auto first = open_file(left_dir, left);
  if (!first) return propagate(first);
  auto second = open_file(right_dir, right);
  if (!second) return propagate(second);
  std::array<char, 65536> a;
  std::array<char, 65536> b;
  for (off_t offset = 0;;) {
    const ssize_t count = ::pread(first->get(), a.data(), a.size(), offset);
    if (count < 0) return fail_errno("read", left);
    const ssize_t other = ::pread(second->get(), b.data(), b.size(), offset);
    if (other < 0) return fail_errno("read", right);
    if (count != other) return false;
    if (count == 0) return true;
    if (std::memcmp(a.data(), b.data(), static_cast<std::size_t>(count)) != 0) return false;
    offset += count;
  }
}

Result<std::int64_t> moment(int dir) {
  std::int64_t first = 0;
  for (int tries = 0;; ++tries) {
    if (::fchmod(dir, 0700) < 0) return fail_errno("change the mode of", "the run's directory");
    auto node = look_at(dir, "the run's directory");
    if (!node) return propagate(node);
    if (tries == 0) first = node->ctime;
    // Reading a ctime makes the next one fine-grained where the kernel can; where it cannot, wait
    // until the tick is over in which something else may have changed.
    if (node->ctime > first || tries == 100) return node->ctime;
    if (tries > 0) {
      constexpr timespec kMillisecond{0, 1'000'000};
      ::nanosleep(&kMillisecond, nullptr);
    }
  }
}

Result<void> move_to_trash(int dir, const std::string& name, int trash) {
  auto node = look(dir, name);
  if (!node) return propagate(node);
  if (!*node) return {};
  // Moving a directory rewrites its "..", for which its owner needs the right to write it.
  if ((*node)->is_dir() && ((*node)->mode & 0700) != 0700) {
    if (auto changed = set_mode(dir, name, 0700); !changed) return changed;
  }
  return rename(dir, name, trash, trash_name(**node), 0);
}

Result<void> empty_trash(int trash, const std::function<bool()>& enough) {
  while (!enough()) {
    auto names = list(trash, "trash");
    if (!names) return propagate(names);
    if (names->empty()) return {};
    for (const std::string& name : *names) {
      if (enough()) return {};
      if (::unlinkat(trash, name.c_str(), 0) == 0 || errno == ENOENT) continue;
      if (errno != EISDIR && errno != EPERM) return fail_errno("remove", name);
      if (auto removed = flatten(trash, name, enough); !removed) return removed;
    }
  }
  return {};
}

}  // namespace mixguard::guard::tree
