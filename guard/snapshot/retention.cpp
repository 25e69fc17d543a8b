// SPDX-License-Identifier: Apache-2.0
#include "guard/snapshot/retention.hpp"

#include <algorithm>
#include <cerrno>
#include <map>
#include <set>
#include <utility>

#include "guard/snapshot/journal.hpp"
#include "guard/snapshot/live_objects.hpp"
#include "guard/snapshot/run.hpp"
#include "guard/snapshot/snapshot.hpp"
#include "guard/snapshot/tree.hpp"

namespace mixguard::guard {
namespace {

// A snapshot, or a run that is over.
struct Kept {
  std::string id;
  bool snapshot = false;
  std::set<std::string> needs;  // runs whose areas it refers to
};

std::set<std::string> needs_of(const std::string& id, const Journal& journal) {
  std::set<std::string> needs(journal.undoes.begin(), journal.undoes.end());
  const auto add = [&](const std::string& area) {
    if (!area.empty()) needs.insert(area.substr(0, area.find('/')));
  };
  add(journal.area);
  for (const Op& op : journal.ops) add(op.area);
  needs.erase(id);
  return needs;
}

class Pruner {
 public:
  Pruner(const Store& store, Objects& objects, const Retention& retention)
      : store_(store), objects_(objects), retention_(retention) {}

  Result<Pruned> run() {
    if (auto listed = list(); !listed) return propagate(listed);
    for (const std::string& id : retention_.ids) {
      if (auto chosen = choose_named(id); !chosen) return propagate(chosen);
    }
    choose_by_count_and_age();
    if (auto chosen = choose_by_size(); !chosen) return propagate(chosen);
    keep_what_is_needed();
    for (const Kept& kept : kept_) {
      if (chosen_.contains(kept.id)) pruned_.removed.push_back(kept.id);
    }
    if (retention_.dry_run) return std::move(pruned_);
    if (auto removed = remove(); !removed) return propagate(removed);
    if (auto freed = free_objects(); !freed) return propagate(freed);
    return std::move(pruned_);
  }

 private:
  // Oldest first. A run that has not ended, or of which that is not known, goes only by its name.
  Result<void> list() {
    auto snapshots = snapshot_ids(store_);
    if (!snapshots) return propagate(snapshots);
    for (std::string& id : *snapshots) kept_.push_back({std::move(id), true, {}});
    auto runs = store_.runs();
    if (!runs) return propagate(runs);
    for (std::string& id : *runs) {
      auto journal = read_journal(store_, id);
      if (!journal) {
        pruned_.kept_back.push_back(journal.error().message);
        unfinished_.insert(id);
      }
      if (journal && !journal->is_over()) {
        pinned_.merge(needs_of(id, *journal));
        unfinished_.insert(id);
      }
      if (!journal || !journal->is_over()) continue;
      std::set<std::string> needs = needs_of(id, *journal);
      kept_.push_back({std::move(id), false, std::move(needs)});
    }
    std::sort(kept_.begin(), kept_.end(), [](const Kept& a, const Kept& b) { return a.id < b.id; });
    return {};
  }

  Result<void> choose_named(const std::string& id) {
    const auto place = std::lower_bound(
        kept_.begin(), kept_.end(), id,
        [](const Kept& kept, const std::string& wanted) { return kept.id < wanted; });
    const bool known = place != kept_.end() && place->id == id;
    if (!known && !unfinished_.contains(id))
      return fail("there is no snapshot or run " + id + "; mixguard snapshot list", ENOENT);
    if (!known) {
      // Recovery could not end it. Its owner holds it while there is one.
      auto run = hold_run(store_, id);
      if (!run && run.error().code == EWOULDBLOCK)
        return fail("forget run " + id + ": its command has not ended", EBUSY);
      if (!run) return propagate(run);
      if (!retention_.dry_run) held_.emplace(id, std::move(*run));
      kept_.insert(place, {id, false, {}});
    }
    chosen_.insert(id);
    return {};
  }

