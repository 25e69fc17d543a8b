// SPDX-License-Identifier: Apache-2.0
#include "guard/snapshot/preimage.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>

#include "guard/snapshot/attributes.hpp"
#include "guard/snapshot/copy_file.hpp"
#include "guard/snapshot/durability.hpp"
#include "guard/snapshot/manifest.hpp"
#include "guard/snapshot/tree.hpp"

namespace mixguard::guard {
namespace {

using tree::Node;
using tree::Walk;

constexpr const char* kBefore = "before";
constexpr const char* kStoreName = ".mixguard";

// "lib/" and "./lib" are "lib"; a root below another one is left out.
std::vector<std::string> tidy_roots(std::vector<std::string> roots) {
  for (std::string& root : roots) {
    while (root.starts_with("./")) root.erase(0, 2);
    while (root.ends_with('/')) root.pop_back();
    if (root == ".") root.clear();
  }
  std::sort(roots.begin(), roots.end(), tree::PathOrder());
  const auto covered = [](const std::string& above, const std::string& root) {
    return tree::is_at_or_below(root, above);
  };
  roots.erase(std::unique(roots.begin(), roots.end(), covered), roots.end());
  return roots;
}

// Copies the roots to runs/ID/before.
class Copier {
 public:
  Copier(int project, int before) : project_(project), before_(before), from_(project) {}

  Result<Manifest> copy(const std::vector<std::string>& roots) {
    for (const std::string& root : roots) {
      // Also for a root that is absent: what appears there will have to go somewhere.
      auto parent = tree::make_dirs(before_, tree::split(root).parent);
      if (!parent) return propagate(parent);
      auto walked = tree::walk(project_, root, [&](const std::string& path, const Node& node) {
        return take(path, node);
      });
      if (!walked) return propagate(walked);
    }
    if (auto finished = finish_directories(); !finished) return propagate(finished);
    if (auto synced = durability_.finish(before_); !synced) return propagate(synced);
    return std::move(manifest_);
  }

 private:
  Result<Walk> take(const std::string& path, const Node& node) {
    if (path == kStoreName) return Walk::kPast;
    ManifestEntry entry;
    entry.node = node;
    auto copied = Result<void>();
    if (node.is_dir()) {
      copied = make_directory(path);
    } else if (node.is_file()) {
      copied = copy_regular(path, entry);
    } else if (node.is_link()) {
      copied = copy_link(path, entry);
    } else {
      entry.skipped = true;
    }
    if (!copied) return propagate(copied);
    manifest_.emplace(path, std::move(entry));
    return Walk::kOn;
  }

  Result<void> make_directory(const std::string& path) {
    auto made = tree::make_dirs(before_, path);
    if (!made) return propagate(made);
    target_path_.reset();
    return {};
  }

  // The directory of the copy; most paths have the same as the one before.
  Result<int> target_of(const std::string& path) {
    std::string parent = tree::split(path).parent;
    if (target_path_ == parent) return target_.get();
    auto dir = tree::open_dir(before_, parent);
    if (!dir) return propagate(dir);
    target_ = std::move(*dir);
    target_path_ = std::move(parent);
    return target_.get();
  }

  Result<void> copy_regular(const std::string& path, ManifestEntry& entry) {
    auto from = from_.of(path);
    if (!from) return propagate(from);
    auto to = target_of(path);
    if (!to) return propagate(to);
    auto node = copy_file(*from, tree::split(path).name, *to, durability_.sync_each());
    if (!node) return propagate(node);
    entry.node = *node;
    return {};
  }

  Result<void> copy_link(const std::string& path, ManifestEntry& entry) {
    const std::string name = tree::split(path).name;
    auto from = from_.of(path);
    if (!from) return propagate(from);
    auto to = target_of(path);
    if (!to) return propagate(to);
    auto target = tree::read_link(*from, name);
    if (!target) return propagate(target);
    if (::symlinkat(target->c_str(), *to, name.c_str()) < 0) return tree::fail_errno("copy", path);
    entry.target = std::move(*target);
    return tree::set_mtime(*to, name, entry.node.mtime);
  }

  // Modes and times of directories when all is in them, the deepest first.
  Result<void> finish_directories() {
    for (auto at = manifest_.rbegin(); at != manifest_.rend(); ++at) {
      const auto& [path, entry] = *at;
      if (!entry.node.is_dir()) continue;
      auto dir = tree::open_dir(before_, path);
      if (!dir) return propagate(dir);
      if (auto done = tree::make_alike(dir->get(), ".", entry.node); !done) return done;
      if (!durability_.sync_each()) continue;
      if (auto synced = tree::sync(dir->get(), path); !synced) return synced;
    }
    return {};
  }

