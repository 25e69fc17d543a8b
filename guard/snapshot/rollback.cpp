// SPDX-License-Identifier: Apache-2.0
#include "guard/snapshot/rollback.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <functional>
#include <iterator>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "guard/snapshot/apply.hpp"
#include "guard/snapshot/builds.hpp"
#include "guard/snapshot/durability.hpp"
#include "guard/snapshot/git_lock.hpp"
#include "guard/snapshot/history.hpp"
#include "guard/snapshot/journal.hpp"
#include "guard/snapshot/mix_layout.hpp"
#include "guard/snapshot/run.hpp"
#include "guard/snapshot/tree.hpp"
#include "guard/snapshot/xattrs.hpp"

namespace mixguard::guard {
namespace {

using Target = History::Target;

constexpr const char* kMountedOver = "something is mounted over it";
constexpr const char* kMountedIn = "something is mounted in it";

bool any_run(const std::string& /*id*/) { return true; }

using Which = std::function<bool(const std::string& id)>;

// Committed, not rolled back, newest first: up to `most` of those that are wanted, until the first
// that is not `within`.
Result<std::vector<Target>> in_force(const Store& store, const Which& is_wanted,
                                     const Which& within, std::size_t most) {
  auto runs = store.runs();
  if (!runs) return propagate(runs);
  std::vector<Target> targets;
  for (auto id = runs->rbegin(); id != runs->rend() && targets.size() < most; ++id) {
    if (!within(*id)) break;
    if (!is_wanted(*id)) continue;
    auto journal = read_journal(store, *id);
    if (!journal) return propagate(journal);
    if (journal->kind != RunKind::kRollback && journal->state == RunState::kDone &&
        !journal->ops.empty())
      targets.push_back({*id, std::move(*journal)});
  }
  if (targets.empty())
    return fail("roll back: there is no run of those that is committed and not rolled back",
                ENOENT);
  return targets;
}

// Newest first.
Result<std::vector<Target>> find_targets(const Store& store, const std::string& run_id,
                                         const RollbackOptions& options) {
  if (options.since) {
    const std::string first = first_run_id_at(*options.since);
    return in_force(store, any_run, [&](const std::string& id) { return id >= first; }, SIZE_MAX);
  }
  if (options.all) return in_force(store, any_run, any_run, SIZE_MAX);
  if (options.back > 0) return in_force(store, any_run, any_run, options.back);
  auto journal = read_journal(store, run_id);
  if (!journal) return propagate(journal);
  if (!journal->is_over())
    return fail("roll back run " + run_id + ": it was never committed", EINVAL);
  std::vector<Target> one;
  one.push_back({run_id, std::move(*journal)});
  return one;
}

// Back to the newest run that brought the code or the lock's line that there is now, of each of the
// dependencies: what later runs compiled of it goes with it. The last run, where none did.
Result<std::vector<Target>> since_last_change(const Store& store,
                                              const std::vector<DependencyChoice>& dependencies) {
  auto targets = in_force(store, any_run, any_run, SIZE_MAX);
  if (!targets) return targets;
  std::size_t count = 1;
  for (const DependencyChoice& choice : dependencies) {
    for (std::size_t i = 0; i < targets->size(); ++i) {
      auto changed = DependencyUndo::is_source_of(store, targets->at(i).journal, choice);
      if (!changed) return propagate(changed);
      if (!*changed) continue;
      count = std::max(count, i + 1);
      break;
    }
  }
  targets->resize(count);
  return targets;
}

// Plans the undoing of runs, newest first, as one list of operations: one for each path, which puts
// back what the oldest of them found there.
class Planner {
 public:
  Planner(const Store& store, const RollbackOptions& options, const DependencyUndo& dependencies,
          int runs)
      : options_(options),
        dependencies_(dependencies),
        history_(store),
        trees_(store.project_fd(), runs),
        runs_fd_(runs),
        runs_(runs) {}

  Result<void> add(const Target& target) {
    bool complete = true;
    for (const ExtraRoot& root : target.journal.extra_roots) trees_.add(root);
    for (auto op = target.journal.ops.rbegin(); op != target.journal.ops.rend(); ++op) {
      if (!op->withheld.empty()) continue;
      auto chosen = wanted(target, *op);
      if (!chosen) return propagate(chosen);
      if (!*chosen) {
        complete = false;
        continue;
      }
      ++matched_;
      const Step step{target, *op};
      auto planned = !is_there(target, *op)
                         ? skip(*op, "its directory is not there any more, or another is")
                     : op->attributes ? attributes(*op)
                                      : object(step);
      if (!planned) return planned;
    }
    for (auto op = current_.begin(); op != current_.end(); ++op)
      (op->attributes ? attributes_ : objects_).emplace(full_path(*op), op);
    ops_.splice(ops_.end(), current_);
    if (complete) complete_.push_back(target.id);
    return {};
  }