  void choose_by_count_and_age() {
    const std::size_t total = kept_.size();
    for (std::size_t i = 0; i < total; ++i) {
      const bool beyond = retention_.count && total - i > *retention_.count;
      const bool old = retention_.not_before && total - i > retention_.at_least &&
                       time_of_run_id(kept_[i].id) < *retention_.not_before;
      if (beyond || old) chosen_.insert(kept_[i].id);
    }
  }

  // From the newest on, as long as there is room; the newest stays whatever its size.
  Result<void> choose_by_size() {
    if (!retention_.bytes) return {};
    LiveObjects live;
    std::uint64_t total = 0;
    bool full = false;
    for (auto kept = kept_.rbegin(); kept != kept_.rend(); ++kept) {
      if (chosen_.contains(kept->id)) continue;
      auto size = full ? 0 : size_of(*kept, live);
      if (!size) return propagate(size);
      full = full || (total != 0 && total + *size > *retention_.bytes);
      total += *size;
      if (full) chosen_.insert(kept->id);
    }
    return {};
  }

  // Of a snapshot what those before had not needed.
  Result<std::uint64_t> size_of(const Kept& kept, LiveObjects& live) {
    if (kept.snapshot) {
      auto snapshot = load_snapshot(store_, kept.id);
      if (!snapshot) return propagate(snapshot);
      std::uint64_t size = 0;
      const auto add = [&](const ObjectId& id) { size += objects_.kept_size(id); };
      if (auto added = live.add(objects_, *snapshot, add); !added) return propagate(added);
      return size;
    }
    auto runs = tree::open_dir(store_.fd(), "runs");
    if (!runs) return propagate(runs);
    std::uint64_t size = 0;
    const auto add = [&](const std::string&, const tree::Node& node) -> Result<tree::Walk> {
      size += static_cast<std::uint64_t>(node.allocated);
      return tree::Walk::kOn;
    };
    if (auto walked = tree::walk(runs->get(), kept.id, add); !walked) return propagate(walked);
    return size;
  }

  // The newest first: a rollback that stays keeps what it undid.
  void keep_what_is_needed() {
    for (const std::string& needed : pinned_) {
      if (chosen_.erase(needed) != 0)
        pruned_.kept_back.push_back("run " + needed + " stays: one that has not ended needs it");
    }
    for (auto kept = kept_.rbegin(); kept != kept_.rend(); ++kept) {
      if (chosen_.contains(kept->id)) continue;
      for (const std::string& needed : kept->needs) {
        if (chosen_.erase(needed) != 0)
          pruned_.kept_back.push_back("run " + needed + " stays: rollback " + kept->id +
                                      " of it does");
      }
    }
  }

  // The newest first, so that what is left never needs what is gone.
  Result<void> remove() {
    for (auto kept = kept_.rbegin(); kept != kept_.rend(); ++kept) {
      if (!chosen_.contains(kept->id)) continue;
      auto removed = kept->snapshot ? remove_snapshot(store_, kept->id) : remove_run(kept->id);
      if (!removed) return removed;
    }
    return {};
  }

  Result<void> remove_run(const std::string& id) {
    const auto held = held_.find(id);
    if (held != held_.end()) return discard_run(held->second);
    auto run = hold_run(store_, id);
    if (!run) return propagate(run);
    return discard_run(*run);
  }

  Result<void> free_objects() {
    auto live = LiveObjects::of_everything(store_, objects_);
    if (!live) {
      pruned_.kept_back.push_back("no content was removed: " + live.error().message);
      return {};
    }
    auto freed = objects_.compact([&](const ObjectId& id) { return live->contains(id); });
    if (!freed) return propagate(freed);
    pruned_.freed = *freed;
    return {};
  }

  const Store& store_;
  Objects& objects_;
  const Retention& retention_;
  std::vector<Kept> kept_;
  std::set<std::string> unfinished_;  // or unreadable
  std::map<std::string, Run> held_;   // of these, what goes
  std::set<std::string> pinned_;      // what they need
  std::set<std::string> chosen_;
  Pruned pruned_;
};

}  // namespace

Result<Pruned> prune(const Store& store, Objects& objects, const Retention& retention) {
  return Pruner(store, objects, retention).run();
}

}  // namespace mixguard::guard
