// SPDX-License-Identifier: Apache-2.0
#include "guard/snapshot/roots.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <utility>

#include "guard/snapshot/tree.hpp"

namespace mixguard::guard {
namespace {

using sandbox::UniqueFd;

Result<UniqueFd> open_root(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) return tree::fail_errno("open", path);
  return fd;
}

Result<UniqueFd> open_same(const ExtraRoot& root, int store_dir) {
  auto fd = open_root(root.path);
  if (!fd) return fd;
  auto node = tree::look_at(fd->get(), root.path);
  if (!node) return propagate(node);
  if (node->inode != root.inode || node->born != root.born)
    return fail(root.path + " is another directory than it was when the run began", ESTALE);
  if (auto same = require_same_mount(fd->get(), root.path, store_dir); !same)
    return propagate(same);
  return fd;
}

}  // namespace

Result<void> require_same_mount(int root, const std::string& path, int store_dir) {
  struct statx theirs{};
  struct statx ours{};
  if (::statx(root, "", AT_EMPTY_PATH, STATX_MNT_ID, &theirs) < 0)
    return tree::fail_errno("look at", path);
  if (::statx(store_dir, "", AT_EMPTY_PATH, STATX_MNT_ID, &ours) < 0)
    return tree::fail_errno("look at", "the store");
  const bool same_device =
      theirs.stx_dev_major == ours.stx_dev_major && theirs.stx_dev_minor == ours.stx_dev_minor;
  // Where the kernel does not tell the mount (before 5.8), the renames will.
  const bool tells = (theirs.stx_mask & ours.stx_mask & STATX_MNT_ID) != 0;
  if (same_device && (!tells || theirs.stx_mnt_id == ours.stx_mnt_id)) return {};
  return fail(path + " is not on the file system of the project's .mixguard", EXDEV);
}

Result<ExtraRoot> find_root(const std::string& path, int store_dir) {
  auto fd = open_root(path);
  if (!fd) return propagate(fd);
  auto node = tree::look_at(fd->get(), path);
  if (!node) return propagate(node);
  if (auto same = require_same_mount(fd->get(), path, store_dir); !same) return propagate(same);
  return ExtraRoot{path, node->inode, node->born, {}};
}

void LiveTrees::add(const ExtraRoot& root) {
  const auto known = trees_.find(root.path);
  if (known != trees_.end() && known->second.fd) return;
  trees_.insert_or_assign(root.path, Tree{root, open_same(root, store_dir_)});
}

Result<int> LiveTrees::of(const std::string& root) const {
  if (root.empty()) return project_;
  const auto tree = trees_.find(root);
  if (tree == trees_.end()) return fail(root + ": the run did not write there", EINVAL);
  if (!tree->second.fd) return propagate(tree->second.fd);
  return tree->second.fd->get();
}

bool LiveTrees::has(const ExtraRoot& root) const {
  const auto tree = trees_.find(root.path);
  return tree != trees_.end() && tree->second.fd && tree->second.root.is_same_directory(root);
}

Result<tree::Parents*> LiveParents::in(const std::string& root) {
  const auto known = parents_.find(root);
  if (known != parents_.end()) return &known->second;
  auto fd = trees_.of(root);
  if (!fd) return propagate(fd);
  return &parents_.emplace(root, tree::Parents(*fd)).first->second;
}

Result<std::optional<tree::Node>> LiveParents::look(const std::string& root,
                                                    const std::string& path) {
  auto parents = in(root);
  if (!parents) return propagate(parents);
  return (*parents)->look(path);
}

std::vector<ExtraRoot> LiveTrees::usable() const {
  std::vector<ExtraRoot> roots;
  for (const auto& [path, tree] : trees_) {
    if (tree.fd) roots.push_back({path, tree.root.inode, tree.root.born, {}});
  }
  return roots;
}

}  // namespace mixguard::guard