  // Whether the runs changed something of what was asked for by path.
  [[nodiscard]] bool matched() const { return matched_ > 0; }
  [[nodiscard]] std::vector<Op> take_ops() {
    return {std::make_move_iterator(ops_.begin()), std::make_move_iterator(ops_.end())};
  }
  [[nodiscard]] std::vector<std::string> take_skipped() {
    return {skipped_.begin(), skipped_.end()};
  }
  [[nodiscard]] std::map<std::string, std::string> take_reasons() { return std::move(reasons_); }
  // The directories outside of the project that the operations are about.
  [[nodiscard]] std::vector<ExtraRoot> roots() const { return trees_.usable(); }
  // Of which nothing was left out by the selection.
  [[nodiscard]] const std::vector<std::string>& complete() const { return complete_; }

 private:
  struct Step {
    const Target& target;
    const Op& op;
    [[nodiscard]] const std::string& area() const { return area_of(target.journal, op); }
  };

  // A directory outside that was removed, or made anew, since the run is none of its roots.
  [[nodiscard]] bool is_there(const Target& target, const Op& op) const {
    const auto& roots = target.journal.extra_roots;
    return op.root.empty() || std::any_of(roots.begin(), roots.end(), [&](const ExtraRoot& root) {
             return root.path == op.root && trees_.has(root);
           });
  }

  // It, what is in it, and a directory that came with it.
  static bool is_of_build(const std::string& build, const std::string& full, const Op& op) {
    const bool came = !op.attributes && !op.before;
    return tree::is_at_or_below(full, build) || (came && tree::is_at_or_below(build, full));
  }

  Result<bool> wanted(const Target& target, const Op& op) const {
    if (!options_.selective()) return true;
    const std::string full = full_path(op);
    if (options_.build && is_of_build(target.journal.build, full, op)) return true;
    if (options_.config && mix_layout::is_configuration(full)) return true;
    if (dependencies_.takes(full)) return true;
    for (const std::string& path : options_.paths) {
      if (tree::is_at_or_below(full, path)) return true;
      const bool inside = tree::is_at_or_below(path, full) && !op.attributes;
      if (inside)
        return fail("roll back " + path + ": run " + target.id + " replaced all of " + full +
                        ", which can only be rolled back as a whole",
                    EINVAL);
    }
    return false;
  }

  // A build that is not there any more Mix makes anew as a whole: parts of it are of no use.
  [[nodiscard]] bool lay_in_lost_build(const Op& op) {
    const std::string build(mix_layout::build_at(op.path));
    if (build.empty() || build == op.path) return false;
    const auto node = live_.look(op.root, build);
    return node && !*node;
  }

  // The planned operation at the full path itself, of a run that is newer.
  Op* planned_at(const std::string& full) { return at(objects_, full); }
  // The one that moves a directory above the path; the innermost.
  const Op* planned_above(const Op& op) {
    for (std::string above = tree::split(op.path).parent; !above.empty();
         above = tree::split(above).parent) {
      if (const Op* planned = planned_at(full_path(op.root, above))) return planned;
    }
    return nullptr;
  }

  // What is put back there by the undoing of newer runs, or lies there.
  struct Expected {
    std::optional<tree::Node> node;
    std::optional<std::string> xattrs;  // of a directory that can be looked into
  };
  Result<Expected> expected_at(const Op& op) {
    const Op* planned = planned_at(full_path(op));
    const Op* above = planned == nullptr ? planned_above(op) : planned;
    Expected expected;
    auto node = above == nullptr ? live_.look(op.root, op.path) : moved_along(*above, op.path);
    if (!node) return propagate(node);
    expected.node = *node;
    if (!*node || !(*node)->is_dir()) return expected;
    auto root = above == nullptr ? trees_.of(op.root) : Result<int>(runs_fd_);
    auto xattrs = root ? xattrs_of_directory(
                             *root, above == nullptr ? op.path : tree::join(above->area, op.path))
                       : propagate(root);
    if (xattrs) expected.xattrs = std::move(*xattrs);
    return expected;
  }

