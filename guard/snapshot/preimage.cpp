// SPDX-License-Identifier: Apache-2.0
#include "guard/snapshot/preimage.hpp"

#include <algorithm>
#include <utility>

#include "guard/snapshot/capture.hpp"
#include "guard/snapshot/objects.hpp"
#include "guard/snapshot/return_plan.hpp"
#include "guard/snapshot/tree.hpp"
#include "guard/snapshot/tree_diff.hpp"

namespace mixguard::guard {
namespace {

constexpr const char* kArea = "before";

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

Result<Manifest> capture_all(const Store& store, Objects& objects,
                             const std::vector<std::string>& roots, Preimage::Skipped& skipped) {
  const CaptureRoot project{store.project_fd(), ""};
  Manifest manifest;
  for (const std::string& root : roots) {
    auto captured = capture(store, objects, project, root);
    if (!captured) return propagate(captured);
    manifest.emplace_back(root, std::move(captured->top));
    std::move(captured->uncovered.begin(), captured->uncovered.end(), std::back_inserter(skipped));
  }
  return manifest;
}

Result<Manifest> capture_again(const Store& store, Objects& objects, const Manifest& manifest) {
  std::vector<std::string> roots;
  for (const auto& [root, entry] : manifest) roots.push_back(root);
  Preimage::Skipped skipped;
  return capture_all(store, objects, roots, skipped);
}

// A directory's time moves with every file that comes and goes in it; that alone is no change.
bool is_change(const Difference& difference) {
  return !difference.attributes_only() || difference.before->mode != difference.after->mode;
}

Change change_of(const Difference& difference) {
  Change change;
  change.path = difference.path;
  const auto& [path, before, after] = difference;
  change.directory = (after ? after : before)->is_dir();
  if (difference.attributes_only()) {
    change.kind = ChangeKind::kMode;
  } else if (!before) {
    change.kind = ChangeKind::kCreated;
  } else if (!after) {
    change.kind = ChangeKind::kDeleted;
  }
  return change;
}

Result<ChangeSet> changes_between(const Objects& objects, const Manifest& before,
                                  const Manifest& now) {
  ChangeSet set;
  const auto take = [&](const Difference& difference) -> Result<void> {
    if (is_change(difference)) set.changes.push_back(change_of(difference));
    return {};
  };
  for (std::size_t i = 0; i < before.size(); ++i) {
    auto compared = compare(objects, before[i].first, before[i].second, now.at(i).second, take);
    if (!compared) return propagate(compared);
  }
  std::sort(set.changes.begin(), set.changes.end(),
            [](const Change& a, const Change& b) { return tree::path_less(a.path, b.path); });
  return set;
}

// The operations that bring back what was, with everything they need made in the run's area.
Result<std::vector<Op>> way_back(const Run& run, const Objects& objects, const Manifest& before,
                                 const Manifest& now) {
  // What an attempt that was interrupted has made of it.
  auto bin = tree::open_dir(run.store.get(), "trash");
  if (!bin) return propagate(bin);
  if (auto gone = tree::move_to_trash(run.dir.get(), kArea, bin->get()); !gone)
    return propagate(gone);
  auto area = tree::make_dirs(run.dir.get(), kArea);
  if (!area) return propagate(area);
  ReturnPlan plan(objects, run.project.get(), area->get());
  for (std::size_t i = 0; i < before.size(); ++i) {
    auto added = plan.add(before[i].first, before[i].second, now.at(i).second);
    if (!added) return propagate(added);
  }
  auto ops = plan.finish();
  if (!ops) return ops;
  if (auto synced = tree::sync(run.dir.get(), "the run's directory"); !synced)
    return propagate(synced);
  return ops;
}

Result<void> bring_back(Run& run, Journal& journal, const Objects& objects, const Manifest& before,
                        const Manifest& now) {
  auto ops = way_back(run, objects, before, now);
  if (!ops) return propagate(ops);
  if (ops->empty()) return discard_run(run);
  journal.ops = std::move(*ops);
  journal.ends_as = RunState::kRolledBack;
  if (auto written = write_intent(run, journal); !written) return written;
  return carry_out(run, journal, false);
}

}  // namespace

Result<Preimage> Preimage::capture(const Store& store, const std::string& run_id,
                                   const std::vector<std::string>& roots) {
  auto run = make_run(store, run_id);
  if (!run) return propagate(run);
  Preimage preimage;
  preimage.run_ = std::move(*run);
  preimage.journal_.kind = RunKind::kPreimage;
  preimage.journal_.area = run_id + "/" + kArea;
  auto captured = preimage.take(store, roots);
  // The first failure is the one to report; what is left of the run recover() removes.
  if (!captured) {
    (void)discard_run(preimage.run_);
    return propagate(captured);
  }
  return preimage;
}

Result<void> Preimage::take(const Store& store, const std::vector<std::string>& roots) {
  auto since = tree::moment(run_.dir.get());
  if (!since) return propagate(since);
  journal_.since = *since;
  if (auto saved = save_journal(run_.dir.get(), journal_, false); !saved) return saved;
  auto objects = Objects::open(store);
  if (!objects) return propagate(objects);
  auto manifest = capture_all(store, *objects, tidy_roots(roots), skipped_);
  if (!manifest) return propagate(manifest);
  before_ = std::move(*manifest);
  if (auto saved = save_manifest(run_.dir.get(), before_); !saved) return saved;
  journal_.state = RunState::kCaptured;
  return record(run_, journal_);
}

Result<ChangeSet> Preimage::changes(const Store& store) const {
  auto objects = Objects::open(store);
  if (!objects) return propagate(objects);
  auto now = capture_again(store, *objects, before_);
  if (!now) return propagate(now);
  return changes_between(*objects, before_, *now);
}

Result<ChangeSet> Preimage::keep(const Store& store) {
  auto objects = Objects::open(store);
  if (!objects) return propagate(objects);
  auto now = capture_again(store, *objects, before_);
  if (!now) return propagate(now);
  auto set = changes_between(*objects, before_, *now);
  if (!set) return set;
  auto kept = set->changes.empty() ? discard_run(run_) : keep_changes(*objects, *now);
  if (!kept) return propagate(kept);
  return set;
}

Result<void> Preimage::keep_changes(const Objects& objects, const Manifest& now) {
  auto ops = way_back(run_, objects, before_, now);
  if (!ops) return propagate(ops);
  for (Op& op : *ops) {
    std::swap(op.before, op.after);
    if (op.attributes) std::swap(op.attributes->first, op.attributes->second);
  }
  journal_.ops = std::move(*ops);
  return close_journal(run_, journal_);
}

Result<ChangeSet> Preimage::restore(const Store& store) {
  auto objects = Objects::open(store);
  if (!objects) return propagate(objects);
  auto now = capture_again(store, *objects, before_);
  if (!now) return propagate(now);
  auto set = changes_between(*objects, before_, *now);
  if (!set) return set;
  auto restored = bring_back(run_, journal_, *objects, before_, *now);
  for (const Op& op : journal_.ops) {
    if (!op.withheld.empty()) withheld_.push_back({op.path, op.withheld});
  }
  if (!restored) return propagate(restored);
  return set;
}

Result<void> restore_preimage(const Store& store, Run& run, Journal& journal) {
  auto before = load_manifest(run.dir.get());
  if (!before) return propagate(before);
  auto objects = Objects::open(store);
  if (!objects) return propagate(objects);
  auto now = capture_again(store, *objects, *before);
  if (!now) return propagate(now);
  return bring_back(run, journal, *objects, *before, *now);
}

}  // namespace mixguard::guard
