// SPDX-License-Identifier: Apache-2.0
#include "guard/snapshot/dependency.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "guard/snapshot/lock_versions.hpp"
#include "guard/snapshot/mix_layout.hpp"
#include "guard/snapshot/tree.hpp"

namespace mixguard::guard {
namespace {

using Paths = std::vector<std::string>;

// Below a rollback's own directory: what no run had put aside.
constexpr const char* kOwn = "own";

// The other side of an operation that lies there: a file that comes, or nothing.
struct Own {
  std::optional<std::string> content;
  tree::Node model;  // of the file
};

Result<void> write_like(int dir, const std::string& name, const Own& own) {
  const sandbox::UniqueFd file(
      ::openat(dir, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file) return tree::fail_errno("make", name);
  std::string_view rest = *own.content;
  while (!rest.empty()) {
    const ssize_t count = ::write(file.get(), rest.data(), rest.size());
    if (count < 0) return tree::fail_errno("write", name);
    rest.remove_prefix(static_cast<std::size_t>(count));
  }
  // Of what belongs to somebody else a copy of one's own has to do.
  if (::fchown(file.get(), own.model.owner, own.model.group) < 0 && errno != EPERM)
    return tree::fail_errno("change the owner of", name);
  if (::fchmod(file.get(), own.model.permissions()) < 0)
    return tree::fail_errno("change the mode of", name);
  return tree::sync(file.get(), name);
}

// `path` and what leads to it.
Result<void> sync_way(int root, std::string path) {
  for (;; path = tree::split(path).parent) {
    auto dir = tree::open_dir(root, path);
    if (!dir) return propagate(dir);
    if (auto synced = tree::sync(dir->get(), path); !synced) return synced;
    if (path.empty()) return {};
  }
}

}  // namespace

class DependencyUndo::Impl {
 public:
  Impl(const Store& store, Request request)
      : project_(store.project_fd()), request_(std::move(request)) {
    for (const DependencyChoice& choice : request_.choices) {
      const auto is_there = [&](const Chosen& one) { return one.choice.name == choice.name; };
      if (std::none_of(chosen_.begin(), chosen_.end(), is_there)) chosen_.push_back({choice, ""});
    }
  }

  Result<void> plan(const Store& store) {
    if (chosen_.empty()) return {};
    auto locks = read_lock_versions(store, request_.runs);
    if (!locks) return propagate(locks);
    locks_ = std::move(*locks);
    for (Chosen& one : chosen_) {
      if (auto known = is_known(one.choice); !known) return known;
      one.left_because = obstacle(one.choice);
    }
    for (const auto& [path, lock] : locks_) {
      if (is_exchanged(lock)) exchanged_.insert(path);
    }
    return {};
  }

  Result<bool> changes_source(const Store& store, const DependencyChoice& choice) {
    auto locks = read_lock_versions(store, request_.runs);
    // Its version from before was put back with another dependency: the lines are not known.
    const bool gone = !locks && locks.error().code == EBADMSG;
    if (!locks && !gone) return propagate(locks);
    bool changed = !gone && std::any_of(locks->begin(), locks->end(), [&](const auto& lock) {
      return lock.second.changes(choice.name);
    });
    each_op([&](const Op& op) { changed = changed || is_code(choice, op.path); });
    auto places = code_of(choice);
    if (!places) return propagate(places);
    return changed || std::any_of(places->begin(), places->end(), [this](const std::string& path) {
             return came_with_directory(path);
           });
  }

  [[nodiscard]] bool takes(const std::string& path) const {
    if (mix_layout::is_lock(path)) return exchanged_.contains(path);
    return std::any_of(chosen_.begin(), chosen_.end(), [&](const Chosen& one) {
      return one.left_because.empty() && belongs(one.choice, path);
    });
  }

  Result<void> complete(std::vector<Op>& ops, Paths& skipped) {
    for (Chosen& one : chosen_) {
      if (one.left_because.empty()) {
        auto completed = complete_code(one, ops, skipped);
        if (!completed) return completed;
      }
      if (one.left_because.empty()) continue;
      drop(ops, skipped, [&](const std::string& path) { return belongs(one.choice, path); });
      left_alone_.push_back({one.choice.name, one.left_because});
    }
    for (auto& [path, lock] : locks_) complete_lock(path, lock, ops, skipped);
    for (const Chosen& one : chosen_) {
      if (!one.left_because.empty() || request_.build) continue;
      auto builds = changes_code(one.choice, ops) ? complete_builds(one.choice, ops, skipped)
                                                  : remove_new_builds(one.choice, ops, skipped);
      if (!builds) return builds;
    }
    return {};
  }

