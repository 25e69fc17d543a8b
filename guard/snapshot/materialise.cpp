// SPDX-License-Identifier: Apache-2.0
#include "guard/snapshot/materialise.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>
#include <vector>

#include "guard/snapshot/tree.hpp"
#include "guard/snapshot/tree_diff.hpp"
#include "guard/snapshot/xattrs.hpp"

namespace mixguard::guard {
namespace {

using sandbox::UniqueFd;
using tree::fail_errno;

// Owner before attributes and mode, which a change of it clears; attributes before the mode, which
// may forbid them; the time last.
Result<void> finish_entry(int fd, const std::string& path, const Entry& entry) {
  if (::fchown(fd, entry.owner, entry.group) < 0 && errno != EPERM)
    return fail_errno("change the owner of", path);
  if (auto written = write_xattrs(fd, entry.xattrs, path); !written) return written;
  if (::fchmod(fd, entry.permissions()) < 0) return fail_errno("change the mode of", path);
  return tree::set_mtime(fd, "", entry.mtime);
}

}  // namespace

Result<void> Materialiser::make(const std::string& path, const Entry& entry) {
  std::vector<std::pair<std::string, Entry>> directories;
  const auto visit = [&](const std::string& at, const Entry& found) -> Result<void> {
    if (found.is_dir()) directories.emplace_back(at, found);
    return make_one(at, found);
  };
  const OnDamage leave_out = [&](const std::string& at) {
    left_out_.emplace_back(at, Uncovered::kDamaged);
  };
  const bool lenient = on_loss_ == OnLoss::kLeaveOut;
  auto made = each_entry(objects_, path, entry, visit, lenient ? leave_out : OnDamage());
  if (!made) return made;
  // When everything is in them.
  for (auto at = directories.rbegin(); at != directories.rend(); ++at) {
    const auto& [directory, found] = *at;
    auto fd = tree::open_dir(area_, directory);
    if (!fd) return propagate(fd);
    if (auto done = finish_entry(fd->get(), directory, found); !done) return done;
    if (!durability_.sync_each()) continue;
    if (auto synced = tree::sync(fd->get(), directory); !synced) return synced;
  }
  return {};
}

Result<void> Materialiser::make_one(const std::string& path, const Entry& entry) {
  if (!entry.is_kept()) left_out_.emplace_back(path, entry.uncovered);
  if (!entry.is_kept() && !entry.is_dir()) return {};
  const auto [parent, name] = tree::split(path);
  auto dir = parents_.of(path);
  if (!dir) return propagate(dir);
  if (entry.is_dir()) {
    if (::mkdirat(*dir, name.c_str(), S_IRWXU) < 0) return fail_errno("make", path);
    return {};
  }
  return entry.is_link() ? make_link(*dir, name, entry) : make_file(*dir, path, name, entry);
}

Result<void> Materialiser::make_file(int dir, const std::string& path, const std::string& name,
                                     const Entry& entry) {
  if (entry.links != 0) {
    const auto [first, is_first] = first_names_.emplace(entry.links, path);
    if (!is_first) {
      tree::Parents others(area_);
      auto other = others.of(first->second);
      if (!other) return propagate(other);
      const std::string known = tree::split(first->second).name;
      if (::linkat(*other, known.c_str(), dir, name.c_str(), 0) < 0)
        return fail_errno("link", path);
      return {};
    }
  }
  const UniqueFd file(::openat(
      dir, name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (!file) return fail_errno("make", path);
  auto written = write_content(objects_, entry.content, entry.size, entry.sparse, file.get());
  if (!written && on_loss_ == OnLoss::kLeaveOut && is_damage(written.error())) {
    left_out_.emplace_back(path, Uncovered::kDamaged);
    first_names_.erase(entry.links);
    if (::unlinkat(dir, name.c_str(), 0) < 0) return fail_errno("remove", path);
    return {};
  }
  if (!written) return fail(path + ": " + written.error().message, written.error().code);
  if (auto done = finish_entry(file.get(), path, entry); !done) return done;
  return durability_.sync_each() ? tree::sync(file.get(), path) : Result<void>();
}

Result<void> Materialiser::make_link(int dir, const std::string& name, const Entry& entry) {
  if (::symlinkat(entry.target.c_str(), dir, name.c_str()) < 0) return fail_errno("make", name);
  if (::fchownat(dir, name.c_str(), entry.owner, entry.group, AT_SYMLINK_NOFOLLOW) < 0 &&
      errno != EPERM)
    return fail_errno("change the owner of", name);
  return tree::set_mtime(dir, name, entry.mtime);
}

}  // namespace mixguard::guard
