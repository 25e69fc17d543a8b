// SPDX-License-Identifier: Apache-2.0
#include "guard/snapshot/apply.hpp"

#include <fcntl.h>
#include <linux/fs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <map>
#include <optional>
#include <set>

#include "guard/snapshot/mix_layout.hpp"
#include "guard/snapshot/overlay_marks.hpp"
#include "guard/snapshot/tree.hpp"
#include "guard/snapshot/xattrs.hpp"

namespace mixguard::guard {
namespace {

using tree::Node;

// These say that the file system is full, broken or read-only, not that this one path is in the
// way; going on with the next operation would only spread the damage.
bool concerns_everything(int code) {
  return code == ENOSPC || code == EDQUOT || code == EIO || code == EROFS || code == ENOMEM ||
         code == EMFILE || code == ENFILE;
}

bool lacks_write(mode_t mode) { return S_ISDIR(mode) && (mode & S_IWUSR) == 0; }

// Moving a directory to another parent rewrites its "..", for which it must be writable.
Result<void> make_movable(int dir, const std::string& name, const std::optional<Node>& node) {
  if (!node || !lacks_write(node->mode)) return {};
  return tree::set_mode(dir, name, node->permissions() | S_IWUSR);
}

// Objects that several operations move away: hard links. The first rename changes the ctime that
// the second one would judge by.
std::set<std::uint64_t> shared_inodes(const std::vector<Op>& ops) {
  std::set<std::uint64_t> seen;
  std::set<std::uint64_t> shared;
  for (const Op& op : ops) {
    if (op.before && !seen.insert(op.before->inode).second) shared.insert(op.before->inode);
  }
  return shared;
}

// Directories of a root in which operations rename.
std::set<std::string> parents_of(const std::string& root, const std::vector<Op>& ops) {
  std::set<std::string> paths;
  for (const Op& op : ops) {
    if (!op.attributes && op.root == root) paths.insert(tree::split(op.path).parent);
  }
  return paths;
}

// The same of all roots, as full paths.
std::set<std::string> full_parents_of(const std::vector<Op>& ops) {
  std::set<std::string> paths;
  for (const Op& op : ops) {
    if (!op.attributes) paths.insert(full_path(op.root, tree::split(op.path).parent));
  }
  return paths;
}

// The operations that move objects, by full path; there is one for each.
std::map<std::string, const Op*> by_path(const std::vector<Op>& ops) {
  std::map<std::string, const Op*> objects;
  for (const Op& op : ops) {
    if (!op.attributes) objects.emplace(full_path(op), &op);
  }
  return objects;
}

// A directory of the area that only leads to objects: its own mode means nothing.
Result<void> make_usable(int dir) {
  if (::faccessat(dir, ".", W_OK, AT_EACCESS) == 0) return {};
  if (::fchmod(dir, S_IRWXU) < 0)
    return tree::fail_errno("change the mode of", "a run's directory");
  return {};
}

enum class Lending { kOpens, kCloses };

// Opens the closed directories to their owner, or closes them again. One that somebody gave another
// mode or replaced is left alone; so a kill between the two is made up for by doing both again.
Result<void> lend(const LiveTrees& live, const Journal& journal, Lending what) {
  for (const auto& [root, path, mode] : journal.closed) {
    const auto top = live.of(root);
    auto dir = top ? tree::open_dir(*top, path) : propagate(top);
    if (!dir && concerns_everything(dir.error().code)) return propagate(dir);
    if (!dir) continue;
    auto node = tree::look_at(dir->get(), path);
    if (!node) return propagate(node);
    const mode_t open = mode | S_IWUSR;
    const bool ours = node->permissions() == (what == Lending::kOpens ? mode : open);
    if (!ours || ::fchmod(dir->get(), what == Lending::kOpens ? open : mode) == 0) continue;
    // Made immutable, say: the renames in it will tell.
    if (concerns_everything(errno)) return tree::fail_errno("change the mode of", path);
  }
  return {};
}

class Applier {
 public:
  Applier(const Field& field, const Journal& journal, bool recovering)
      : field_(field),
        journal_(journal),
        recovering_(recovering),
        live_(field.live),
        area_(field.runs),
        shared_(shared_inodes(journal.ops)),
        renamed_in_(full_parents_of(journal.ops)),
        objects_(by_path(journal.ops)) {}

