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

// Whether the rollback undid, besides the run `id`, an older one that had changed the path as well.
bool History::touched_by_older(const Step& undoing, const std::string& path,
                               const std::string& id) const {
  const auto [first, last] = steps_.equal_range(path);
  return std::any_of(first, last, [&](const auto& entry) {
    const std::string& other = ids_[entry.second.run];
    return other < id && is_one_of(undoing.undoes, other);
  });
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
    if (touched_by_older(step->second, path, target.id)) made = Made::kByUndoingOlder;
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
  const auto put_it_there = [&](const Step& step) {
    // An object that is younger than the run is not what the run left there.
    // What somebody accepted counts as theirs, though the run had made it.
    return same_object(step.after, node) && node.born < target.journal.settled &&
           !step.is_acceptance;
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