  Result<void> attributes(const Op& op) {
    const auto& [before, after] = *op.attributes;
    const bool sets_mode = before.mode != after.mode;
    const std::string full = full_path(op);
    if (Op* newer = at(attributes_, full)) {
      auto& [found, wanted] = *newer->attributes;
      const bool other_mode = sets_mode && wanted.mode != after.mode;
      const bool other_xattrs = before.xattrs && wanted.xattrs && wanted.xattrs != after.xattrs;
      if ((other_mode || other_xattrs) && !options_.force) return skip(op);
      if (sets_mode) wanted.mode = before.mode;
      if (before.mtime) wanted.mtime = before.mtime;
      if (before.xattrs && !wanted.xattrs) found.xattrs = after.xattrs;
      if (before.xattrs) wanted.xattrs = before.xattrs;
      return {};
    }
    auto present = expected_at(op);
    if (!present && present.error().code == EXDEV) return skip(op, kMountedOver);
    if (!present) return propagate(present);
    const auto& node = present->node;
    if (!node && lay_in_lost_build(op)) return {};
    const bool is_dir = node && node->is_dir();
    // Only a time, of a directory that is none any more.
    if (!is_dir && !before.differs(after)) return {};
    if (!is_dir) return skip(op);
    const auto differs_from = [&](const Attributes& attributes) {
      return (sets_mode && node->permissions() != attributes.mode) ||
             (before.xattrs && present->xattrs != attributes.xattrs);
    };
    if (!differs_from(before) && !before.mtime) return {};
    if (differs_from(before) && differs_from(after) && !options_.force) return skip(op);
    Op undo;
    undo.path = op.path;
    undo.root = op.root;
    undo.attributes.emplace(Attributes{node->permissions(), node->mtime, {}}, before);
    auto& [found, wanted] = *undo.attributes;
    if (!sets_mode) wanted.mode = found.mode;
    if (!before.mtime) found.mtime.reset();
    if (before.xattrs) found.xattrs = present->xattrs.value_or("");
    current_.push_back(std::move(undo));
    return {};
  }

  Result<void> object(const Step& step) {
    const Op& op = step.op;
    const std::string full = full_path(op);
    if (skipped_.contains(full)) return {};
    if (Op* newer = planned_at(full)) return older_version(step, *newer);
    // Where a newer run moved the directory, it is looked for in there.
    const Op* above = planned_above(op);
    auto present = above == nullptr ? live_.look(op.root, op.path) : moved_along(*above, op.path);
    if (!present && present.error().code == EXDEV) return skip(op, kMountedOver);
    if (!present) return propagate(present);
    if (same_object(op.before, *present)) return {};  // undone already
    bool edited = !same_object(op.after, *present);
    if (edited && *present && above == nullptr) {
      auto made = history_.made_by_undoing(step.target, op, **present);
      if (!made) return propagate(made);
      if (*made == History::Made::kByUndoingOlder) return {};  // undone already, and more
      edited = *made == History::Made::kNo;
    } else if (*present && above == nullptr) {
      const auto goes = [this](const std::string& path, const tree::Node& node) {
        const Op* newer = planned_at(path);
        return newer != nullptr && same_object(newer->before, node);
      };
      auto root = trees_.of(op.root);
      if (!root) return propagate(root);
      auto changed = history_.edited(step.target, op, *root, **present, goes);
      if (!changed && changed.error().code == EXDEV) return skip(op, kMountedIn);
      if (!changed) return propagate(changed);
      edited = *changed;
    }
    if (!edited && above != nullptr && *present) {
      auto written = written_since(op, *op.after, Identity(**present));
      if (!written) return propagate(written);
      edited = *written;
    }
    if (edited && !*present && lay_in_lost_build(op)) return {};
    if (edited && !options_.force) return skip(op);
    if (edited && above == nullptr && *present) {
      auto mounted = holds_mount(op, **present);
      if (!mounted) return propagate(mounted);
      if (*mounted) return skip(op, kMountedIn);
    }
    auto stored = version_from_before(step);
    if (!stored) return propagate(stored);
    Op undo;
    undo.path = op.path;
    if (*present) undo.before.emplace(**present);
    undo.after = *stored;
    undo.area = step.area();
    undo.root = op.root;
    forget_below(full);
    current_.push_back(std::move(undo));
    return {};
  }