  Result<void> prepare(const Run& run, std::vector<Op>& ops) const {
    for (Op& op : ops) {
      const auto own = own_.find(op.path);
      if (own == own_.end()) continue;
      const tree::SplitPath place = tree::split(op.path);
      const std::string home = tree::join(kOwn, place.parent);
      auto dir = tree::make_dirs(run.dir.get(), home);
      if (!dir) return propagate(dir);
      if (own->second.content) {
        if (auto made = write_like(dir->get(), place.name, own->second); !made) return made;
        auto node = tree::look(dir->get(), place.name);
        if (!node) return propagate(node);
        op.after.emplace(**node);
      }
      if (auto synced = sync_way(run.dir.get(), home); !synced) return synced;
      op.area = run.id + "/" + kOwn;
    }
    return {};
  }

  [[nodiscard]] const std::vector<DependencyLeft>& left_alone() const { return left_alone_; }

 private:
  struct Chosen {
    DependencyChoice choice;
    std::string left_because;
  };

  static bool is_code(const DependencyChoice& choice, const std::string& path) {
    return choice.directory.empty() ? mix_layout::fetched_name(path) == choice.name
                                    : tree::is_at_or_below(path, choice.directory);
  }
  static bool belongs(const DependencyChoice& choice, const std::string& path) {
    return is_code(choice, path) || mix_layout::built_name(path) == choice.name;
  }

  [[nodiscard]] Result<Paths> code_of(const DependencyChoice& choice) const {
    if (choice.directory.empty()) return mix_layout::fetched(project_, choice.name);
    auto node = tree::Parents(project_).look(choice.directory);
    if (!node) return propagate(node);
    return *node ? Paths{choice.directory} : Paths();
  }

  template <typename Use>
  void each_op(const Use& use) const {
    for (const Journal* run : request_.runs) {
      for (const Op& op : run->ops) {
        if (op.withheld.empty() && op.root.empty()) use(op);
      }
    }
  }

  // A directory above the path that a run made, with all that is in it.
  [[nodiscard]] bool came_with_directory(const std::string& path) const {
    bool found = false;
    each_op([&](const Op& op) {
      found = found || (!op.attributes && !op.before && op.path != path &&
                        tree::is_at_or_below(path, op.path));
    });
    return found;
  }

  // ---- What the runs changed --------------------------------------------------------------------

  [[nodiscard]] Result<bool> was_changed(const DependencyChoice& choice) const {
    bool changed = std::any_of(locks_.begin(), locks_.end(), [&](const auto& lock) {
      return !lock.second.trouble.empty() || lock.second.changes(choice.name);
    });
    each_op([&](const Op& op) { changed = changed || belongs(choice, op.path); });
    auto places = code_of(choice);
    if (!places) return propagate(places);
    auto builds = mix_layout::builds(project_, choice.name);
    if (!builds) return propagate(builds);
    places->insert(places->end(), builds->begin(), builds->end());
    return changed || std::any_of(places->begin(), places->end(), [this](const std::string& path) {
             return came_with_directory(path);
           });
  }

  [[nodiscard]] Result<void> is_known(const DependencyChoice& choice) const {
    auto changed = was_changed(choice);
    if (!changed) return propagate(changed);
    if (*changed) return {};
    auto names = changed_names();
    if (!names) return propagate(names);
    return fail("roll back " + request_.what + ": it did not change the dependency " + choice.name +
                    (names->empty() ? ", nor any other" : "; it changed " + *names),
                ENOENT);
  }

  [[nodiscard]] Result<std::string> changed_names() const {
    std::set<std::string> names;
    each_op([&](const Op& op) {
      if (const auto name = mix_layout::fetched_name(op.path); !name.empty()) names.emplace(name);
    });
    auto homes = mix_layout::homes(project_);
    if (!homes) return propagate(homes);
    for (const std::string& home : *homes) {
      const std::string deps = tree::join(home, "deps");
      if (!came_with_directory(deps + "/any")) continue;
      auto dir = tree::open_dir(project_, deps);
      auto fetched = dir ? tree::list(dir->get(), deps) : Result<Paths>(Paths());
      if (fetched) names.insert(fetched->begin(), fetched->end());
    }
    for (const auto& [path, lock] : locks_) {
      for (const MixLock* version : {&lock.now, &lock.before}) {
        for (const LockEntry& entry : version->entries) {
          if (lock.changes(entry.name)) names.insert(entry.name);
        }
      }
    }
    std::string text;
    for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
    return text;
  }