  int project_;
  int before_;
  tree::Parents from_;
  tree::UniqueFd target_;
  std::optional<std::string> target_path_;
  Durability durability_;
  Manifest manifest_;
};

// The operations that lead from the copy to what lies in the project now.
class Differ {
 public:
  Differ(const Manifest& manifest, int project, int before)
      : manifest_(manifest), project_(project), live_(project), copies_(before) {
    for (const auto& [path, entry] : manifest) {
      const auto [parent, name] = tree::split(path);
      if (!name.empty()) children_[parent].push_back(name);
    }
  }

  Result<std::vector<Op>> diff(std::vector<std::string> pending) {
    while (!pending.empty()) {
      const std::string path = std::move(pending.back());
      pending.pop_back();
      if (path == kStoreName) continue;
      if (auto compared = compare(path, pending); !compared) return propagate(compared);
    }
    return std::move(ops_);
  }

 private:
  static bool special(const Node& node) {
    return !node.is_dir() && !node.is_file() && !node.is_link();
  }

  Result<void> compare(const std::string& path, std::vector<std::string>& pending) {
    auto live = live_.look(path);
    if (!live) return propagate(live);
    const auto found = manifest_.find(path);
    if (found == manifest_.end() || found->second.skipped) {
      const bool known = found != manifest_.end();
      if (!*live || (known && special(**live))) return {};
      return add(path, std::nullopt, Identity(**live));
    }
    const ManifestEntry& entry = found->second;
    if (*live && (*live)->is_dir() && entry.node.is_dir())
      return compare_directories(path, entry, **live, pending);
    auto copy = copy_of(path, entry);
    if (!copy) return propagate(copy);
    if (*live) {
      auto equal = unchanged(path, entry, **live);
      if (!equal) return propagate(equal);
      if (*equal) return {};
    }
    std::optional<Identity> after;
    if (*live) after.emplace(**live);
    return add(path, Identity(*copy), after);
  }

  Result<void> compare_directories(const std::string& path, const ManifestEntry& entry,
                                   const Node& live, std::vector<std::string>& pending) {
    if (!path.empty() &&
        (entry.node.permissions() != live.permissions() || entry.node.mtime != live.mtime))
      add_attributes(path, {entry.node.permissions(), entry.node.mtime},
                     {live.permissions(), live.mtime});
    std::set<std::string> names;
    if (const auto known = children_.find(path); known != children_.end())
      names.insert(known->second.begin(), known->second.end());
    auto dir = tree::open_dir(project_, path);
    if (!dir) return propagate(dir);
    auto present = tree::list(dir->get(), path);
    if (!present) return propagate(present);
    names.insert(present->begin(), present->end());
    for (const std::string& name : names) pending.push_back(tree::join(path, name));
    return {};
  }

  // A damaged copy is reported, never put into the project.
  Result<Node> copy_of(const std::string& path, const ManifestEntry& entry) {
    auto copy = copies_.look(path);
    if (!copy) return propagate(copy);
    const bool sound = *copy && ((*copy)->mode & S_IFMT) == (entry.node.mode & S_IFMT) &&
                       (!entry.node.is_file() || (*copy)->size == entry.node.size);
    if (!sound) return fail("restore " + path + ": its copy in the store is damaged", EBADMSG);
    return **copy;
  }

  Result<bool> unchanged(const std::string& path, const ManifestEntry& entry, const Node& live) {
    const Node& was = entry.node;
    if (live.inode == was.inode && live.ctime == was.ctime) return true;
    if (live.mode != was.mode) return false;
    const std::string name = tree::split(path).name;
    auto dir = live_.of(path);
    if (!dir) return propagate(dir);
    if (live.is_link()) {
      auto target = tree::read_link(*dir, name);
      if (!target) return propagate(target);
      return *target == entry.target;
    }
    if (live.size != was.size || live.mtime != was.mtime) return false;
    auto copies = copies_.of(path);
    if (!copies) return propagate(copies);
    auto same = tree::same_content(*dir, name, *copies, name);
    if (!same || !*same) return same;
    auto present = extended_attributes(*dir, name);
    if (!present) return propagate(present);
    auto kept = extended_attributes(*copies, name);
    if (!kept) return propagate(kept);
    return *present == *kept;
  }

