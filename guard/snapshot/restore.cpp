// SPDX-License-Identifier: Apache-2.0
#include "guard/snapshot/restore.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <set>
#include <utility>

#include "guard/snapshot/git_lock.hpp"
#include "guard/snapshot/return_plan.hpp"
#include "guard/snapshot/run.hpp"
#include "guard/snapshot/tree_diff.hpp"

namespace mixguard::guard {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr const char* kArea = "before";

// A path with what is wanted and what lies there.
struct Pair {
  std::string path;
  std::optional<Entry> wanted;
  std::optional<Entry> present;
};

// What is chosen of two trees.
class Choice {
 public:
  Choice(Objects& objects, const Entry& wanted, const Entry& present)
      : objects_(objects), wanted_(wanted), present_(present) {}

  Result<std::vector<Pair>> of(const RollbackOptions& options) {
    std::vector<Pair> pairs;
    if (!options.selective()) {
      pairs.push_back({"", wanted_, present_});
      return pairs;
    }
    auto paths = paths_of(options);
    if (!paths) return propagate(paths);
    for (const std::string& path : *paths) {
      auto pair = at(path);
      if (!pair) return propagate(pair);
      pairs.push_back(std::move(*pair));
    }
    return pairs;
  }

 private:
  // None below another.
  Result<std::set<std::string, tree::PathOrder>> paths_of(const RollbackOptions& options) {
    std::set<std::string, tree::PathOrder> all(options.paths.begin(), options.paths.end());
    if (options.build) all.insert("_build");
    if (options.config) {
      auto files = configuration();
      if (!files) return propagate(files);
      all.insert(files->begin(), files->end());
    }
    for (auto at = all.begin(); at != all.end();) {
      auto next = std::next(at);
      while (next != all.end() && tree::is_at_or_below(*next, *at)) next = all.erase(next);
      at = next;
    }
    return all;
  }

  // Of the project and of an umbrella's apps, in either tree.
  Result<std::vector<std::string>> configuration() {
    std::set<std::string> folders = {""};
    for (const Entry* tree : {&wanted_, &present_}) {
      auto apps = find_entry(objects_, *tree, "apps");
      if (!apps) return propagate(apps);
      if (!*apps || !(*apps)->is_dir()) continue;
      auto listing = get_listing(objects_, (*apps)->content);
      if (!listing) return propagate(listing);
      for (const Entry& app : *listing) folders.insert("apps/" + app.name);
    }
    std::vector<std::string> paths;
    for (const std::string& folder : folders) {
      for (const char* name : {"mix.exs", "config", ".formatter.exs"}) {
        std::string path = tree::join(folder, name);
        auto pair = both(path);
        if (!pair) return propagate(pair);
        if (pair->wanted || pair->present) paths.push_back(std::move(path));
      }
    }
    return paths;
  }

  Result<Pair> both(const std::string& path) {
    Pair pair{path, {}, {}};
    auto wanted = find_entry(objects_, wanted_, path);
    if (!wanted) return propagate(wanted);
    auto present = find_entry(objects_, present_, path);
    if (!present) return propagate(present);
    pair.wanted = std::move(*wanted);
    pair.present = std::move(*present);
    return pair;
  }

  Result<Pair> at(const std::string& path) {
    auto pair = both(path);
    if (!pair) return pair;
    if (!pair->wanted && !pair->present)
      return fail("put back " + path + ": it is neither in the snapshot nor in the project",
                  ENOENT);
    if (!pair->wanted || pair->present) return pair;
    return with_missing_parents(std::move(*pair));
  }

  // The directories that lead to what is wanted come along, with nothing else in them.
  Result<Pair> with_missing_parents(Pair pair) {
    for (;;) {
      const auto [parent, name] = tree::split(pair.path);
      auto above = both(parent);
      if (!above) return above;
      const bool is_there = parent.empty() || (above->present && above->present->is_dir());
      if (is_there) return pair;
      auto content = put_listing(objects_, {std::move(*pair.wanted)});
      if (!content) return propagate(content);
      above->wanted->content = *content;
      pair = std::move(*above);
    }
  }