  // Something is mounted in the directory: to move that along would take it from its place.
  Result<bool> holds_mount(const Op& op, const tree::Node& node) {
    if (!node.is_dir()) return false;
    auto root = trees_.of(op.root);
    if (!root) return propagate(root);
    const auto look = [](const std::string& /*path*/,
                         const tree::Node& /*below*/) -> Result<tree::Walk> {
      return tree::Walk::kOn;
    };
    auto walked = tree::walk(*root, op.path, look);
    if (!walked && walked.error().code == EXDEV) return true;
    if (!walked && !tree::is_denied(walked.error().code)) return propagate(walked);
    return false;
  }

  Result<std::optional<Identity>> version_from_before(const Step& step) {
    if (!step.op.before) return std::optional<Identity>();
    auto stored = runs_.look(other_side(step.target.journal, step.op));
    if (!stored) return propagate(stored);
    if (!same_object(step.op.before, *stored)) {
      return fail(
          "roll back " + full_path(step.op) + ": the store does not hold its version from before",
          EBADMSG);
    }
    auto written = written_since(step.op, *step.op.before, Identity(**stored));
    if (!written) return propagate(written);
    if (*written && !options_.force) {
      return fail("roll back " + full_path(step.op) +
                      ": its version from before was written in the store since (--force takes it "
                      "as it is)",
                  EBADMSG);
    }
    return std::optional<Identity>(**stored);
  }

  // Whether a file of the operation is another by its size or time than it was, and not because a
  // rollback made it new for Mix.
  Result<bool> written_since(const Op& op, const Identity& was, const Identity& found) {
    if (!was.was_written(found)) return false;
    auto touched = history_.only_touched(op, was, found);
    if (!touched) return touched;
    return !*touched;
  }

  // A newer run changed the path as well: what was there before this one is put back in its place.
  Result<void> older_version(const Step& step, Op& newer) {
    auto edited = Result<bool>(!same_object(step.op.after, newer.after));
    // A newer run put it aside after somebody had written it.
    if (!*edited && newer.after) edited = written_since(step.op, *step.op.after, *newer.after);
    if (!edited) return propagate(edited);
    if (*edited && !options_.force) return skip(step.op);
    auto stored = version_from_before(step);
    if (!stored) return propagate(stored);
    newer.after = *stored;
    newer.area = step.area();
    forget_below(full_path(step.op));
    // It came and went within the runs.
    if (!newer.before && !newer.after) forget(objects_, objects_.find(full_path(step.op)));
    return {};
  }

  // What the newer runs' undoing will bring to `path`, with the directory that it is in.
  Result<std::optional<tree::Node>> moved_along(const Op& above, const std::string& path) {
    if (!above.after) return std::optional<tree::Node>();
    return runs_.look(tree::join(above.area, path));
  }

  // An operation on the directory takes along what newer runs changed in it.
  void forget_below(const std::string& path) {
    if (const auto own = attributes_.find(path); own != attributes_.end()) forget(attributes_, own);
    for (ByPath* planned : {&objects_, &attributes_}) {
      auto next = planned->upper_bound(path);
      while (next != planned->end() && tree::is_at_or_below(next->first, path))
        next = forget(*planned, next);
    }
  }

  // Edited since, where no other reason is given.
  Result<void> skip(const Op& op, const std::string& reason = "") {
    skipped_.insert(full_path(op));
    if (!reason.empty()) reasons_.emplace(full_path(op), reason);
    return {};
  }