  // Half of it would be put back where Mix has it in other places than by default.
  [[nodiscard]] std::string why_elsewhere(const DependencyChoice& choice) const {
    for (const Journal* run : request_.runs) {
      if (run->build != "_build")
        return "it was compiled to " + run->build + "; roll back the run as a whole";
      for (const Op& op : run->ops) {
        const std::string_view first = std::string_view(op.path).substr(0, op.path.find('/'));
        if (!op.root.empty() && choice.directory.empty() && first == choice.name)
          return "it was fetched to " + op.root + "; roll back the run as a whole";
      }
    }
    if (!choice.directory.empty()) return "";
    const bool locked = std::any_of(locks_.begin(), locks_.end(), [&](const auto& lock) {
      return lock.second.changes(choice.name);
    });
    bool code = false;
    each_op([&](const Op& op) { code = code || is_code(choice, op.path); });
    const auto places = code_of(choice);
    const std::string home = "deps/" + choice.name;
    const bool absent = !code && places && places->empty() && !came_with_directory(home);
    if (locked && absent) return "its code is not in " + home + "; roll back the run as a whole";
    if (code && locks_.empty() && !has_lock())
      return "its lock is not in mix.lock; roll back the run as a whole";
    return "";
  }

  [[nodiscard]] bool has_lock() const {
    const auto homes = mix_layout::homes(project_);
    tree::Parents parents(project_);
    return !homes || std::any_of(homes->begin(), homes->end(), [&](const std::string& home) {
      const auto lock = parents.look(tree::join(home, "mix.lock"));
      return !lock || *lock;
    });
  }

  // Why nothing of it can be done; empty when there is no reason.
  [[nodiscard]] std::string obstacle(const DependencyChoice& choice) const {
    for (const auto& [path, lock] : locks_) {
      if (!lock.trouble.empty()) return path + " cannot be read line by line: " + lock.trouble;
      if (!request_.force && lock.changes(choice.name) && lock.is_edited(choice.name))
        return "its line in " + path + " was edited since";
    }
    if (auto moved = why_elsewhere(choice); !moved.empty()) return moved;
    const std::string inside = choice.directory.empty() ? "deps/" + choice.name : choice.directory;
    std::string why;
    each_op([&](const Op& op) {
      if (op.before && !op.attributes && op.path != inside && tree::is_at_or_below(inside, op.path))
        why = "all of " + op.path + " was replaced, which can only be rolled back as a whole";
    });
    return why;
  }

  // ---- Completing the plan ----------------------------------------------------------------------

  template <typename Which>
  static void drop(std::vector<Op>& ops, Paths& skipped, const Which& which) {
    std::erase_if(ops, [&](const Op& op) { return op.root.empty() && which(op.path); });
    std::erase_if(skipped, which);
  }

  Result<void> complete_code(Chosen& one, std::vector<Op>& ops, Paths& skipped) {
    for (const std::string& path : skipped) {
      if (is_code(one.choice, path)) one.left_because = path + " was edited since";
    }
    auto places = code_of(one.choice);
    if (!places) return propagate(places);
    for (const std::string& path : *places) {
      if (!one.left_because.empty()) return {};
      if (!came_with_directory(path)) continue;
      auto edited = changed_since(path);
      if (!edited) return propagate(edited);
      if (*edited && !request_.force) {
        one.left_because = path + " was edited since";
      } else if (auto removed = remove(path, ops, skipped); !removed) {
        return removed;
      }
    }
    return {};
  }

  // Whether something at or below the path is newer than the runs are. The directory itself may
  // have been moved by a rollback, which leaves it its time.
  [[nodiscard]] Result<bool> changed_since(const std::string& path) const {
    bool newer = false;
    const std::int64_t settled = request_.runs.front()->settled;
    const auto look = [&](const std::string& at, const tree::Node& node) -> Result<tree::Walk> {
      newer = newer || (at == path && node.is_dir() ? node.mtime : node.ctime) >= settled;
      return newer ? tree::Walk::kStop : tree::Walk::kOn;
    };
    auto walked = tree::walk(project_, path, look);
    if (!walked) return propagate(walked);
    return newer;
  }

