// SPDX-License-Identifier: Apache-2.0
#include "guard/snapshot/copy_file.hpp"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "guard/snapshot/attributes.hpp"

namespace mixguard::guard {
namespace {

using sandbox::UniqueFd;
using tree::fail_errno;

constexpr off_t kChunk = 1L << 30;

Result<void> copy_by_hand(int from, int to, off_t offset, off_t end, const std::string& name) {
  std::array<char, 65536> buffer;
  while (offset < end) {
    const auto wanted = std::min<off_t>(end - offset, buffer.size());
    const ssize_t count = ::pread(from, buffer.data(), static_cast<std::size_t>(wanted), offset);
    if (count == 0) return {};
    if (count < 0) return fail_errno("read", name);
    for (ssize_t done = 0; done < count;) {
      const ssize_t written =
          ::pwrite(to, buffer.data() + done, static_cast<std::size_t>(count - done), offset + done);
      if (written < 0) return fail_errno("copy", name);
      done += written;
    }
    offset += count;
  }
  return {};
}

Result<void> copy_range(int from, int to, off_t offset, off_t end, const std::string& name) {
  off_t source = offset;
  off_t target = offset;
  while (source < end) {
    const auto wanted = std::min<off_t>(end - source, kChunk);
    const ssize_t count =
        ::copy_file_range(from, &source, to, &target, static_cast<std::size_t>(wanted), 0);
    if (count == 0) return {};
    if (count > 0) continue;
    const bool cannot = errno == EXDEV || errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP;
    if (cannot && source == offset) return copy_by_hand(from, to, offset, end, name);
    return fail_errno("copy", name);
  }
  return {};
}

// Holes stay holes: a sparse file may be larger than the disk.
Result<void> copy_content(int from, int to, off_t size, const std::string& name) {
  if (::ftruncate(to, 0) < 0) return fail_errno("copy", name);
  if (::ioctl(to, FICLONE, from) == 0) return {};
  for (off_t at = 0; at < size;) {
    const off_t data = ::lseek(from, at, SEEK_DATA);
    if (data < 0 && errno == ENXIO) break;  // a hole up to the end
    if (data < 0) return fail_errno("read", name);
    const off_t hole = ::lseek(from, data, SEEK_HOLE);
    if (hole < 0) return fail_errno("read", name);
    if (auto copied = copy_range(from, to, data, hole, name); !copied) return copied;
    at = hole;
  }
  if (::ftruncate(to, size) < 0) return fail_errno("copy", name);
  return {};
}

// Until what was read is one state of the file and not two halves.
Result<tree::Node> copy_steadily(int from, int to, const std::string& name) {
  constexpr int kTries = 5;
  for (int i = 0; i < kTries; ++i) {
    auto before = tree::look_at(from, name);
    if (!before) return before;
    if (auto copied = copy_content(from, to, before->size, name); !copied) return propagate(copied);
    auto after = tree::look_at(from, name);
    if (!after) return after;
    if (before->ctime == after->ctime && before->size == after->size) return after;
  }
  return fail("copy " + name + ": it kept changing", EBUSY);
}

}  // namespace

Result<tree::Node> copy_file(int from_dir, const std::string& name, int to_dir, bool sync) {
  auto from = tree::open_file(from_dir, name);
  if (!from) return propagate(from);
  const UniqueFd to(
      ::openat(to_dir, name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!to) return fail_errno("copy", name);
  auto node = copy_steadily(from->get(), to.get(), name);
  if (!node) return node;
  auto attributes = extended_attributes(from_dir, name);
  if (!attributes) return propagate(attributes);
  if (auto set = set_extended_attributes(to.get(), *attributes, name); !set) return propagate(set);
  // Only now: an access list brings a mode of its own.
  if (::fchmod(to.get(), node->permissions()) < 0) return fail_errno("change the mode of", name);
  if (auto set = tree::set_mtime(to.get(), "", node->mtime); !set) return propagate(set);
  if (!sync) return node;
  if (auto synced = tree::sync(to.get(), name); !synced) return propagate(synced);
  return node;
}

}  // namespace mixguard::guard
