// SPDX-License-Identifier: Apache-2.0
#include "guard/snapshot/restore.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <set>
#include <utility>

#include "guard/snapshot/builds.hpp"
#include "guard/snapshot/git_lock.hpp"
#include "guard/snapshot/mix_layout.hpp"
#include "guard/snapshot/return_plan.hpp"
#include "guard/snapshot/roots.hpp"
#include "guard/snapshot/run.hpp"
#include "guard/snapshot/tree_diff.hpp"

namespace mixguard::guard {
namespace {

constexpr const char* kArea = "before";
constexpr std::int64_t kMicrosecond = 1000;  // nanoseconds

// A path with what is wanted and what lies there.
struct Pair {
  std::string path;
  std::optional<Entry> wanted;
  std::optional<Entry> present;
};

// What is chosen of two trees.
class Choice {
 public:
  // `builds`: where in the tree they are.
  Choice(Objects& objects, const Entry& wanted, const Entry& present,
         const std::set<std::string>& builds)
      : objects_(objects), wanted_(wanted), present_(present), builds_(builds) {}

  // `on_damage`: as in compare(), of the paths asked for.
  Result<std::vector<Pair>> of(const RollbackOptions& options, const OnDamage& on_damage) {
    std::vector<Pair> pairs;
    if (!options.selective()) {
      pairs.push_back({"", wanted_, present_});
      return pairs;
    }
    auto paths = paths_of(options);
    if (!paths) return propagate(paths);
    for (const std::string& path : *paths) {
      auto pair = at(path);
      if (!pair && on_damage && is_damage(pair.error())) {
        on_damage(path);
        continue;
      }
      if (!pair) return propagate(pair);
      // A directory that leads to both comes once.
      const auto same = std::find_if(pairs.begin(), pairs.end(),
                                     [&](const Pair& one) { return one.path == pair->path; });
      if (same == pairs.end()) {
        pairs.push_back(std::move(*pair));
      } else if (auto merged = merge(*same->wanted, *pair->wanted); !merged) {
        return propagate(merged);
      }
    }
    return pairs;
  }