  [[nodiscard]] bool changes_code(const DependencyChoice& choice,
                                  const std::vector<Op>& ops) const {
    return std::any_of(ops.begin(), ops.end(),
                       [&](const Op& op) { return is_code(choice, op.path); }) ||
           std::any_of(locks_.begin(), locks_.end(), [&](const auto& lock) {
             return lock.second.now.text_of(choice.name) != lock.second.before.text_of(choice.name);
           });
  }

  // Of code that stays, the first build may have come with all of _build.
  Result<void> remove_new_builds(const DependencyChoice& choice, std::vector<Op>& ops,
                                 Paths& skipped) {
    auto builds = mix_layout::builds(project_, choice.name);
    if (!builds) return propagate(builds);
    for (const std::string& path : *builds) {
      auto removed = came_with_directory(path) ? remove(path, ops, skipped) : Result<void>();
      if (!removed) return removed;
    }
    return {};
  }

  Result<void> complete_builds(const DependencyChoice& choice, std::vector<Op>& ops,
                               Paths& skipped) {
    auto builds = mix_layout::builds(project_, choice.name);
    if (!builds) return propagate(builds);
    for (const std::string& path : *builds) {
      auto fits = comes_back_whole(path, ops, skipped);
      if (!fits) return propagate(fits);
      // Those who need a path dependency are compiled again by the times of its build.
      Result<bool> stays = *fits && choice.directory.empty();
      if (*stays) stays = renew_marks(tree::split(path).parent, ops, skipped);
      if (!stays) return propagate(stays);
      if (*stays) continue;
      if (auto removed = remove(path, ops, skipped); !removed) return removed;
    }
    return choice.directory.empty() ? drop_dependents(choice.name, ops, skipped) : Result<void>();
  }

  // Those that are undone as well were compiled against each other.
  Result<void> drop_dependents(const std::string& name, std::vector<Op>& ops, Paths& skipped) {
    auto paths = mix_layout::builds_of_dependents(project_, name);
    if (!paths) return propagate(paths);
    for (const std::string& dependent : told_dependents(name)) {
      auto builds = mix_layout::builds(project_, dependent);
      if (!builds) return propagate(builds);
      paths->insert(paths->end(), builds->begin(), builds->end());
    }
    for (const std::string& path : *paths) {
      const auto is_it = [&](const Chosen& one) {
        return one.left_because.empty() && one.choice.name == mix_layout::built_name(path);
      };
      if (std::any_of(chosen_.begin(), chosen_.end(), is_it)) continue;
      if (auto removed = remove(path, ops, skipped); !removed) return removed;
    }
    return {};
  }

  // Those that need it to compile are in no .app file. But a line of mix.lock names what its
  // dependency needs, and of those whose code stays Mix marks the ones that an update concerns.
  [[nodiscard]] std::set<std::string> told_dependents(const std::string& name) const {
    std::set<std::string> marked;
    std::set<std::string> updated;
    each_op([&](const Op& op) {
      const std::string dependency(mix_layout::fetched_name(op.path));
      if (!dependency.empty()) (op.path.ends_with("/.fetch") ? marked : updated).insert(dependency);
    });
    std::erase_if(marked, [&](const std::string& each) { return updated.contains(each); });
    for (const auto& [path, lock] : locks_) {
      for (const LockEntry& entry : lock.now.entries) {
        if (entry.text.find("{:" + name + ",") != std::string::npos) marked.insert(entry.name);
      }
    }
    return marked;
  }

  // Whether the plan makes the build what it was before the runs, with nothing of another in it.
  [[nodiscard]] Result<bool> comes_back_whole(const std::string& path, const std::vector<Op>& ops,
                                              const Paths& skipped) const {
    const auto is_below = [&](const std::string& other) {
      return tree::is_at_or_below(other, path);
    };
    const bool planned =
        std::any_of(ops.begin(), ops.end(), [&](const Op& op) { return is_below(op.path); });
    if (!planned || std::any_of(skipped.begin(), skipped.end(), is_below)) return false;
    auto newer = changed_since(path);
    if (!newer) return newer;
    return !*newer;
  }