  const RollbackOptions& options_;
  const DependencyUndo& dependencies_;
  History history_;
  LiveTrees trees_;
  LiveParents live_{trees_};
  int runs_fd_;
  tree::Parents runs_;
  // Of the runs before, which are newer: in the order of their carrying out, and by path.
  using Ops = std::list<Op>;
  using ByPath = std::map<std::string, Ops::iterator, tree::PathOrder>;
  static Op* at(ByPath& planned, const std::string& path) {
    const auto found = planned.find(path);
    return found == planned.end() ? nullptr : &*found->second;
  }
  ByPath::iterator forget(ByPath& planned, ByPath::iterator which) {
    ops_.erase(which->second);
    return planned.erase(which);
  }
  Ops ops_;
  ByPath objects_, attributes_;
  Ops current_;  // of the one that is added
  std::set<std::string> skipped_;
  std::map<std::string, std::string> reasons_;
  std::vector<std::string> complete_;
  std::size_t matched_ = 0;
};

// What becomes of other runs: those undone count as rolled back; when one was a rollback itself,
// the runs that it had undone are in force again, and so on.
Result<std::vector<std::pair<std::string, RunState>>> outcomes_of(
    const Store& store, const std::vector<Target>& targets,
    const std::vector<std::string>& complete) {
  std::vector<std::pair<std::string, RunState>> outcomes;
  for (const std::string& id : complete) outcomes.emplace_back(id, RunState::kRolledBack);
  RunState state = RunState::kDone;
  for (Journal at = targets.front().journal; at.kind == RunKind::kRollback;) {
    for (const std::string& undone : at.undoes) outcomes.emplace_back(undone, state);
    state = state == RunState::kDone ? RunState::kRolledBack : RunState::kDone;
    // Of several that were undone at once none is a rollback.
    auto next = read_journal(store, at.undoes.front());
    if (!next) return propagate(next);
    at = std::move(*next);
  }
  return outcomes;
}

// What somebody else wrote may still be in memory only.
Result<void> make_displaced_durable(const Store& store, const Journal& journal) {
  const LiveTrees trees(store.project_fd(), store.fd(), journal.extra_roots);
  Durability durability;
  for (const std::string& root : roots_of(journal.ops)) {
    auto live = trees.of(root);
    if (!live) return propagate(live);
    auto synced = sync_displaced(*live, root, journal.ops, 0, durability);
    if (!synced) return synced;
  }
  auto finished = durability.finish(store.project_fd());
  if (!finished) return propagate(finished);
  return {};
}

Result<void> undo(const Store& store, const std::vector<Target>& targets,
                  const DependencyUndo& dependencies, const std::string& undo_id, Journal& journal,
                  const RollbackOptions& options) {
  if (options.force) {
    if (auto synced = make_displaced_durable(store, journal); !synced) return synced;
  }
  // What others compiled while one wrote in place is no part of it.
  std::int64_t moment = INT64_MAX;
  for (const Target& target : targets) {
    const bool in_place = target.journal.kind == RunKind::kPreimage;
    moment = std::min(moment, in_place ? target.journal.since : target.journal.settled);
  }
  auto renewed = renew_sources(store, moment, options.selective(), journal);
  if (!renewed) return renewed;
  auto run = make_run(store, undo_id);
  if (!run) return propagate(run);
  journal.kind = RunKind::kRollback;
  journal.area = targets.front().journal.area;
  for (const Target& target : targets) journal.undoes.push_back(target.id);
  if (auto prepared = dependencies.prepare(*run, journal.ops); !prepared) return prepared;
  if (auto written = write_intent(*run, journal); !written) return written;
  if (auto done = carry_out(*run, journal, false, options.on_step); !done) return done;
  wait_for_sources(journal);
  return {};
}

Result<DependencyUndo> plan_dependencies(const Store& store, const std::vector<Target>& targets,
                                         const RollbackOptions& options, const std::string& what) {
  DependencyUndo::Request request{options.dependencies, {}, what, options.force, options.build};
  for (const Target& target : targets) request.runs.push_back(&target.journal);
  return DependencyUndo::plan(store, std::move(request));
}

// Why there is nothing to carry out.
Result<void> check_plan(const std::string& what, const RollbackOptions& options, bool matched,
                        const Journal& journal, const RollbackReport& report) {
  const bool by_path = options.selective() && options.dependencies.empty();
  if (!matched && by_path)
    return fail("roll back " + what + ": it changed nothing of what was asked for", ENOENT);
  if (journal.ops.empty() && report.is_complete())
    return fail("roll back " + what + ": there is nothing left to undo", EALREADY);
  return {};
}

// Beside a manifest that was written since, an older beam would be taken for current: an
// application whose manifest is left alone keeps all that was compiled of it.
void keep_builds_whole(std::vector<Op>& ops, RollbackReport& report) {
  std::set<std::string> builds;
  for (const std::string& path : report.skipped) {
    const std::size_t end = path.find("/.mix/compile.");
    if (end != std::string::npos) builds.insert(path.substr(0, end));
  }
  if (builds.empty()) return;
  std::erase_if(ops, [&](const Op& op) {
    const std::string full = full_path(op);
    const bool stays = std::any_of(builds.begin(), builds.end(), [&](const std::string& build) {
      return tree::is_at_or_below(full, build);
    });
    if (!stays || op.attributes) return stays;
    report.skipped.push_back(full);
    report.reasons.emplace(full, "its application was compiled anew since");
    return true;
  });
}

Result<RollbackReport> undo_all(const Store& store, const std::vector<Target>& targets,
                                const RollbackOptions& options) {
  const std::string what =
      targets.size() == 1 ? "run " + targets.front().id : std::to_string(targets.size()) + " runs";
  auto dependencies = plan_dependencies(store, targets, options, what);
  if (!dependencies) return propagate(dependencies);
  auto runs = tree::open_dir(store.fd(), "runs");
  if (!runs) return propagate(runs);
  Planner planner(store, options, *dependencies, runs->get());
  for (const Target& target : targets) {
    if (auto planned = planner.add(target); !planned) return propagate(planned);
  }
  RollbackReport report;
  for (const Target& target : targets) report.run_ids.push_back(target.id);
  report.skipped = planner.take_skipped();
  report.reasons = planner.take_reasons();
  Journal journal;
  journal.ops = planner.take_ops();
  journal.extra_roots = planner.roots();
  journal.build = targets.front().journal.build;
  keep_builds_whole(journal.ops, report);
  auto completed = dependencies->complete(journal.ops, report.skipped);
  if (!completed) return propagate(completed);
  report.left_alone = dependencies->left_alone();
  // Times of directories alone are nothing to have undone.
  const bool any = std::any_of(journal.ops.begin(), journal.ops.end(), std::mem_fn(&Op::is_change));
  if (!report.is_complete() && !any) journal.ops.clear();
  auto checked = check_plan(what, options, planner.matched(), journal, report);
  if (!checked) return propagate(checked);
  if (!options.force) {
    const LiveTrees trees(store.project_fd(), store.fd(), journal.extra_roots);
    auto free = refuse_while_git_works(trees, journal.ops, GoingLock::kOfTheRun);
    if (!free) return propagate(free);
  }
  if (!options.dry_run && !journal.ops.empty()) {
    const bool whole = report.left_alone.empty();
    auto outcomes =
        outcomes_of(store, targets, whole ? planner.complete() : std::vector<std::string>());
    if (!outcomes) return propagate(outcomes);
    journal.outcomes = std::move(*outcomes);
    auto id = store.next_id();
    if (!id) return propagate(id);
    report.undo_id = std::move(*id);
    auto undone = undo(store, targets, *dependencies, report.undo_id, journal, options);
    if (!undone) return propagate(undone);
  }
  report_ops(journal.ops, report);
  return report;
}

}  // namespace

void report_ops(const std::vector<Op>& ops, RollbackReport& report) {
  for (const Op& op : ops) {
    if (!op.is_change() && op.withheld.empty()) continue;
    if (op.withheld.empty()) {
      report.undone.changes.push_back(change_of(op));
    } else {
      report.skipped.push_back(full_path(op));
      report.reasons.emplace(full_path(op), op.withheld);
    }
  }
  report.undone.sort();
  std::sort(report.skipped.begin(), report.skipped.end(), tree::path_less);
}

Result<RollbackReport> rollback(const Store& store, const std::string& run_id,
                                const RollbackOptions& options) {
  const bool by_number = options.since || options.all || options.back > 0;
  if (run_id != "last" || by_number) {
    auto targets = find_targets(store, run_id, options);
    if (!targets) return propagate(targets);
    return undo_all(store, *targets, options);
  }
  if (!options.dependencies.empty()) {
    auto targets = since_last_change(store, options.dependencies);
    if (!targets) return propagate(targets);
    return undo_all(store, *targets, options);
  }
  // Where all of the newest was undone part by part, or by hand, or where it changed nothing of
  // what is asked for, the one before it is the last.
  std::optional<Result<RollbackReport>> first;
  for (std::string below;;) {
    const auto is_older = [&](const std::string& id) { return below.empty() || id < below; };
    auto target = in_force(store, is_older, any_run, 1);
    if (!target) return first ? std::move(*first) : propagate(target);
    auto report = undo_all(store, *target, options);
    const int code = report ? 0 : report.error().code;
    const bool passes = options.selective() ? code == ENOENT : code == EALREADY;
    if (!passes) return report;
    below = target->front().id;
    if (!first && options.selective()) first.emplace(std::move(report));
  }
}

}  // namespace mixguard::guard
