// SPDX-License-Identifier: Apache-2.0
#include "guard/snapshot/rollback.hpp"

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <map>
#include <optional>
#include <utility>

#include "guard/snapshot/journal.hpp"
#include "guard/snapshot/preimage.hpp"
#include "guard/snapshot/run.hpp"
#include "guard/snapshot/tree.hpp"

namespace mixguard::guard {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

struct Target {
  std::string id;
  Journal journal;
};

bool is_over(const Journal& journal) {
  return journal.state == RunState::kDone || journal.state == RunState::kRolledBack;
}

Result<Target> newest(const Store& store) {
  auto runs = store.runs();
  if (!runs) return propagate(runs);
  for (auto id = runs->rbegin(); id != runs->rend(); ++id) {
    auto journal = read_journal(store, *id);
    if (!journal) return propagate(journal);
    if (journal->kind != RunKind::kRollback && journal->state == RunState::kDone &&
        !journal->ops.empty())
      return Target{*id, std::move(*journal)};
  }
  return fail("roll back the last run: there is none that is committed and not rolled back",
              ENOENT);
}

Result<Target> find_target(const Store& store, const std::string& run_id) {
  if (run_id == "last") return newest(store);
  auto journal = read_journal(store, run_id);
  if (!journal) return propagate(journal);
  if (!is_over(*journal))
    return fail("roll back run " + run_id + ": it was never committed", EINVAL);
  return Target{run_id, std::move(*journal)};
}

// Tells an edit by a person from what later runs and rollbacks did to the same object: both move
// its ctime, but the latter are in the journals.
class History {
 public:
  History(const Store& store, const Target& target) : store_(store), target_(target) {}

  Result<bool> edited(const std::string& path, const tree::Node& node) {
    bool found = false;
    const auto visit = [&](const std::string& at, const tree::Node& below) -> Result<tree::Walk> {
      if (below.ctime < target_.journal.settled) return tree::Walk::kOn;
      auto known = explained(at, below);
      if (!known) return propagate(known);
      found = !*known;
      return found ? tree::Walk::kStop : tree::Walk::kOn;
    };
    if (!node.is_dir()) {
      auto one = visit(path, node);
      if (!one) return propagate(one);
    } else if (auto walked = tree::walk(store_.project_fd(), path, visit); !walked) {
      return propagate(walked);
    }
    return found;
  }

 private:
  struct Step {
    std::optional<Identity> after;
    std::int64_t settled = 0;
  };

  Result<bool> explained(const std::string& path, const tree::Node& node) {
    if (auto loaded = load(); !loaded) return propagate(loaded);
    const auto [first, last] = steps_.equal_range(path);
    const bool placed = std::any_of(first, last, [&](const auto& entry) {
      // An object that is younger than the run is not what the run left there.
      return same_object(entry.second.after, node) && node.ctime < entry.second.settled &&
             node.born < target_.journal.settled;
    });
    const auto home = homes_.find(path);
    return placed || (node.is_dir() && home != homes_.end() && node.ctime < home->second);
  }

  Result<void> load() {
    if (std::exchange(loaded_, true)) return {};
    auto runs = store_.runs();
    if (!runs) return propagate(runs);
    for (const std::string& id : *runs) {
      if (id == target_.id) continue;
      auto journal = read_journal(store_, id);
      if (!journal) return propagate(journal);
      if (is_over(*journal)) remember(*journal);
    }
    return {};
  }

  void remember(const Journal& journal) {
    for (const Op& op : journal.ops) {
      if (!op.withheld.empty() || op.attributes) continue;
      steps_.emplace(op.path, Step{op.after, journal.settled});
      std::int64_t& last = homes_[tree::split(op.path).parent];
      last = std::max(last, journal.settled);
    }
  }

  const Store& store_;
  const Target& target_;
  bool loaded_ = false;
  std::multimap<std::string, Step> steps_;
  std::map<std::string, std::int64_t> homes_;  // directories, and when a run last renamed in them
};

class Planner {
 public:
  Planner(const Store& store, const Target& target, const RollbackOptions& options, int area)
      : target_(target),
        options_(options),
        history_(store, target),
        live_(store.project_fd()),
        area_(area) {}