  // False where Mix has no such marks: then nothing would be compared. Where only some applications
  // have one, the others are made anew.
  Result<bool> renew_marks(const std::string& libraries, std::vector<Op>& ops, Paths& skipped) {
    auto marks = mix_layout::recheck_marks(project_, libraries);
    if (!marks) return propagate(marks);
    Paths unmarked;
    for (const std::string& path : *marks) {
      auto node = tree::Parents(project_).look(path);
      if (!node) return propagate(node);
      if (!*node) {
        unmarked.push_back(tree::split(tree::split(path).parent).parent);
        continue;
      }
      drop(ops, skipped, [&](const std::string& other) { return other == path; });
      replace(path, **node, {"", **node}, ops);
    }
    if (unmarked.size() == marks->size()) return false;
    for (const std::string& path : unmarked) {
      if (auto removed = remove(path, ops, skipped); !removed) return propagate(removed);
    }
    return true;
  }

  void replace(const std::string& path, const std::optional<tree::Node>& node, Own own,
               std::vector<Op>& ops) {
    Op op;
    op.path = path;
    if (node) op.before.emplace(*node);
    op.after.emplace(own.model);  // until prepare() has made it
    ops.push_back(std::move(op));
    own_[path] = std::move(own);
  }

  // Plans that the path is not there any more, in place of what was planned for it.
  Result<void> remove(const std::string& path, std::vector<Op>& ops, Paths& skipped) {
    drop(ops, skipped, [&](const std::string& other) { return tree::is_at_or_below(other, path); });
    auto node = tree::Parents(project_).look(path);
    if (!node) return propagate(node);
    if (!*node) return {};
    Op op;
    op.path = path;
    op.before.emplace(**node);
    ops.push_back(std::move(op));
    own_[path] = {};
    return {};
  }

  // ---- mix.lock ---------------------------------------------------------------------------------

  // The file with the lines from before of what is undone.
  [[nodiscard]] MixLock merged(const LockVersions& lock) const {
    MixLock result = lock.now;
    for (const Chosen& one : chosen_) {
      const std::string& name = one.choice.name;
      if (one.left_because.empty() && lock.changes(name))
        result.set(name, lock.before.text_of(name));
    }
    return result;
  }

  // Whether that is the file from before, so that the run can be undone in this as in all else.
  [[nodiscard]] bool is_exchanged(const LockVersions& lock) const {
    return lock.is_untouched && lock.trouble.empty() && merged(lock).text() == lock.before.text();
  }

  void complete_lock(const std::string& path, const LockVersions& lock, std::vector<Op>& ops,
                     Paths& skipped) {
    const auto is_it = [&](const std::string& other) { return other == path; };
    const bool planned =
        std::any_of(ops.begin(), ops.end(), [&](const Op& op) { return is_it(op.path); });
    // All of the file is wanted: by its path, or because the lines are all that was changed.
    if (planned && (!exchanged_.contains(path) || is_exchanged(lock))) return;
    if (exchanged_.contains(path)) drop(ops, skipped, is_it);
    const std::string text = merged(lock).text();
    if (!lock.trouble.empty() || text == lock.now.text()) return;
    replace(path, lock.node, {text, lock.model}, ops);
  }

  int project_;
  Request request_;
  std::vector<Chosen> chosen_;
  std::map<std::string, LockVersions> locks_;
  std::set<std::string> exchanged_;  // those of which takes() chose the version from before
  std::vector<DependencyLeft> left_alone_;
  std::map<std::string, Own> own_;
};

Result<DependencyUndo> DependencyUndo::plan(const Store& store, Request request) {
  DependencyUndo undo(std::make_unique<Impl>(store, std::move(request)));
  if (auto planned = undo.impl_->plan(store); !planned) return propagate(planned);
  return undo;
}

DependencyUndo::DependencyUndo(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
DependencyUndo::DependencyUndo(DependencyUndo&&) noexcept = default;
DependencyUndo::~DependencyUndo() = default;

Result<bool> DependencyUndo::is_source_of(const Store& store, const Journal& run,
                                          const DependencyChoice& choice) {
  Request request;
  request.runs = {&run};
  return Impl(store, std::move(request)).changes_source(store, choice);
}

bool DependencyUndo::takes(const std::string& path) const { return impl_->takes(path); }

Result<void> DependencyUndo::complete(std::vector<Op>& ops, std::vector<std::string>& skipped) {
  return impl_->complete(ops, skipped);
}

Result<void> DependencyUndo::prepare(const Run& run, std::vector<Op>& ops) const {
  return impl_->prepare(run, ops);
}

const std::vector<DependencyLeft>& DependencyUndo::left_alone() const {
  return impl_->left_alone();
}

}  // namespace mixguard::guard