  Result<void> carry_out(Op& op) {
    Result<bool> passed = recovering_ ? moved_since(op) : false;
    if (!passed) return propagate(passed);
    if (*passed) return {};
    auto done = op.attributes ? set_attributes(op) : exchange(op);
    if (done) {
      op.withheld = *done;
      return {};
    }
    if (concerns_everything(done.error().code)) return propagate(done);
    op.withheld = done.error().message;
    return {};
  }

 private:
  using Withheld = Result<std::string>;  // why; empty when the operation is done

  // One object operation, seen in both trees.
  struct Place {
    std::string name;
    int live_dir = -1;
    int area_dir = -1;
    std::optional<Node> live;
    std::optional<Node> area;
  };

  Result<Place> find(const Op& op) {
    Place place;
    place.name = tree::split(op.path).name;
    auto live_root = live_.in(op.root);
    if (!live_root) return propagate(live_root);
    auto live_dir = (*live_root)->of(op.path);
    if (!live_dir) return propagate(live_dir);
    auto area_dir = area_.of(other_side(journal_, op));
    if (!area_dir) return propagate(area_dir);
    place.live_dir = *live_dir;
    place.area_dir = *area_dir;
    auto live = tree::look(place.live_dir, place.name);
    if (!live) return propagate(live);
    auto area = tree::look(place.area_dir, place.name);
    if (!area) return propagate(area);
    place.live = *live;
    place.area = *area;
    return place;
  }

  // A later operation took the directory that the path was in away, which it was done for: the
  // undoing of a rollback of several runs has such.
  Result<bool> moved_since(const Op& op) {
    auto live_root = live_.in(op.root);
    // Carrying it out says what is wrong with the root.
    if (!live_root) return false;
    for (std::string above = tree::split(op.path).parent; !above.empty();
         above = tree::split(above).parent) {
      const auto later = objects_.find(full_path(op.root, above));
      if (later == objects_.end() || later->second < &op) continue;
      auto live = (*live_root)->look(above);
      if (!live) return propagate(live);
      if (same_object(later->second->after, *live)) return true;
    }
    return false;
  }

  Withheld exchange(const Op& op) {
    auto place = find(op);
    if (!place) return propagate(place);
    if (same_object(op.after, place->live)) {
      if (!op.after && !same_object(op.before, place->area)) return "it was deleted meanwhile";
      return settle(op, *place);
    }
    if (!same_object(op.before, place->live)) return "it was replaced meanwhile";
    auto changed = changed_meanwhile(op, *place);
    if (!changed || !changed->empty()) return changed;
    if (op.after && !same_object(op.after, place->area))
      return "its other version is not in the store";
    if (auto moved = move(op, *place); !moved) return propagate(moved);
    return settle(op, *place);
  }

  // The object is the expected one; is what it holds as well?
  Withheld changed_meanwhile(const Op& op, const Place& place) const {
    if (!op.before) return "";
    // make_movable() may have moved the ctime of such a one in a run that crashed.
    const bool lent = recovering_ && lacks_write(op.before->mode);
    // So do renames of ours in a directory that is then moved itself.
    const bool ours =
        lent || shared_.contains(op.before->inode) || renamed_in_.contains(full_path(op));
    if (!ours && place.live->ctime != op.before->ctime) return "it changed meanwhile";
    if (!recovering_ || !place.live->is_dir()) return "";
    bool touched = false;
    const auto look_below = [&](const std::string& path, const Node& node) -> Result<tree::Walk> {
      touched = touched || (path != op.path && node.ctime >= journal_.intended &&
                            !was_put_there(full_path(op.root, path), node));
      return touched ? tree::Walk::kStop : tree::Walk::kOn;
    };
    auto root = field_.live.of(op.root);
    if (!root) return propagate(root);
    auto walked = tree::walk(*root, op.path, look_below);
    if (!walked) return propagate(walked);
    return touched ? "something in it changed meanwhile" : "";
  }

  // By an operation before this one: a rename moves the ctime of what is renamed and of its
  // directory.
  [[nodiscard]] bool was_put_there(const std::string& full, const Node& node) const {
    if (node.is_dir() && renamed_in_.contains(full)) return true;
    const auto op = objects_.find(full);
    return op != objects_.end() && same_object(op->second->after, node);
  }