  Result<void> add(const std::string& path, const std::optional<Identity>& before,
                   const std::optional<Identity>& after) {
    Op op;
    op.path = path;
    op.before = before;
    op.after = after;
    ops_.push_back(std::move(op));
    return {};
  }

  void add_attributes(const std::string& path, Attributes before, Attributes after) {
    Op op;
    op.path = path;
    op.attributes.emplace(before, after);
    ops_.push_back(std::move(op));
  }

  const Manifest& manifest_;
  int project_;
  tree::Parents live_;
  tree::Parents copies_;
  std::unordered_map<std::string, std::vector<std::string>> children_;
  std::vector<Op> ops_;
};

Result<std::vector<Op>> differences(const Run& run, const Journal& journal) {
  auto manifest = load_manifest(run.dir.get());
  if (!manifest) return propagate(manifest);
  auto before = tree::open_dir(run.dir.get(), kBefore);
  if (!before) return propagate(before);
  return Differ(*manifest, run.project.get(), before->get()).diff(journal.roots);
}

// A directory's time moves with every file that comes and goes in it; that alone is no change.
bool is_change(const Op& op) {
  return !op.attributes || op.attributes->first.mode != op.attributes->second.mode;
}

Result<Manifest> copy_roots(Run& run, Journal& journal) {
  auto since = tree::moment(run.dir.get());
  if (!since) return propagate(since);
  journal.since = *since;
  if (auto saved = save_journal(run.dir.get(), journal, false); !saved) return propagate(saved);
  auto before = tree::make_dirs(run.dir.get(), kBefore);
  if (!before) return propagate(before);
  auto manifest = Copier(run.project.get(), before->get()).copy(journal.roots);
  if (!manifest) return manifest;
  if (auto synced = tree::sync(before->get(), kBefore); !synced) return propagate(synced);
  if (auto saved = save_manifest(run.dir.get(), *manifest); !saved) return propagate(saved);
  journal.state = RunState::kCaptured;
  if (auto recorded = record(run, journal); !recorded) return propagate(recorded);
  return manifest;
}

}  // namespace

Result<Preimage> Preimage::capture(const Store& store, const std::string& run_id,
                                   const std::vector<std::string>& roots) {
  auto run = make_run(store, run_id);
  if (!run) return propagate(run);
  Preimage preimage;
  preimage.run_ = std::move(*run);
  preimage.journal_.kind = RunKind::kPreimage;
  preimage.journal_.area = run_id + "/" + kBefore;
  preimage.journal_.roots = tidy_roots(roots);
  auto manifest = copy_roots(preimage.run_, preimage.journal_);
  if (!manifest) {
    // The first failure is the one to report; what is left of the run recover() removes.
    (void)discard_run(preimage.run_);
    return propagate(manifest);
  }
  for (const auto& [path, entry] : *manifest) {
    if (entry.skipped) preimage.skipped_.push_back(path);
  }
  return preimage;
}

Result<ChangeSet> Preimage::changes() const {
  auto ops = differences(run_, journal_);
  if (!ops) return propagate(ops);
  ChangeSet set;
  for (const Op& op : *ops) {
    if (is_change(op)) set.changes.push_back(change_of(op));
  }
  std::sort(set.changes.begin(), set.changes.end(),
            [](const Change& a, const Change& b) { return tree::path_less(a.path, b.path); });
  return set;
}

Result<void> Preimage::keep() {
  auto ops = differences(run_, journal_);
  if (!ops) return propagate(ops);
  if (std::none_of(ops->begin(), ops->end(), is_change)) return discard_run(run_);
  journal_.ops = std::move(*ops);
  return close_journal(run_, journal_);
}

Result<void> Preimage::restore() {
  auto restored = restore_preimage(run_, journal_);
  for (const Op& op : journal_.ops) {
    if (!op.withheld.empty()) withheld_.push_back({op.path, op.withheld});
  }
  return restored;
}

Result<void> restore_preimage(Run& run, Journal& journal) {
  auto ops = differences(run, journal);
  if (!ops) return propagate(ops);
  if (ops->empty()) return discard_run(run);
  for (Op& op : *ops) {
    std::swap(op.before, op.after);
    if (op.attributes) std::swap(op.attributes->first, op.attributes->second);
  }
  journal.ops = std::move(*ops);
  journal.ends_as = RunState::kRolledBack;
  if (auto written = write_intent(run, journal); !written) return written;
  return carry_out(run, journal, false);
}

}  // namespace mixguard::guard