  Result<void> plan() {
    for (auto op = target_.journal.ops.rbegin(); op != target_.journal.ops.rend(); ++op) {
      if (!op->withheld.empty()) continue;
      auto chosen = wanted(*op);
      if (!chosen) return propagate(chosen);
      if (!*chosen) {
        ++left_;
        continue;
      }
      ++matched_;
      if (auto planned = op->attributes ? attributes(*op) : object(*op); !planned) return planned;
    }
    if (matched_ == 0 && !options_.paths.empty())
      return fail("roll back run " + target_.id + ": it changed nothing at the paths given",
                  ENOENT);
    if (ops_.empty() && skipped_.empty())
      return fail("roll back run " + target_.id + ": there is nothing left to undo", EALREADY);
    return {};
  }

  [[nodiscard]] std::vector<Op> take_ops() { return std::move(ops_); }
  [[nodiscard]] std::vector<std::string> take_skipped() { return std::move(skipped_); }
  [[nodiscard]] bool complete() const { return left_ == 0; }

 private:
  Result<bool> wanted(const Op& op) const {
    if (options_.paths.empty()) return true;
    for (const std::string& path : options_.paths) {
      if (tree::is_at_or_below(op.path, path)) return true;
      const bool inside = tree::is_at_or_below(path, op.path) && !op.attributes;
      if (inside)
        return fail("roll back " + path + ": run " + target_.id + " replaced all of " + op.path +
                        ", which can only be rolled back as a whole",
                    EINVAL);
    }
    return false;
  }

  Result<void> attributes(const Op& op) {
    const auto& [before, after] = *op.attributes;
    auto node = live_.look(op.path);
    if (!node) return propagate(node);
    if (*node && (*node)->is_dir() && (*node)->permissions() == before.mode && !before.mtime)
      return {};
    const bool expected = *node && (*node)->is_dir() && (*node)->permissions() == after.mode;
    if (!expected && (!options_.force || !*node || !(*node)->is_dir())) return skip(op);
    Op undo;
    undo.path = op.path;
    undo.attributes.emplace(Attributes{(*node)->permissions(), (*node)->mtime}, before);
    if (!before.mtime) undo.attributes->first.mtime.reset();
    ops_.push_back(std::move(undo));
    return {};
  }

  Result<void> object(const Op& op) {
    auto live = live_.look(op.path);
    if (!live) return propagate(live);
    if (same_object(op.before, *live)) return {};  // undone already
    bool edited = !same_object(op.after, *live);
    if (!edited && *live) {
      auto changed = history_.edited(op.path, **live);
      if (!changed) return propagate(changed);
      edited = *changed;
    }
    if (edited && !options_.force) return skip(op);
    auto stored = area_.look(op.path);
    if (!stored) return propagate(stored);
    if (op.before && !same_object(op.before, *stored))
      return fail("roll back " + op.path + ": the store does not hold its version from before",
                  EBADMSG);
    Op undo;
    undo.path = op.path;
    if (*live) undo.before.emplace(**live);
    if (op.before) undo.after.emplace(**stored);
    undo.touch = !options_.paths.empty() && !tree::is_at_or_below(op.path, "_build") &&
                 !tree::is_at_or_below(op.path, "deps");
    ops_.push_back(std::move(undo));
    return {};
  }

  Result<void> skip(const Op& op) {
    skipped_.push_back(op.path);
    return {};
  }

