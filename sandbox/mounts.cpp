// SPDX-License-Identifier: Apache-2.0
#include "sandbox/mounts.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <tuple>

namespace mixguard::sandbox {
namespace {

using Kind = MountStep::Kind;

constexpr std::string_view kHosts = "/etc/hosts";

class Layout {
 public:
  explicit Layout(MountPlan& plan) : plan_(plan) {}

  MountStep& add(Kind kind, std::string_view target, std::string_view source = {}) {
    MountStep& step = plan_.steps.emplace_back();
    step.kind = kind;
    step.target = keep(target.substr(std::min(target.size(), target.find_first_not_of('/'))));
    if (!source.empty()) step.source = keep(source);
    return step;
  }
  MountStep& bind(std::string_view source, std::string_view target) {
    return add(Kind::kBind, target, source);
  }
  const char* keep(std::string_view text) { return plan_.texts.emplace_back(text).c_str(); }

 private:
  MountPlan& plan_;
};

bool below(std::string_view path, std::string_view directory) {
  return path.size() > directory.size() && path.starts_with(directory) &&
         path[directory.size()] == '/';
}

void add_devices(Layout& layout) {
  layout.add(Kind::kTmpfs, "/dev", "0755");
  for (const char* node : {"null", "zero", "full", "random", "urandom", "tty"}) {
    const std::string path = std::string("/dev/") + node;
    MountStep& step = layout.bind(path, path);
    step.writable = true;
    step.optional = std::strcmp(node, "tty") == 0;
  }
  layout.add(Kind::kSymlink, "/dev/fd", "/proc/self/fd");
  layout.add(Kind::kSymlink, "/dev/stdin", "/proc/self/fd/0");
  layout.add(Kind::kSymlink, "/dev/stdout", "/proc/self/fd/1");
  layout.add(Kind::kSymlink, "/dev/stderr", "/proc/self/fd/2");
  layout.add(Kind::kDevpts, "/dev/pts");
  layout.add(Kind::kSymlink, "/dev/ptmx", "pts/ptmx");
  layout.add(Kind::kTmpfs, "/dev/shm", "1777");
}

// A mount of the workspace, before it is put in order.
struct Entry {
  std::string target;
  enum class What { kHome, kTree, kBind } what;
  const Bind* bind = nullptr;
  std::size_t tree = 0;
};

// The project is the first, where there is one.
std::vector<Tree> trees_of(const Workspace& workspace) {
  std::vector<Tree> trees;
  if (!workspace.project.empty()) {
    trees.push_back({workspace.project, workspace.project, workspace.project_fd, workspace.upper,
                     workspace.work});
  }
  trees.insert(trees.end(), workspace.trees.begin(), workspace.trees.end());
  return trees;
}

std::vector<Entry> sorted_entries(const Workspace& workspace, const std::vector<Tree>& trees) {
  std::vector<Entry> entries;
  if (!workspace.home.empty()) entries.push_back({workspace.home, Entry::What::kHome});
  for (std::size_t i = 0; i < trees.size(); ++i)
    entries.push_back({trees[i].target, Entry::What::kTree, nullptr, i});
  for (const Bind& bind : workspace.binds)
    entries.push_back({bind.target, Entry::What::kBind, &bind});
  // A path sorts after every path that contains it; for equal ones the order above stands (a
  // project that is $HOME).
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::tie(a.target, a.what) < std::tie(b.target, b.what);
  });
  return entries;
}

std::string relative_to(const std::string& path, const std::string& directory) {
  return path.substr(directory.size() + 1);
}

Result<const char*> find_staging() {
  for (const char* directory : {"/tmp", "/run", "/mnt", "/var"}) {
    struct stat info{};
    if (::stat(directory, &info) == 0 && S_ISDIR(info.st_mode)) return directory;
  }
  return fail("none of /tmp, /run, /mnt and /var is a directory to build the new root on", ENOENT);
}

Result<void> pin(const Tree& tree, Layout& layout, MountPlan& plan) {
  struct stat info{};
  if (::fstat(tree.fd, &info) != 0)
    return fail("stat " + tree.path + ": " + std::strerror(errno), errno);
  TreePlan pinned;
  pinned.root = layout.keep(tree.path);
  pinned.device = info.st_dev;
  pinned.inode = info.st_ino;
  if (!tree.upper.empty()) {
    pinned.upper = layout.keep(tree.upper);
    pinned.work = layout.keep(tree.work);
  }
  plan.trees.push_back(pinned);
  return {};
}

void add_live_paths(const Workspace& workspace, Layout& layout) {
  for (const std::string& path : workspace.live_writable) {
    const std::string relative = relative_to(path, workspace.project);
    MountStep& step = layout.bind(relative, path);
    step.inside_tree = true;
    step.source_in_project = true;
    step.writable = true;
  }
  for (const std::string& path : workspace.masked_directories) {
    layout.add(Kind::kTmpfs, path, "0000").inside_tree = true;
  }
  // A device on a mount without devices: it is there and cannot be opened.
  for (const std::string& path : workspace.masked_files) {
    MountStep& step = layout.bind("/dev/null", path);
    step.inside_tree = true;
  }
}

}  // namespace

Result<MountPlan> prepare_mounts(const Workspace& workspace, const std::string& hosts) {
  MountPlan plan;
  Layout layout(plan);
  const Result<const char*> staging = find_staging();
  if (!staging) return propagate(staging);
  plan.staging = *staging;
  const std::vector<Tree> trees = trees_of(workspace);
  for (const Tree& tree : trees) {
    if (auto pinned = pin(tree, layout, plan); !pinned) return propagate(pinned);
  }
  plan.open_trees.resize(trees.size());

  layout.add(Kind::kTmpfs, "/tmp", "1777");
  add_devices(layout);
  layout.add(Kind::kProc, "/proc");
  for (const Entry& entry : sorted_entries(workspace, trees)) {
    const bool inside_tree = std::any_of(trees.begin(), trees.end(), [&](const Tree& tree) {
      return below(entry.target, tree.target);
    });
    MountStep* step = nullptr;
    switch (entry.what) {
      case Entry::What::kHome:
        step = &layout.add(Kind::kTmpfs, entry.target, "0700");
        break;
      case Entry::What::kTree:
        step = &layout.add(Kind::kTree, entry.target);
        step->tree = entry.tree;
        break;
      case Entry::What::kBind:
        // What is inside a tree is seen through the tree's own mount.
        if (inside_tree || entry.target == kHosts) continue;
        step = &layout.bind(entry.bind->source, entry.target);
        step->writable = entry.bind->writable;
        step->optional = entry.bind->optional;
        break;
    }
    step->inside_tree = inside_tree;
  }
  layout.add(Kind::kFile, kHosts, hosts);
  for (const Symlink& link : workspace.symlinks) layout.add(Kind::kSymlink, link.path, link.target);
  add_live_paths(workspace, layout);
  plan.sources.assign(plan.steps.size(), -1);
  return plan;
}

}  // namespace mixguard::sandbox