 private:
  // None below another.
  Result<std::vector<std::string>> paths_of(const RollbackOptions& options) {
    std::vector<std::string> all = options.paths;
    for (const std::string& path : options.build ? builds_ : std::set<std::string>()) {
      auto build = both(path);
      if (!build) return propagate(build);
      if (build->wanted || build->present) all.push_back(path);
    }
    if (options.config) {
      auto files = configuration();
      if (!files) return files;
      all.insert(all.end(), files->begin(), files->end());
    }
    return tree::topmost(std::move(all));
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
      for (const std::string_view name : mix_layout::kConfiguration) {
        std::string path = tree::join(folder, std::string(name));
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

  // Two directories that hold nothing but ways to what is wanted.
  Result<void> merge(Entry& into, const Entry& from) {
    auto ours = get_listing(objects_, into.content);
    if (!ours) return propagate(ours);
    auto theirs = get_listing(objects_, from.content);
    if (!theirs) return propagate(theirs);
    for (Entry& entry : *theirs) {
      const auto known = std::find_if(ours->begin(), ours->end(),
                                      [&](const Entry& one) { return one.name == entry.name; });
      if (known == ours->end()) {
        ours->push_back(std::move(entry));
      } else if (auto merged = merge(*known, entry); !merged) {
        return merged;
      }
    }
    std::sort(ours->begin(), ours->end(),
              [](const Entry& a, const Entry& b) { return a.name < b.name; });
    auto content = put_listing(objects_, *ours);
    if (!content) return propagate(content);
    into.content = *content;
    return {};
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
  const std::set<std::string>& builds_;
};

// Whether a compiler's manifest is in it.
Result<bool> is_build(const Objects& objects, const Entry& tree) {
  bool found = false;
  const auto visit = [&](const std::string& path, const Entry& entry) -> Result<void> {
    found = found || (entry.name.starts_with("compile.") &&
                      tree::split(tree::split(path).parent).name == ".mix");
    return {};
  };
  if (auto visited = each_entry(objects, "", tree, visit); !visited) return propagate(visited);
  return found;
}

// A tree with what is chosen of it.
struct Chosen {
  std::string root;  // Op::root
  std::vector<Pair> pairs;
};

void leave_alone(RollbackReport& report, const std::string& full, Uncovered why) {
  report.skipped.push_back(full);
  report.reasons.emplace(full, "it " + std::string(to_string(why)));
}

Result<void> look_only(const Objects& objects, const Chosen& chosen, OnLoss on_loss,
                       RollbackReport& report) {
  // As seen from now: what is wanted comes after what is there.
  const auto take = [&](const Difference& difference) -> Result<void> {
    if (!difference.is_change()) return {};
    Change change = change_of(difference);
    change.path = full_path(chosen.root, change.path);
    if (difference.after && !difference.after->is_kept()) {
      leave_alone(report, change.path, difference.after->uncovered);
    } else {
      report.undone.changes.push_back(std::move(change));
    }
    return {};
  };
  const OnDamage leave = [&](const std::string& path) {
    leave_alone(report, full_path(chosen.root, path), Uncovered::kDamaged);
  };
  for (const auto& [path, wanted, present] : chosen.pairs) {
    auto compared = compare(objects, path, present, wanted, take,
                            on_loss == OnLoss::kLeaveOut ? leave : OnDamage());
    if (!compared) return compared;
  }
  return {};
}

class Plan {
 public:
  Plan(const Objects& objects, Run& run, OnLoss on_loss, RollbackReport& report)
      : objects_(objects), run_(run), on_loss_(on_loss), report_(report) {
    journal_.kind = RunKind::kRestore;
    journal_.area = run.id + "/" + kArea;
  }

  Result<void> add_project(const Chosen& chosen) {
    return add(chosen, run_.project.get(), kArea, "");
  }

  // `live`: the root's directory, which is `root`.
  Result<void> add_outside(const Chosen& chosen, int live, ExtraRoot root) {
    const std::string home = "roots/" + std::to_string(journal_.extra_roots.size() + 1);
    root.area = run_.id + "/" + home;
    journal_.extra_roots.push_back(root);
    return add(chosen, live, home, root.area);
  }

  Result<Journal> finish() {
    auto synced = tree::sync(run_.dir.get(), "the run's directory");
    if (!synced) return propagate(synced);
    return std::move(journal_);
  }

 private:
  Result<void> add(const Chosen& chosen, int live, const std::string& home,
                   const std::string& op_area) {
    auto area = tree::make_dirs(run_.dir.get(), home);
    if (!area) return propagate(area);
    ReturnPlan plan(objects_, live, area->get(), on_loss_);
    for (const auto& [path, wanted, present] : chosen.pairs) {
      if (auto added = plan.add(path, wanted, present); !added) return added;
    }
    auto ops = plan.finish();
    if (!ops) return propagate(ops);
    for (const auto& [path, why] : plan.left_alone())
      leave_alone(report_, full_path(chosen.root, path), why);
    for (Op& op : *ops) {
      op.root = chosen.root;
      op.area = op_area;
      journal_.ops.push_back(std::move(op));
    }
    return {};
  }

  const Objects& objects_;
  Run& run_;
  const OnLoss on_loss_;
  RollbackReport& report_;
  Journal journal_;
};

// The options for one tree: its paths, relative to it.
RollbackOptions options_in(const std::string& root, const RollbackOptions& options) {
  RollbackOptions inside = options;
  inside.paths.clear();
  for (const std::string& path : options.paths) {
    if (root.empty() && !path.starts_with('/')) inside.paths.push_back(path);
    if (root.empty() || !tree::is_at_or_below(path, root)) continue;
    inside.paths.push_back(tree::path_below(path, root));
  }
  if (!root.empty()) inside.build = inside.config = false;
  return inside;
}

// A path that lies in none of the snapshot's trees.
Result<void> check_paths(const Snapshot& snapshot, const RollbackOptions& options) {
  for (const std::string& path : options.paths) {
    const bool known =
        !path.starts_with('/') ||
        std::any_of(snapshot.outside.begin(), snapshot.outside.end(),
                    [&](const auto& tree) { return tree::is_at_or_below(path, tree.first); });
    if (!known) return fail("put back " + path + ": the snapshot holds nothing there", ENOENT);
  }
  return {};
}

class Restoration {
 public:
  Restoration(const Store& store, Objects& objects, const Snapshot& snapshot,
              const RollbackOptions& options)
      : store_(store), objects_(objects), snapshot_(snapshot), options_(options) {
    report_.snapshot_id = snapshot.id;
  }

  Result<RollbackReport> run() {
    if (auto checked = check_paths(snapshot_, options_); !checked) return propagate(checked);
    if (auto chosen = passed("", choose_project()); !chosen) return lost(chosen.error());
    for (const auto& [path, top] : snapshot_.outside) {
      auto chosen = passed(path, choose_outside(path, top));
      if (!chosen) return lost(chosen.error());
    }
    if (chosen_.empty() && report_.skipped.empty())
      return fail("put back what was asked for: none of it is in the snapshot or in the project",
                  ENOENT);
    if (!options_.dry_run) return carry_it_out();
    for (const Chosen& chosen : chosen_) {
      auto looked = look_only(objects_, chosen, on_loss(), report_);
      if (!looked) return lost(looked.error());
    }
    return std::move(report_);
  }

 private:
  Result<void> choose_project() {
    auto captured = capture(store_, objects_, {store_.project_fd(), ""}, "");
    if (!captured) return propagate(captured);
    if (!captured->top) return fail("put back the project: it is gone", ENOENT);
    return choose("", snapshot_.top, *captured->top);
  }

  // A directory that is gone, or where nothing can be moved to, is left alone.
  Result<void> choose_outside(const std::string& path, const Entry& top) {
    auto root = find_root(path, store_.fd());
    tree::UniqueFd live(root ? ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
                             : -1);
    if (!root || !live) {
      if (is_asked_for(path)) {
        report_.skipped.push_back(path);
        report_.reasons.emplace(path, root ? "it cannot be opened" : root.error().message);
      }
      return {};
    }
    if (!is_asked_for(path) && !options_.build) return {};
    auto captured = capture(store_, objects_, {live.get(), path}, "");
    if (!captured) return propagate(captured);
    if (!captured->top) return fail("put back " + path + ": it is gone", ENOENT);
    outside_.emplace(path, std::pair(std::move(*root), std::move(live)));
    return choose(path, top, *captured->top);
  }

  // Of a tree with damage at its top nothing can be chosen.
  Result<void> passed(const std::string& root, Result<void> chosen) {
    if (chosen || on_loss() == OnLoss::kFail || !is_damage(chosen.error())) return chosen;
    leave_alone(report_, root.empty() ? "." : root, Uncovered::kDamaged);
    return {};
  }

  bool is_asked_for(const std::string& root) const {
    return !options_.selective() || !options_in(root, options_).paths.empty();
  }

  // What is asked for of a tree, if anything of it is there.
  Result<void> choose(const std::string& root, const Entry& wanted, const Entry& present) {
    RollbackOptions inside = options_in(root, options_);
    // Outside, a path dependency has sources; a build or a directory of dependencies has none.
    auto project = find_entry(objects_, wanted, "mix.exs");
    if (!project) return propagate(project);
    if (options_.build && !root.empty() && !*project) {
      auto built = is_build(objects_, wanted);
      if (!built) return propagate(built);
      if (*built) inside.paths = {""};
    }
    if (options_.selective() && !inside.selective()) return {};
    const OnDamage skip = [&](const std::string& path) {
      leave_alone(report_, full_path(root, path), Uncovered::kDamaged);
    };
    const bool lenient = on_loss() == OnLoss::kLeaveOut;
    Result<std::set<std::string>> builds = std::set<std::string>();
    // Only then are the journals of other runs read for it.
    if (inside.build) builds = moved_builds(store_);
    if (!builds) return propagate(builds);
    std::erase_if(*builds, [](const std::string& path) { return path.starts_with('/'); });
    builds->insert("_build");
    auto pairs = Choice(objects_, wanted, present, *builds).of(inside, lenient ? skip : OnDamage());
    if (!pairs) return propagate(pairs);
    if (!pairs->empty()) chosen_.push_back({root, std::move(*pairs)});
    return {};
  }

  Result<RollbackReport> carry_it_out() {
    auto id = store_.next_id();
    if (!id) return propagate(id);
    auto run = make_run(store_, *id);
    if (!run) return propagate(run);
    auto journal = plan(*run);
    if (journal && journal->ops.empty()) {
      if (auto gone = discard_run(*run); !gone) return propagate(gone);
      return std::move(report_);
    }
    if (!journal) {
      (void)discard_run(*run);
      return propagate(journal);
    }
    report_.undo_id = run->id;
    if (auto written = write_intent(*run, *journal); !written) return propagate(written);
    auto applied = guard::carry_out(*run, *journal, false, options_.on_step);
    if (!applied) return propagate(applied);
    wait_for_sources(*journal);
    report_ops(journal->ops, report_);
    return std::move(report_);
  }

  // A person who asks for everything is not given less unasked.
  [[nodiscard]] OnLoss on_loss() const {
    return options_.force ? OnLoss::kLeaveOut : OnLoss::kFail;
  }

  static tl::unexpected<Error> lost(const Error& error) {
    if (!is_damage(error)) return tl::unexpected(error);
    return fail(
        error.message + "; nothing was put back (--force puts back all that has a sound copy)",
        error.code);
  }

  Result<Journal> plan(Run& run) {
    Plan plan(objects_, run, on_loss(), report_);
    for (const Chosen& chosen : chosen_) {
      const auto outside = outside_.find(chosen.root);
      auto added =
          outside == outside_.end()
              ? plan.add_project(chosen)
              : plan.add_outside(chosen, outside->second.second.get(), outside->second.first);
      if (!added) return lost(added.error());
    }
    auto journal = plan.finish();
    if (!journal) return journal;
    auto renewed =
        renew_sources(store_, snapshot_.time * kMicrosecond, options_.selective(), *journal);
    if (!renewed) return propagate(renewed);
    if (options_.force) return journal;
    const LiveTrees trees(store_.project_fd(), store_.fd(), journal->extra_roots);
    auto free = refuse_while_git_works(trees, journal->ops, GoingLock::kOfGit);
    if (!free) return propagate(free);
    return journal;
  }

  const Store& store_;
  Objects& objects_;
  const Snapshot& snapshot_;
  const RollbackOptions& options_;
  RollbackReport report_;
  std::vector<Chosen> chosen_;
  std::map<std::string, std::pair<ExtraRoot, tree::UniqueFd>> outside_;
};

}  // namespace

Result<RollbackReport> restore(const Store& store, Objects& objects, const Snapshot& snapshot,
                               const RollbackOptions& options) {
  if (!options.dependencies.empty())
    return fail("a dependency is put back from a run, or by --path from a snapshot", EINVAL);
  return Restoration(store, objects, snapshot, options).run();
}

}  // namespace mixguard::guard