  static Result<void> move(const Op& op, const Place& at) {
    if (auto usable = make_usable(at.area_dir); !usable) return usable;
    if (auto live = make_movable(at.live_dir, at.name, at.live); !live) return live;
    if (op.before && op.after) {
      if (auto area = make_movable(at.area_dir, at.name, at.area); !area) return area;
      return tree::rename(at.area_dir, at.name, at.live_dir, at.name, RENAME_EXCHANGE);
    }
    if (op.after) {
      if (auto area = make_movable(at.area_dir, at.name, at.area); !area) return area;
      return tree::rename(at.area_dir, at.name, at.live_dir, at.name, RENAME_NOREPLACE);
    }
    if (at.area && is_whiteout(at.area_dir, at.name, *at.area) &&
        ::unlinkat(at.area_dir, at.name.c_str(), 0) < 0)
      return tree::fail_errno("remove the whiteout of", op.path);
    return tree::rename(at.live_dir, at.name, at.area_dir, at.name, RENAME_NOREPLACE);
  }

  // What follows the rename; done again when a crash came between.
  Withheld settle(const Op& op, const Place& at) {
    if (op.after && lacks_write(op.after->mode)) {
      if (auto set = tree::set_mode(at.live_dir, at.name, op.after->mode); !set)
        return propagate(set);
    }
    if (op.before && lacks_write(op.before->mode)) {
      if (auto set = tree::set_mode(at.area_dir, at.name, op.before->mode); !set)
        return propagate(set);
    }
    if (op.touch && op.after) {
      if (auto touched = touch(op); !touched) return propagate(touched);
    }
    return "";
  }

  // What is put back is in its place: a file of somebody else's, or one in a directory that is
  // closed, keeps its time.
  Result<void> touch(const Op& op) {
    auto root = field_.live.of(op.root);
    if (!root) return propagate(root);
    tree::Parents parents(*root);
    const auto touch_file = [&](const std::string& path, const Node& node) -> Result<tree::Walk> {
      auto dir = parents.of(path);
      if (!dir) return propagate(dir);
      const std::string name = tree::split(path).name;
      if (node.is_dir() && ::faccessat(*dir, name.c_str(), R_OK | X_OK, AT_EACCESS) < 0)
        return tree::Walk::kPast;
      // What was compiled, in a build that is called otherwise than Mix calls it.
      if (node.is_dir()) {
        auto compiled = mix_layout::is_compiled(*root, path);
        if (!compiled) return propagate(compiled);
        if (*compiled) return tree::Walk::kPast;
      }
      if (!node.is_file()) return tree::Walk::kOn;
      auto set = tree::set_mtime(*dir, name, journal_.touch_time);
      if (!set && !tree::is_denied(set.error().code)) return propagate(set);
      return tree::Walk::kOn;
    };
    return tree::walk(*root, op.path, touch_file);
  }

  Withheld set_attributes(const Op& op) {
    const auto& [before, after] = *op.attributes;
    const std::string name = tree::split(op.path).name;
    auto live_root = live_.in(op.root);
    if (!live_root) return propagate(live_root);
    auto dir = (*live_root)->of(op.path);
    if (!dir) return propagate(dir);
    auto node = tree::look(*dir, name);
    if (!node) return propagate(node);
    if (!*node || !(*node)->is_dir()) return "it was replaced meanwhile";
    const mode_t mode = (*node)->permissions();
    if (mode != after.mode && mode != before.mode) return "its mode changed meanwhile";
    // Before the mode: an access list changes it.
    if (after.xattrs) {
      auto set = set_xattrs(*dir, name, before, after);
      if (!set || !set->empty()) return set;
    }
    if (mode != after.mode) {
      if (auto set = tree::set_mode(*dir, name, after.mode); !set) return propagate(set);
    }
    if (after.mtime && *after.mtime != (*node)->mtime) {
      auto set = tree::set_mtime(*dir, name, *after.mtime);
      if (!set && (set.error().code != EPERM || before.differs(after))) return propagate(set);
    }
    return "";
  }

  static Withheld set_xattrs(int dir, const std::string& name, const Attributes& before,
                             const Attributes& after) {
    auto fd = tree::open_dir(dir, name);
    if (!fd && fd.error().code == EACCES) return "its attributes cannot be set";
    if (!fd) return propagate(fd);
    auto present = read_xattrs(fd->get(), name);
    if (!present) return propagate(present);
    if (*present == *after.xattrs) return "";
    if (!is_between(*present, *before.xattrs, *after.xattrs))
      return "its attributes changed meanwhile";
    if (auto set = write_xattrs(fd->get(), *after.xattrs, name); !set) return propagate(set);
    return "";
  }