  const Target& target_;
  const RollbackOptions& options_;
  History history_;
  tree::Parents live_;
  tree::Parents area_;
  std::vector<Op> ops_;
  std::vector<std::string> skipped_;
  std::size_t matched_ = 0;
  std::size_t left_ = 0;
};

// Elixir recompiles a source only when it is newer than what was built from it, by whole seconds.
std::int64_t time_for_sources(const Journal& undone) {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  const std::int64_t present = now.tv_sec * kSecond + now.tv_nsec;
  return std::max(present, (undone.settled / kSecond + 1) * kSecond);
}

// What becomes of other runs: the one undone counts as rolled back; when it was a rollback itself,
// the run that it had undone is in force again, and so on.
Result<std::vector<std::pair<std::string, RunState>>> outcomes_of(const Store& store,
                                                                  const Target& target,
                                                                  bool complete) {
  std::vector<std::pair<std::string, RunState>> outcomes;
  if (complete) outcomes.emplace_back(target.id, RunState::kRolledBack);
  RunState state = RunState::kDone;
  for (Journal at = target.journal; at.kind == RunKind::kRollback;) {
    outcomes.emplace_back(at.undoes, state);
    state = state == RunState::kDone ? RunState::kRolledBack : RunState::kDone;
    auto next = read_journal(store, at.undoes);
    if (!next) return propagate(next);
    at = std::move(*next);
  }
  return outcomes;
}

void report_ops(const std::vector<Op>& ops, RollbackReport& report) {
  for (const Op& op : ops) {
    if (op.withheld.empty()) {
      report.undone.changes.push_back(change_of(op));
    } else {
      report.skipped.push_back(op.path);
    }
  }
  std::sort(report.undone.changes.begin(), report.undone.changes.end(),
            [](const Change& a, const Change& b) { return tree::path_less(a.path, b.path); });
  std::sort(report.skipped.begin(), report.skipped.end(), tree::path_less);
}

// Contents that somebody else wrote may still be in memory only.
Result<void> sync_displaced(const Store& store, const std::vector<Op>& ops) {
  tree::Parents parents(store.project_fd());
  for (const Op& op : ops) {
    if (!op.before || !S_ISREG(op.before->mode)) continue;
    auto dir = parents.of(op.path);
    if (!dir) return propagate(dir);
    auto file = tree::open_file(*dir, tree::split(op.path).name);
    if (!file && file.error().code == EACCES) continue;
    if (!file) return propagate(file);
    if (auto synced = tree::sync(file->get(), op.path); !synced) return synced;
  }
  return {};
}

Result<void> undo(const Store& store, const Target& target, const std::string& undo_id,
                  Journal& journal, bool force) {
  if (force) {
    if (auto synced = sync_displaced(store, journal.ops); !synced) return synced;
  }
  auto run = make_run(store, undo_id);
  if (!run) return propagate(run);
  journal.kind = RunKind::kRollback;
  journal.area = target.journal.area;
  journal.undoes = target.id;
  journal.touch_time = time_for_sources(target.journal);
  if (auto written = write_intent(*run, journal); !written) return written;
  return carry_out(*run, journal, false);
}

Result<void> finish(const Store& store, const std::string& run_id, std::vector<Recovery>& done) {
  auto run = hold_run(store, run_id);
  if (!run && run.error().code == EWOULDBLOCK) return {};  // its owner lives
  if (!run && run.error().code == ENOENT) return forget_run(store, run_id);
  if (!run) return propagate(run);
  auto journal = load_journal(run->dir.get(), run_id);
  if (!journal) return propagate(journal);
  const RunState state = *journal ? (*journal)->state : RunState::kBegun;
  switch (state) {
    case RunState::kBegun:
      done.push_back({run_id, Recovery::Outcome::kDiscarded});
      return discard_run(*run);
    case RunState::kCaptured:
      done.push_back({run_id, Recovery::Outcome::kDiscarded});
      return restore_preimage(*run, **journal);
    case RunState::kIntent: {
      const bool as_before = (*journal)->ends_as == RunState::kRolledBack;
      done.push_back(
          {run_id, as_before ? Recovery::Outcome::kDiscarded : Recovery::Outcome::kRolledForward});
      return carry_out(*run, **journal, true);
    }
    case RunState::kDone:
    case RunState::kRolledBack:
      return tidy(*run, **journal);
  }
  return {};
}

}  // namespace

Result<RollbackReport> rollback(const Store& store, const std::string& run_id,
                                const RollbackOptions& options) {
  auto target = find_target(store, run_id);
  if (!target) return propagate(target);
  auto area = tree::open_dir(store.fd(), "runs/" + target->journal.area);
  if (!area) return propagate(area);
  Planner planner(store, *target, options, area->get());
  if (auto planned = planner.plan(); !planned) return propagate(planned);
  RollbackReport report;
  report.run_id = target->id;
  report.skipped = planner.take_skipped();
  Journal journal;
  journal.ops = planner.take_ops();
  if (!options.dry_run && !journal.ops.empty()) {
    auto outcomes = outcomes_of(store, *target, planner.complete());
    if (!outcomes) return propagate(outcomes);
    journal.outcomes = std::move(*outcomes);
    report.undo_id = new_run_id();
    auto undone = undo(store, *target, report.undo_id, journal, options.force);
    if (!undone) return propagate(undone);
  }
  report_ops(journal.ops, report);
  return report;
}

Result<std::vector<Recovery>> recover(const Store& store) {
  std::vector<Recovery> done;
  auto active = tree::open_dir(store.fd(), "active");
  if (!active && active.error().code == ENOENT) return done;
  if (!active) return propagate(active);
  auto ids = tree::list(active->get(), store.path() + "/active");
  if (!ids) return propagate(ids);
  std::sort(ids->begin(), ids->end());
  for (const std::string& id : *ids) {
    if (!is_run_id(id)) continue;  // an editor's or a person's file, no mark of ours
    if (auto finished = finish(store, id, done); !finished) return propagate(finished);
  }
  return done;
}

}  // namespace mixguard::guard
