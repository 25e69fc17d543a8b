// SPDX-License-Identifier: Apache-2.0
#include "guard/snapshot/transaction.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <map>
#include <utility>

#include "guard/snapshot/apply.hpp"
#include "guard/snapshot/classify.hpp"
#include "guard/snapshot/overlay_marks.hpp"
#include "guard/snapshot/tree.hpp"
#include "guard/snapshot/xattrs.hpp"

namespace mixguard::guard {
namespace {

using tree::fail_errno;

constexpr const char* kStoreName = ".mixguard";

// The kernel writes what is dirty within half a minute, within ten on some laptops.
constexpr std::int64_t kWrittenBackAfter = 3600LL * 1'000'000'000;

// Makes the directories of upper that lead to `path`, each like the project's own, so that they
// merge unnoticed. False when the project has no such directory: then there is nothing to hide.
Result<bool> make_parents_alike(int upper, int project, const std::string& path) {
  for (std::size_t slash = path.find('/'); slash != std::string::npos;
       slash = path.find('/', slash + 1)) {
    const std::string parent = path.substr(0, slash);
    auto model = tree::Parents(project).look(parent);
    if (!model) return propagate(model);
    if (!*model || !(*model)->is_dir()) return false;
    auto made = tree::make_dirs(upper, parent);
    if (!made) return propagate(made);
  }
  return true;
}

Result<void> copy_directory_looks(int upper, int project, const std::string& path) {
  tree::Parents parents(project);
  auto model = parents.look(path);
  if (!model) return propagate(model);
  if (!*model) return {};
  auto dir = tree::open_dir(upper, path);
  if (!dir) return propagate(dir);
  // One that cannot be opened stays closed to the command as well.
  if (auto xattrs = xattrs_of_directory(project, path); xattrs) {
    if (auto written = write_xattrs(dir->get(), *xattrs, path); !written) return written;
  }
  return tree::make_alike(dir->get(), ".", **model);
}

Result<void> put_whiteout(int upper, const std::string& path) {
  auto parent = tree::open_dir(upper, tree::split(path).parent);
  if (!parent) return propagate(parent);
  // No privilege needed: a 0/0 device opens nothing (Linux 5.8).
  if (::mknodat(parent->get(), tree::split(path).name.c_str(), S_IFCHR, makedev(0, 0)) < 0 &&
      errno != EEXIST)
    return fail_errno("hide", path);
  return {};
}

Result<void> require_near_project(const Run& run, const std::string& project_root) {
  auto ours = tree::look_at(run.dir.get(), run.path);
  if (!ours) return propagate(ours);
  auto theirs = tree::look_at(run.project.get(), project_root);
  if (!theirs) return propagate(theirs);
  if (ours->device == theirs->device) return {};
  return fail("begin run " + run.id + ": " + run.path +
                  " is not on the project's file system, so nothing could be committed",
              EXDEV);
}

}  // namespace

Transaction::Transaction(Run run)
    : run_(std::move(run)), live_(run_.project.get(), run_.dir.get()) {}

Result<Transaction> Transaction::begin(const Store& store, const std::string& run_id,
                                       const std::vector<std::string>& hidden,
                                       const std::vector<OutsideRoot>& outside,
                                       const std::string& build) {
  auto run = make_run(store, run_id);
  if (!run) return propagate(run);
  Transaction transaction(std::move(*run));
  transaction.journal_.build = build;
  transaction.journal_.hidden = hidden;
  if (store.inside_project()) transaction.journal_.hidden.emplace_back(kStoreName);
  if (auto prepared = transaction.prepare(store, outside); !prepared) {
    // The first failure is the one to report; what is left of the run recover() removes.
    (void)transaction.discard();
    return propagate(prepared);
  }
  return transaction;
}

Result<void> Transaction::prepare(const Store& store, const std::vector<OutsideRoot>& outside) {
  journal_.area = run_.id + "/upper";
  if (auto near = require_near_project(run_, store.project_root()); !near) return near;
  if (auto added = add_tree("", "", store.project_root()); !added) return added;
  trees_.back().hidden = journal_.hidden;
  for (const OutsideRoot& root : outside) {
    const std::string home = "roots/" + std::to_string(trees_.size());
    auto found = find_root(root.path, run_.dir.get());
    if (!found) return propagate(found);
    found->area = run_.id + "/" + home + "/upper";
    live_.add(*found);
    if (auto added = add_tree(home, root.path, root.path); !added) return added;
    trees_.back().area = found->area;
    journal_.extra_roots.push_back(std::move(*found));
    trees_.back().patterns = root.patterns;
    trees_.back().hidden = root.hidden;
    trees_.back().checkouts = root.checkouts;
    trees_.back().linkable = root.linkable;
  }
  for (const Tree& tree : trees_) {
    if (auto seeded = seed(tree); !seeded) return seeded;
  }
  auto since = tree::moment(run_.dir.get());
  if (!since) return propagate(since);
  journal_.since = *since;
  return save_journal(run_.dir.get(), journal_, false);
}

// Makes the overlay's directories in `home`, below the run's.
Result<void> Transaction::add_tree(const std::string& home, const std::string& name,
                                   const std::string& root) {
  auto dir = tree::make_dirs(run_.dir.get(), home);
  if (!dir) return propagate(dir);
  for (const char* part : {"upper", "work"}) {
    if (::mkdirat(dir->get(), part, 0700) < 0) return fail_errno("make", part);
  }
  auto upper = tree::open_dir(dir->get(), "upper");
  if (!upper) return propagate(upper);
  const std::string path = home.empty() ? run_.path : run_.path + "/" + home;
  Tree tree;
  tree.name = name;
  tree.overlay = {root, path + "/upper", path + "/work"};
  tree.upper = std::move(*upper);
  trees_.push_back(std::move(tree));
  return {};
}

Result<void> Transaction::seed(const Tree& tree) {
  auto live = live_.of(tree.name);
  if (!live) return propagate(live);
  std::vector<std::string> looks = {""};
  for (const std::string& path : tree.hidden) {
    auto parents = make_parents_alike(tree.upper.get(), *live, path);
    if (!parents) return propagate(parents);
    if (!*parents) continue;
    if (auto put = put_whiteout(tree.upper.get(), path); !put) return put;
    for (std::string at = tree::split(path).parent; !at.empty(); at = tree::split(at).parent)
      looks.push_back(at);
  }
  // Deepest first, and only now: making an entry moves the time of its directory.
  std::sort(looks.begin(), looks.end(), std::greater<>());
  for (const std::string& path : looks) {
    auto copied = copy_directory_looks(tree.upper.get(), *live, path);
    if (!copied) return copied;
  }
  return {};
}

std::vector<Transaction::Overlay> Transaction::overlays_outside() const {
  std::vector<Overlay> overlays;
  for (auto tree = trees_.begin() + 1; tree != trees_.end(); ++tree)
    overlays.push_back(tree->overlay);
  return overlays;
}

// Paths of the project are relative; those of the others begin with one root and no other.
Transaction::Spot Transaction::spot_of(const std::string& full) const {
  for (const Tree& tree : trees_) {
    if (tree.name.empty() || full == tree.name || !tree::is_at_or_below(full, tree.name)) continue;
    return {&tree, full.substr(tree.name.size() + 1)};
  }
  return {&trees_.front(), full};
}

Result<ChangeSet> Transaction::changes_in(const Tree& tree, const WritePolicy& policy) const {
  auto live = live_.of(tree.name);
  if (!live) return propagate(live);
  const OverlayView view{tree.upper.get(), *live, tree.overlay.root, journal_.since, tree.hidden};
  auto set = classify(view, tree.name.empty() ? policy
                                              : WritePolicy{policy.task, tree.patterns,
                                                            tree.linkable, tree.checkouts});
  if (!set) return set;
  for (Change& change : set->changes) change.path = full_path(tree.name, change.path);
  return set;
}

Result<ChangeSet> Transaction::changes(const WritePolicy& policy) const {
  ChangeSet all;
  for (const Tree& tree : trees_) {
    auto set = changes_in(tree, policy);
    if (!set) return set;
    std::move(set->changes.begin(), set->changes.end(), std::back_inserter(all.changes));
  }
  return all;
}

Result<void> Transaction::commit(const ChangeSet& set) {
  if (set.changes.empty()) return discard();
  if (auto planned = plan(set); !planned) return planned;
  if (auto aside = set_rest_aside(set); !aside) return aside;
  for (const Tree& tree : trees_) {
    if (auto removed = remove_seeds(tree); !removed) return removed;
  }
  if (auto durable = make_durable(set); !durable) return durable;
  if (journal_.ops.empty()) return close_journal(run_, journal_);
  if (auto written = write_intent(run_, journal_); !written) return written;
  auto done = carry_out(run_, journal_, false);
  for (const Op& op : journal_.ops) {
    if (op.withheld.empty()) continue;
    Change late = change_of(op);
    late.disposition = Disposition::kConflict;
    late.why = op.withheld;
    late_conflicts_.push_back(std::move(late));
  }
  return done;
}

// One operation for each topmost change; what lies below it moves along.
Result<void> Transaction::plan(const ChangeSet& set) {
  journal_.ops.clear();
  std::string covered;
  std::map<const Tree*, Sides> sides;
  for (const Change& change : set.changes) {
    if (change.disposition != Disposition::kCommit) continue;
    if (!covered.empty() && tree::is_at_or_below(change.path, covered)) continue;
    const Spot spot = spot_of(change.path);
    auto live = live_.of(spot.tree->name);
    if (!live) return propagate(live);
    Sides& both = sides.try_emplace(spot.tree, spot.tree->upper.get(), *live).first->second;
    if (auto planned = plan_change(change, spot, both); !planned) return planned;
    if (change.kind != ChangeKind::kMode) covered = change.path;
  }
  return {};
}

Result<void> Transaction::plan_change(const Change& change, const Spot& spot, Sides& sides) {
  auto ours = sides.upper.look(spot.path);
  if (!ours) return propagate(ours);
  auto theirs = sides.live.look(spot.path);
  if (!theirs) return propagate(theirs);
  Op op;
  op.path = spot.path;
  op.root = spot.tree->name;
  op.area = spot.tree->area;
  if (change.kind == ChangeKind::kMode) {
    if (*ours && *theirs)
      op.attributes.emplace(Attributes{(*theirs)->permissions(), {}, {}},
                            Attributes{(*ours)->permissions(), {}, {}});
    if (op.attributes) {
      auto left = live_.of(spot.tree->name);
      auto before = left ? xattrs_of_directory(*left, spot.path) : propagate(left);
      auto after = xattrs_of_directory(spot.tree->upper.get(), spot.path);
      // Of one that is closed the mode alone.
      if (before && after && *before != *after) {
        op.attributes->first.xattrs = std::move(*before);
        op.attributes->second.xattrs = std::move(*after);
      }
    }
  } else {
    if (*theirs) op.before.emplace(**theirs);
    if (*ours && change.kind != ChangeKind::kDeleted) op.after.emplace(**ours);
  }
  const bool appeared = change.kind == ChangeKind::kCreated && *theirs;
  const bool vanished = change.kind != ChangeKind::kCreated && !*theirs;
  const bool touched = *theirs && (*theirs)->ctime >= journal_.since;
  if (appeared || vanished || touched) {
    Change late = change;
    late.disposition = Disposition::kConflict;
    late.why = "it changed while its commit was prepared";
    late_conflicts_.push_back(std::move(late));
    return {};
  }
  journal_.ops.push_back(std::move(op));
  return {};
}

Result<void> Transaction::set_rest_aside(const ChangeSet& set) {
  ChangeSet held;
  const auto add = [&](const Change& change) {
    if (change.disposition != Disposition::kCommit && change.kind != ChangeKind::kMode)
      held.changes.push_back(change);
  };
  std::for_each(set.changes.begin(), set.changes.end(), add);
  std::for_each(late_conflicts_.begin(), late_conflicts_.end(), add);
  held.sort();
  // What lies below one of them has moved along and is not found any more.
  for (const Change& change : held.changes) {
    const auto [tree, path] = spot_of(change.path);
    auto aside = set_aside(tree->upper.get(), run_.dir.get(), tree->name, path);
    if (!aside) return aside;
  }
  remember_reasons(std::move(held.changes));
  return {};
}

// What goes along with its directory is not named again, unless it has a reason of its own.
void Transaction::remember_reasons(std::vector<Change> held) {
  std::string top;
  std::string why;
  for (Change& change : held) {
    const bool along = !top.empty() && tree::is_at_or_below(change.path, top);
    if (along && (change.why == why || change.why.starts_with("part of `"))) continue;
    if (!along) {
      top = change.path;
      why = change.why;
    }
    journal_.quarantined.push_back(std::move(change));
  }
}

Result<void> Transaction::remove_seeds(const Tree& tree) {
  tree::Parents parents(tree.upper.get());
  for (const std::string& path : tree.hidden) {
    auto node = parents.look(path);
    if (!node) return propagate(node);
    if (!*node || !(*node)->whiteout) continue;
    auto parent = parents.of(path);
    if (!parent) return propagate(parent);
    if (::unlinkat(*parent, tree::split(path).name.c_str(), 0) < 0)
      return fail_errno("remove the whiteout of", path);
  }
  return {};
}

// Takes overlayfs' marks off everything that will come to the project and makes it durable: an
// exchange of a file whose data is not on disk leaves it empty after a power cut.
Result<void> Transaction::clean(const Tree& tree, Durability& durability) {
  tree::Parents parents(tree.upper.get());
  const auto clean_one = [&](const std::string& path,
                             const tree::Node& node) -> Result<tree::Walk> {
    auto dir = parents.of(path);
    if (!dir) return propagate(dir);
    auto cleaned = clean_object(*dir, tree::split(path).name, node, durability.sync_each());
    if (!cleaned) return propagate(cleaned);
    return tree::Walk::kOn;
  };
  for (const Op& op : journal_.ops) {
    if (op.root != tree.name || !op.after) continue;
    if (auto walked = tree::walk(tree.upper.get(), op.path, clean_one); !walked) return walked;
  }
  return sync_area(tree.upper.get(), tree.name, journal_.ops, durability);
}

// Everything that the renames will move, to either side, and what is kept aside.
Result<void> Transaction::make_durable(const ChangeSet& set) {
  Durability durability;
  const std::int64_t since = journal_.since - kWrittenBackAfter;
  for (const Tree& tree : trees_) {
    if (auto cleaned = clean(tree, durability); !cleaned) return cleaned;
    const auto root = live_.of(tree.name);
    // One that nothing is to be done in may be gone.
    if (!root) continue;
    auto displaced = sync_displaced(*root, tree.name, journal_.ops, since, durability);
    if (!displaced) return displaced;
  }
  const bool keeps = set.has(Disposition::kQuarantine) || set.has(Disposition::kConflict) ||
                     !late_conflicts_.empty();
  for (const char* kept : {"quarantine", "outside"}) {
    if (!keeps) break;
    if (auto synced = sync_tree(run_.dir.get(), kept, 0, durability); !synced) return synced;
  }
  // All of them are on one file system.
  auto finished = durability.finish(run_.dir.get());
  if (!finished) return propagate(finished);
  run_.findable = *finished;
  return keeps ? make_findable(run_) : Result<void>();
}

Result<void> Transaction::discard() {
  if (intended())
    return fail("discard run " + run_.id + ": its commit has begun, recovery will finish it",
                EBUSY);
  return discard_run(run_);
}

}  // namespace mixguard::guard
