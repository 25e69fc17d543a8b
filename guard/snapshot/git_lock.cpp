// SPDX-License-Identifier: Apache-2.0
#include "guard/snapshot/git_lock.hpp"

#include <algorithm>
#include <cerrno>
#include <set>
#include <string>
#include <utility>

#include "guard/snapshot/tree.hpp"

namespace mixguard::guard {
namespace {

// "deps/a/.git" of "deps/a/.git/refs/x"; empty when the path is not inside a repository's own
// directory. A .git that comes or goes as a whole has its lock in it.
std::string repository_of(const std::string& path) {
  constexpr const char* kInside = ".git/";
  for (std::size_t at = path.find(kInside); at != std::string::npos;
       at = path.find(kInside, at + 1)) {
    if (at == 0 || path[at - 1] == '/') return path.substr(0, at + 4);
  }
  return "";
}

}  // namespace

Result<void> refuse_while_git_works(const LiveTrees& trees, const std::vector<Op>& ops,
                                    GoingLock going) {
  std::set<std::pair<std::string, std::string>> locks;  // root and path
  for (const Op& op : ops) {
    if (std::string repository = repository_of(op.path); !repository.empty())
      locks.emplace(op.root, repository + "/index.lock");
  }
  for (const auto& [root, lock] : locks) {
    auto live = trees.of(root);
    if (!live) return propagate(live);
    auto node = tree::Parents(*live).look(lock);
    if (!node) return propagate(node);
    const bool goes =
        going == GoingLock::kOfTheRun &&
        std::any_of(ops.begin(), ops.end(), [&, at = &root, path = &lock](const Op& op) {
          return op.root == *at && op.path == *path && same_object(op.before, *node);
        });
    if (*node && !goes)
      return fail("roll back: git is at work in the project (" + full_path(root, lock) +
                      " is there); wait for it, or remove the lock when no git is running "
                      "(--force goes ahead all the same)",
                  EBUSY);
  }
  return {};
}

}  // namespace mixguard::guard