  Objects& objects_;
  const Entry& wanted_;
  const Entry& present_;
};

// Elixir recompiles a source only when it is newer, by whole seconds, than what was built from it.
Result<std::int64_t> time_for_sources(const Objects& objects, const Entry& present) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  std::int64_t time = std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
  auto build = find_entry(objects, present, "_build");
  if (!build) return propagate(build);
  if (!*build) return time;
  const auto visit = [&](const std::string&, const Entry& entry) -> Result<void> {
    if (entry.name.starts_with("compile."))
      time = std::max(time, (entry.mtime / kSecond + 1) * kSecond);
    return {};
  };
  if (auto visited = each_entry(objects, "_build", **build, visit); !visited)
    return propagate(visited);
  return time;
}

// As seen from now.
Change change_of(const Difference& difference) {
  Change change;
  change.path = difference.path;
  const auto& [path, wanted, present] = difference;
  change.directory = (wanted ? wanted : present)->is_dir();
  if (difference.attributes_only()) {
    change.kind = ChangeKind::kMode;
  } else if (!wanted) {
    change.kind = ChangeKind::kDeleted;
  } else if (!present) {
    change.kind = ChangeKind::kCreated;
  }
  return change;
}

Result<RollbackReport> look_only(const Objects& objects, const std::string& id,
                                 const std::vector<Pair>& pairs) {
  RollbackReport report;
  report.snapshot_id = id;
  for (const auto& [path, wanted, present] : pairs) {
    const auto take = [&](const Difference& difference) -> Result<void> {
      if (difference.attributes_only() && difference.before->mode == difference.after->mode)
        return {};
      const bool kept = !difference.before || difference.before->is_kept();
      if (kept) report.undone.changes.push_back(change_of(difference));
      if (!kept) report.skipped.push_back(difference.path);
      return {};
    };
    if (auto compared = compare(objects, path, wanted, present, take); !compared)
      return propagate(compared);
  }
  return report;
}

Result<Journal> plan(Run& run, const Objects& objects, const std::vector<Pair>& pairs,
                     bool selective, RollbackReport& report) {
  auto area = tree::make_dirs(run.dir.get(), kArea);
  if (!area) return propagate(area);
  ReturnPlan plan(objects, run.project.get(), area->get());
  for (const auto& [path, wanted, present] : pairs) {
    if (auto added = plan.add(path, wanted, present); !added) return propagate(added);
  }
  auto ops = plan.finish();
  if (!ops) return propagate(ops);
  for (const auto& [path, why] : plan.left_alone()) report.skipped.push_back(path);
  Journal journal;
  journal.kind = RunKind::kRestore;
  journal.area = run.id + "/" + kArea;
  journal.ops = std::move(*ops);
  for (Op& op : journal.ops) {
    op.touch = selective && !op.attributes && !tree::is_at_or_below(op.path, "_build") &&
               !tree::is_at_or_below(op.path, "deps");
  }
  if (auto synced = tree::sync(run.dir.get(), "the run's directory"); !synced)
    return propagate(synced);
  return journal;
}

}  // namespace

Result<RollbackReport> restore(const Store& store, Objects& objects, const Snapshot& snapshot,
                               const RollbackOptions& options) {
  if (!options.dependencies.empty())
    return fail("a dependency is put back from a run, or by --path from a snapshot", EINVAL);
  auto captured = capture(store, objects, {store.project_fd(), ""}, "");
  if (!captured) return propagate(captured);
  if (!captured->top) return fail("put back the project: it is gone", ENOENT);
  auto pairs = Choice(objects, snapshot.top, *captured->top).of(options);
  if (!pairs) return propagate(pairs);
  if (options.dry_run) return look_only(objects, snapshot.id, *pairs);
  auto time =
      options.selective() ? time_for_sources(objects, *captured->top) : Result<std::int64_t>(0);
  if (!time) return propagate(time);
  auto run = make_run(store, new_run_id());
  if (!run) return propagate(run);
  RollbackReport report;
  report.snapshot_id = snapshot.id;
  auto journal = plan(*run, objects, *pairs, options.selective(), report);
  if (!journal || journal->ops.empty()) {
    auto gone = discard_run(*run);
    if (!journal) return propagate(journal);
    if (!gone) return propagate(gone);
    return report;
  }
  auto free =
      options.force ? Result<void>() : refuse_while_git_works(store.project_fd(), journal->ops);
  if (!free) {
    (void)discard_run(*run);
    return propagate(free);
  }
  journal->touch_time = *time;
  report.undo_id = run->id;
  if (auto written = write_intent(*run, *journal); !written) return propagate(written);
  auto applied = carry_out(*run, *journal, false, options.on_step);
  if (!applied) return propagate(applied);
  report_ops(journal->ops, report);
  return report;
}

}  // namespace mixguard::guard
