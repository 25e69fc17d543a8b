// SPDX-License-Identifier: Apache-2.0
#include "guard/snapshot/history.hpp"

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

#include "guard/snapshot/run.hpp"

namespace mixguard::guard {
namespace {

bool is_one_of(const std::vector<std::string>& ids, const std::string& id) {
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

}  // namespace

Result<bool> History::edited(const Target& target, const Op& op, int root, const tree::Node& node,
                             const Goes& goes) {
  bool found = false;
  const auto visit = [&](const std::string& rel, const tree::Node& below) -> Result<tree::Walk> {
    if (below.ctime < target.journal.settled) return tree::Walk::kOn;
    const std::string at = full_path(op.root, rel);
    if (goes(at, below)) return tree::Walk::kPast;
    auto known = explained(target, at, below);
    if (!known) return propagate(known);
    found = !*known;
    return found ? tree::Walk::kStop : tree::Walk::kOn;
  };
  if (!node.is_dir()) {
    auto one = visit(op.path, node);
    if (!one) return propagate(one);
  } else if (auto walked = tree::walk(root, op.path, visit); !walked) {
    return propagate(walked);
  }
  return found;
}

// Of the runs that the rollback undid and that are older than `id`: whether one had changed the
// path as well, and whether what it had found there is what the rollback brought.
History::Older History::older_in(const Step& undoing, const std::string& path,
                                 const std::string& id) const {
  Older older = Older::kNone;
  const auto [first, last] = steps_.equal_range(path);
  for (auto entry = first; entry != last; ++entry) {
    const std::string& other = ids_[entry->second.run];
    if (other >= id || !is_one_of(undoing.undoes, other)) continue;
    if (same_object(entry->second.before, undoing.after)) return Older::kFoundThis;
    older = Older::kFoundOther;
  }
  return older;
}

Result<History::Made> History::made_by_undoing(const Target& target, const Op& op,
                                               const tree::Node& node) {
  if (auto loaded = load(); !loaded) return propagate(loaded);
  std::optional<Identity> at{Identity(node)};
  Made made = Made::kByUndoing;
  const std::string path = full_path(op);
  const auto [first, last] = steps_.equal_range(path);
  for (auto left = std::distance(first, last); left > 0 && at; --left) {
    const auto step = std::find_if(first, last, [&](const auto& entry) {
      return is_one_of(entry.second.undoes, target.id) && same_object(entry.second.after, at);
    });
    if (step == last) return Made::kNo;
    // Nobody wrote to what is there; what was there before that lies in the store.
    if (at->inode == node.inode && node.ctime >= step->second.settled) return Made::kNo;
    const Older older = older_in(step->second, path, target.id);
    // A merged file: neither this run's version nor that of an older one is right in its place.
    if (older == Older::kFoundOther) return Made::kNo;
    if (older == Older::kFoundThis) made = Made::kByUndoingOlder;
    at = step->second.before;
    if (same_object(at, op.after)) return made;
  }
  return Made::kNo;
}

Result<bool> History::only_touched(const Op& op, const Identity& was, const Identity& now) {
  if (now.size != was.size) return false;
  if (auto loaded = load(); !loaded) return propagate(loaded);
  const auto [first, last] = steps_.equal_range(full_path(op));
  return std::any_of(first, last, [&](const auto& entry) {
    return same_object(entry.second.after, now) && entry.second.touched == now.mtime;
  });
}

Result<bool> History::explained(const Target& target, const std::string& path,
                                const tree::Node& node) {
  if (auto loaded = load(); !loaded) return propagate(loaded);
  const auto has = [&](const Steps& steps, const auto& explains) {
    const auto [first, last] = steps.equal_range(path);
    return std::any_of(first, last, [&](const auto& entry) {
      const Step& step = entry.second;
      return ids_[step.run] != target.id && node.ctime < step.settled && explains(step);
    });
  };
  // What somebody accepted counts as theirs, though the run had made it.
  const auto [begin, end] = steps_.equal_range(path);
  const bool was_accepted = std::any_of(begin, end, [&](const auto& entry) {
    return entry.second.is_acceptance && ids_[entry.second.run] != target.id &&
           same_object(entry.second.after, node);
  });
  if (was_accepted) return false;
  const auto put_it_there = [&](const Step& step) {
    // An object that is younger than the run is not what the run left there.
    return same_object(step.after, node) && node.born < target.journal.settled;
  };
  return has(steps_, put_it_there) ||
         (node.is_dir() && has(homes_, [](const Step&) { return true; }));
}

Result<void> History::load() {
  if (std::exchange(loaded_, true)) return {};
  auto runs = store_.runs();
  if (!runs) return propagate(runs);
  for (std::string& id : *runs) {
    auto journal = read_journal(store_, id);
    if (!journal) return propagate(journal);
    if (!journal->is_over()) continue;
    ids_.push_back(std::move(id));
    remember(*journal);
  }
  return {};
}

void History::remember(const Journal& journal) {
  const std::size_t run = ids_.size() - 1;
  std::set<std::string> homes;
  for (const Op& op : journal.ops) {
    if (!op.withheld.empty()) continue;
    if (op.attributes) {
      // It moves the directory's ctime as a rename in it does.
      homes.insert(full_path(op));
      continue;
    }
    steps_.emplace(
        full_path(op),
        Step{run, op.before, op.after, journal.settled,
             journal.kind == RunKind::kRollback ? journal.undoes : std::vector<std::string>(),
             journal.kind == RunKind::kAcceptance, op.touch ? journal.touch_time : 0});
    homes.insert(full_path(op.root, tree::split(op.path).parent));
  }
  for (const std::string& home : homes)
    homes_.emplace(home, Step{run, {}, {}, journal.settled, {}, false, 0});
}

}  // namespace mixguard::guard
