// SPDX-License-Identifier: Apache-2.0
#pragma once

// The trees that a run's operations change: the project, and directories outside of it that a run
// may write as well (a build path of the caller's, ~/.mix). Those are known by their absolute real
// path and by which directory it is: one that was made anew under the same path is another one, and
// nothing is done in it.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "guard/snapshot/tree.hpp"
#include "policy/result.hpp"
#include "sandbox/sys/unique_fd.hpp"

namespace mixguard::guard {

struct ExtraRoot {
  std::string path;  // absolute real path
  std::uint64_t inode =
      0;                  // of the directory, with its birth time; never its device, which changes
  std::int64_t born = 0;  // with a reboot
  std::string area;       // below runs/: where the run keeps its other side; empty: none of its own

  [[nodiscard]] bool is_same_directory(const ExtraRoot& other) const {
    return path == other.path && inode == other.inode && born == other.born;
  }
};

// Objects of a root change places with objects of the store, which takes one mount of one file
// system for both: EXDEV where it is another.
Result<void> require_same_mount(int root, const std::string& path, int store_dir);

// The directory at `path`, which is one already and no symlink; EXDEV where its objects could not
// be moved to `store_dir`.
Result<ExtraRoot> find_root(const std::string& path, int store_dir);

// Descriptors of the trees.
class LiveTrees {
 public:
  // `project` and `store_dir`, any directory of the store, belong to the caller.
  LiveTrees(int project, int store_dir) : project_(project), store_dir_(store_dir) {}
  LiveTrees(int project, int store_dir, const std::vector<ExtraRoot>& roots)
      : LiveTrees(project, store_dir) {
    for (const ExtraRoot& root : roots) add(root);
  }

  // Opens the root. That it cannot be used, or is another directory now, is the answer of of().
  // The first of several with one path counts that is still there.
  void add(const ExtraRoot& root);

  // "" is the project. Fails for a root that is not there any more: a descriptor is never one of
  // another directory.
  [[nodiscard]] Result<int> of(const std::string& root) const;
  // Whether it is this very directory that of() answers with.
  [[nodiscard]] bool has(const ExtraRoot& root) const;
  [[nodiscard]] std::vector<ExtraRoot> usable() const;

 private:
  struct Tree {
    ExtraRoot root;
    Result<sandbox::UniqueFd> fd;
  };
  int project_;
  int store_dir_;
  std::map<std::string, Tree> trees_;
};

// The same, with the directories opened last kept open. `trees` has to outlive this object.
class LiveParents {
 public:
  explicit LiveParents(const LiveTrees& trees) : trees_(trees) {}

  // Of one root. Belongs to this object and is valid until that goes. Fails as LiveTrees::of().
  Result<tree::Parents*> in(const std::string& root);
  // What lies at the path in the root.
  Result<std::optional<tree::Node>> look(const std::string& root, const std::string& path);

 private:
  const LiveTrees& trees_;
  std::map<std::string, tree::Parents> parents_;
};

}  // namespace mixguard::guard
