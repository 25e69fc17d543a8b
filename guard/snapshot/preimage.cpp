// SPDX-License-Identifier: Apache-2.0
#include "guard/snapshot/preimage.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <functional>
#include <iterator>
#include <optional>
#include <set>
#include <utility>

#include "guard/snapshot/capture.hpp"
#include "guard/snapshot/objects.hpp"
#include "guard/snapshot/others.hpp"
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
  return tree::topmost(std::move(roots));
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

// What lies now where something was captured.
struct Present {
  Objects objects;
  Manifest now;
  // What was captured and cannot be looked at any more, or has only a damaged copy.
  Preimage::Skipped unseen;
};

// Whether it was captured before the run.
Result<bool> was_covered(const Objects& objects, const Manifest& before, const std::string& path) {
  for (const auto& [root, top] : before) {
    if (!top || !tree::is_at_or_below(path, root)) continue;
    auto entry = find_entry(objects, *top, tree::path_below(path, root));
    // It goes with the directory whose listing is damaged, and may have been closed before the run.
    if (!entry && is_damage(entry.error())) return false;
    if (!entry) return propagate(entry);
    return *entry && (*entry)->uncovered == Uncovered::kNone;
  }
  return false;
}

// What the command has closed, even to its owner, is opened to the owner again: only so can be told
// what the command did there. False where that is not ours to do.
bool open_to_owner(tree::Parents& parents, const std::string& path) {
  const auto dir = parents.of(path);
  const auto node = parents.look(path);
  if (!dir || !node || !*node || !((*node)->is_dir() || (*node)->is_file())) return false;
  const mode_t wanted = (*node)->permissions() | ((*node)->is_dir() ? S_IRWXU : S_IRUSR);
  if (wanted == (*node)->permissions()) return false;
  return tree::set_mode(*dir, tree::split(path).name, wanted).has_value();
}

Result<Present> look_again(const Store& store, const Manifest& before) {
  auto objects = Objects::open(store);
  if (!objects) return propagate(objects);
  std::vector<std::string> roots;
  for (const auto& [root, entry] : before) roots.push_back(root);
  Present present{std::move(*objects), {}, {}};
  std::set<std::string> tried;
  // Each round may bring to light more of what was closed.
  for (bool opened = true; opened;) {
    opened = false;
    Preimage::Skipped skipped;
    auto now = capture_all(store, present.objects, roots, skipped);
    if (!now) return propagate(now);
    present.now = std::move(*now);
    present.unseen.clear();
    tree::Parents parents(store.project_fd());
    for (auto& [path, why] : skipped) {
      auto covered = was_covered(present.objects, before, path);
      if (!covered) return propagate(covered);
      if (!*covered) continue;
      if (why == Uncovered::kUnreadable && tried.insert(path).second &&
          open_to_owner(parents, path))
        opened = true;
      present.unseen.emplace_back(std::move(path), why);
    }
  }
  return present;
}

// In the order of paths. A directory of which it is not known what was in it counts as changed.
Result<ChangeSet> changes_in(const Manifest& before, const Present& present) {
  ChangeSet set;
  const auto take = [&](const Difference& difference) -> Result<void> {
    if (difference.is_change()) set.changes.push_back(change_of(difference));
    return {};
  };
  const OnDamage on_damage = [&](const std::string& path) {
    Change change;
    change.path = path;
    change.directory = true;
    set.changes.push_back(std::move(change));
  };
  for (std::size_t i = 0; i < before.size(); ++i) {
    const auto& [root, was] = before[i];
    auto compared = compare(present.objects, root, was, present.now.at(i).second, take, on_damage);
    if (!compared) return propagate(compared);
  }
  set.sort();
  return set;
}

Result<std::vector<Op>> make_way_back(const Run& run, const Manifest& before, Present& present,
                                      OnLoss on_loss) {
  // What an attempt that was interrupted has made of it.
  auto bin = tree::open_dir(run.store.get(), "trash");
  if (!bin) return propagate(bin);
  if (auto gone = tree::move_to_trash(run.dir.get(), kArea, bin->get()); !gone)
    return propagate(gone);
  auto area = tree::make_dirs(run.dir.get(), kArea);
  if (!area) return propagate(area);
  ReturnPlan plan(present.objects, run.project.get(), area->get(), on_loss);
  for (std::size_t i = 0; i < before.size(); ++i) {
    const auto& [root, was] = before[i];
    auto added = plan.add(root, was, present.now.at(i).second);
    if (!added) return propagate(added);
  }
  auto ops = plan.finish();
  if (!ops) return ops;
  std::copy_if(plan.left_alone().begin(), plan.left_alone().end(),
               std::back_inserter(present.unseen),
               [](const auto& one) { return one.second == Uncovered::kDamaged; });
  if (auto synced = tree::sync(run.dir.get(), "the run's directory"); !synced)
    return propagate(synced);
  return ops;
}