  const Field& field_;
  const Journal& journal_;
  const bool recovering_;
  LiveParents live_;
  tree::Parents area_;
  const std::set<std::uint64_t> shared_;
  const std::set<std::string> renamed_in_;
  const std::map<std::string, const Op*> objects_;
};

Result<void> sync_dirs(int root, const std::set<std::string>& paths, Durability& durability) {
  for (const std::string& path : paths) {
    if (!durability.sync_each()) continue;
    auto dir = tree::open_dir(root, path);
    // A directory that is gone has nothing of ours left to keep.
    if (!dir && !concerns_everything(dir.error().code)) continue;
    if (!dir) return propagate(dir);
    if (auto synced = tree::sync(dir->get(), path); !synced) return synced;
  }
  return {};
}

// Something of that name is there when parts of a directory were set aside before the rest of it.
Result<void> rename_aside(int from, const std::string& name, int to) {
  std::string free = name;
  for (;;) {
    auto moved = tree::rename(from, name, to, free, RENAME_NOREPLACE);
    if (moved || moved.error().code != EEXIST) return moved;
    free += "~";
  }
}

// Paths of operations, in path order.
using OpPaths = std::set<std::string, tree::PathOrder>;

// Moves to the trash what no operation needs, in one directory; returns the directories in it that
// lead to one.
Result<std::vector<std::string>> prune_dir(int area, const std::string& path, const OpPaths& needed,
                                           int trash) {
  auto dir = tree::open_dir(area, path);
  if (!dir) return propagate(dir);
  auto names = tree::list(dir->get(), path);
  if (!names) return propagate(names);
  if (auto usable = make_usable(dir->get()); !usable) return propagate(usable);
  std::vector<std::string> leading;
  for (const std::string& name : *names) {
    std::string child = tree::join(path, name);
    const auto next = needed.lower_bound(child);
    if (next != needed.end() && *next == child) continue;
    if (next != needed.end() && tree::is_at_or_below(*next, child)) {
      leading.push_back(std::move(child));
    } else if (auto gone = tree::move_to_trash(dir->get(), name, trash); !gone) {
      return propagate(gone);
    }
  }
  return leading;
}

// What the operations changed in one root. One that is gone has nothing of ours left to keep.
Result<void> sync_live(const Field& field, const std::string& root, const std::vector<Op>& ops,
                       Durability& durability) {
  auto live = field.live.of(root);
  if (!live) return {};
  std::set<std::string> paths = parents_of(root, ops);
  for (const Op& op : ops) {
    if (op.attributes && op.root == root) paths.insert(op.path);
  }
  return sync_dirs(*live, paths, durability);
}

std::set<std::string> parents_of_other_sides(const Journal& journal) {
  std::set<std::string> paths;
  for (const Op& op : journal.ops) {
    if (!op.attributes) paths.insert(tree::split(other_side(journal, op)).parent);
  }
  return paths;
}

}  // namespace

std::set<std::string> roots_of(const std::vector<Op>& ops) {
  std::set<std::string> roots;
  for (const Op& op : ops) roots.insert(op.root);
  return roots;
}

Result<std::vector<ClosedDirectory>> closed_parents(const LiveTrees& live,
                                                    const std::vector<Op>& ops) {
  std::vector<ClosedDirectory> closed;
  for (const std::string& root : roots_of(ops)) {
    const auto top = live.of(root);
    if (!top) continue;
    for (const std::string& path : parents_of(root, ops)) {
      auto dir = tree::open_dir(*top, path);
      // Gone, or still to come, or shut: whatever is to be done there will tell.
      if (!dir) continue;
      auto node = tree::look_at(dir->get(), path);
      if (!node) return propagate(node);
      if (lacks_write(node->mode) && node->owner == ::geteuid() &&
          ::faccessat(dir->get(), ".", W_OK, AT_EACCESS) < 0)
        closed.push_back({root, path, node->permissions()});
    }
  }
  return closed;
}

Result<void> apply(const Field& field, Journal& journal, bool recovering, const OnStep& on_step) {
  Applier applier(field, journal, recovering);
  std::size_t over = 0;
  const auto pass = [&](bool attributes) -> Result<void> {
    for (Op& op : journal.ops) {
      if (op.attributes.has_value() != attributes) continue;
      if (auto done = applier.carry_out(op); !done) return done;
      if (on_step) on_step(++over, journal.ops.size());
      if (op.withheld.empty() || attributes || journal.kind != RunKind::kTransaction) continue;
      auto area = tree::open_dir(field.runs, area_of(journal, op));
      if (!area) return propagate(area);
      if (auto kept = set_aside(area->get(), field.run, op.root, op.path); !kept) return kept;
    }
    return {};
  };
  if (auto opened = lend(field.live, journal, Lending::kOpens); !opened) return opened;
  auto objects = pass(false);
  auto closed = lend(field.live, journal, Lending::kCloses);
  if (!objects) return objects;
  if (!closed) return closed;
  // Modes and times of directories last: the renames move the times.
  return pass(true);
}

Result<void> sync_applied(const Field& field, const Journal& journal) {
  Durability durability;
  if (auto synced = sync_dirs(field.runs, parents_of_other_sides(journal), durability); !synced)
    return synced;
  for (const std::string& root : roots_of(journal.ops)) {
    if (auto synced = sync_live(field, root, journal.ops, durability); !synced) return synced;
  }
  // All roots and the store are one file system.
  auto finished = durability.finish(field.runs);
  if (!finished) return propagate(finished);
  return {};
}

Result<void> sync_area(int area, const std::string& root, const std::vector<Op>& ops,
                       Durability& durability) {
  return sync_dirs(area, parents_of(root, ops), durability);
}

Result<void> sync_displaced(int live, const std::string& root, const std::vector<Op>& ops,
                            std::int64_t since, Durability& durability) {
  for (const Op& op : ops) {
    if (!op.before || op.root != root || !durability.sync_each()) continue;
    if (auto synced = sync_tree(live, op.path, since, durability); !synced) return synced;
  }
  return {};
}

Result<void> sync_tree(int root, const std::string& path, std::int64_t since,
                       Durability& durability) {
  tree::Parents parents(root);
  const auto sync_one = [&](const std::string& at, const Node& node) -> Result<tree::Walk> {
    if (node.ctime < since) return tree::Walk::kOn;
    if (!durability.sync_each()) return tree::Walk::kStop;
    if (!node.is_dir() && !node.is_file()) return tree::Walk::kOn;
    auto dir = parents.of(at);
    if (!dir) return propagate(dir);
    const std::string name = tree::split(at).name;
    auto fd = node.is_dir() ? tree::open_dir(*dir, name) : tree::open_file(*dir, name);
    if (!fd) return propagate(fd);
    if (auto synced = tree::sync(fd->get(), at); !synced) return propagate(synced);
    return tree::Walk::kOn;
  };
  auto walked = tree::walk(root, path, sync_one);
  if (walked || concerns_everything(walked.error().code)) return walked;
  // Closed to us, or changing under our hands.
  durability.sync_whole();
  return {};
}

Result<void> set_aside(int area, int run_dir, const std::string& root, const std::string& path) {
  tree::Parents parents(area);
  auto node = parents.look(path);
  if (!node) return propagate(node);
  if (!*node) return {};
  const tree::SplitPath place = tree::split(path);
  auto from = parents.of(path);
  if (!from) return propagate(from);
  auto home = tree::look_at(*from, place.parent);
  if (!home) return propagate(home);
  const std::string home_aside = root.empty() ? "quarantine" : "outside" + root;
  auto to = tree::make_dirs(run_dir, tree::join(home_aside, place.parent));
  if (!to) return propagate(to);
  const bool closed = (home->mode & S_IWUSR) == 0;
  if (closed && ::fchmod(*from, home->permissions() | S_IWUSR) < 0)
    return tree::fail_errno("change the mode of", place.parent);
  if (auto movable = make_movable(*from, place.name, *node); !movable) return movable;
  if (auto moved = rename_aside(*from, place.name, to->get()); !moved) return moved;
  if (closed && ::fchmod(*from, home->permissions()) < 0)
    return tree::fail_errno("change the mode of", place.parent);
  return tree::set_mtime(*from, "", home->mtime);
}

Result<void> prune(int area, const std::string& root, const std::vector<Op>& ops, int trash) {
  OpPaths needed;
  for (const Op& op : ops) {
    if (!op.attributes && op.withheld.empty() && op.root == root) needed.insert(op.path);
  }
  std::vector<std::string> pending = {""};
  while (!pending.empty()) {
    const std::string path = std::move(pending.back());
    pending.pop_back();
    auto leading = prune_dir(area, path, needed, trash);
    if (!leading) return propagate(leading);
    pending.insert(pending.end(), leading->begin(), leading->end());
  }
  return {};
}

}  // namespace mixguard::guard