// The operations that bring back what was, with everything they need made in the run's area. What
// has only a damaged copy is added to what is unseen: one lost object must not cost the others.
Result<std::vector<Op>> way_back(const Store& store, const Run& run, const Manifest& before,
                                 std::optional<Present>& present) {
  auto ops = make_way_back(run, before, *present, OnLoss::kFail);
  if (ops || !is_damage(ops.error())) return ops;
  // It may be the index that is wrong: only what the packs themselves do not hold is lost.
  present.reset();
  if (auto dropped = Objects::drop_index(store); !dropped) return propagate(dropped);
  auto again = look_again(store, before);
  if (!again) return propagate(again);
  present.emplace(std::move(*again));
  return make_way_back(run, before, *present, OnLoss::kLeaveOut);
}

std::vector<std::string> texts_of(const Preimage::Skipped& skipped) {
  std::vector<std::string> texts;
  for (const auto& [path, why] : skipped) texts.push_back(uncovered_text(path, why));
  return texts;
}

Result<void> bring_back(const Store& store, Run& run, Journal& journal, const Manifest& before,
                        std::optional<Present>& present) {
  auto ops = way_back(store, run, before, present);
  if (!ops) return propagate(ops);
  journal.left = texts_of(present->unseen);
  if (ops->empty()) return discard_run(run);
  journal.ops = std::move(*ops);
  journal.ends_as = RunState::kRolledBack;
  if (auto written = write_intent(run, journal); !written) return written;
  return carry_out(run, journal, false);
}

// What the run changed stays as its undo set; a run without any change is discarded.
Result<ChangeSet> keep_changes(const Store& store, Run& run, Journal& journal,
                               const Manifest& before, std::optional<Present>& present) {
  auto set = changes_in(before, *present);
  if (!set) return set;
  journal.left = texts_of(present->unseen);
  if (set->changes.empty()) {
    if (auto discarded = discard_run(run); !discarded) return propagate(discarded);
    return set;
  }
  auto ops = way_back(store, run, before, present);
  if (!ops) return propagate(ops);
  set = changes_in(before, *present);
  if (!set) return set;
  journal.left = texts_of(present->unseen);
  for (Op& op : *ops) {
    std::swap(op.before, op.after);
    if (op.attributes) std::swap(op.attributes->first, op.attributes->second);
  }
  auto gone = leave_to_others(store, run.id, journal.since, *ops);
  if (!gone) return propagate(gone);
  std::erase_if(set->changes, [&](const Change& change) { return gone->contains(change.path); });
  if (set->changes.empty() && std::none_of(ops->begin(), ops->end(), std::mem_fn(&Op::is_change))) {
    if (auto discarded = discard_run(run); !discarded) return propagate(discarded);
    return set;
  }
  journal.ops = std::move(*ops);
  note_lock_lines(journal, store.project_fd(), true);
  if (auto closed = close_journal(run, journal); !closed) return propagate(closed);
  return set;
}

}  // namespace

Result<Preimage> Preimage::capture(const Store& store, const std::string& run_id,
                                   const std::vector<std::string>& roots, WhenKilled when_killed) {
  auto run = make_run(store, run_id);
  if (!run) return propagate(run);
  Preimage preimage;
  preimage.run_ = std::move(*run);
  preimage.journal_.kind = RunKind::kPreimage;
  preimage.journal_.area = run_id + "/" + kArea;
  preimage.journal_.keeps = when_killed == WhenKilled::kKept;
  auto captured = preimage.take(store, roots);
  if (!captured) {
    // The first failure is the one to report; what is left of the run recover() removes.
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
  auto present = look_again(store, before_);
  if (!present) return propagate(present);
  return changes_in(before_, *present);
}

Result<ChangeSet> Preimage::keep(const Store& store) {
  auto looked = look_again(store, before_);
  if (!looked) return propagate(looked);
  std::optional<Present> present(std::move(*looked));
  auto set = keep_changes(store, run_, journal_, before_, present);
  if (present) unseen_ = std::move(present->unseen);
  return set;
}

Result<ChangeSet> Preimage::restore(const Store& store) {
  auto looked = look_again(store, before_);
  if (!looked) return propagate(looked);
  std::optional<Present> present(std::move(*looked));
  auto restored = bring_back(store, run_, journal_, before_, present);
  for (const Op& op : journal_.ops) {
    if (!op.withheld.empty()) withheld_.push_back({op.path, op.withheld});
  }
  if (!restored) return propagate(restored);
  unseen_ = std::move(present->unseen);
  return changes_in(before_, *present);
}

Result<void> end_preimage(const Store& store, Run& run, Journal& journal) {
  auto before = load_manifest(run.dir.get());
  if (!before) return propagate(before);
  auto looked = look_again(store, *before);
  if (!looked) return propagate(looked);
  std::optional<Present> present(std::move(*looked));
  if (!journal.keeps) return bring_back(store, run, journal, *before, present);
  auto kept = keep_changes(store, run, journal, *before, present);
  if (!kept) return propagate(kept);
  return {};
}

}  // namespace mixguard::guard
