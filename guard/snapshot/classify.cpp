// SPDX-License-Identifier: Apache-2.0
#include "guard/snapshot/classify.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "guard/snapshot/overlay_marks.hpp"
#include "guard/snapshot/tree.hpp"
#include "guard/snapshot/xattrs.hpp"

namespace mixguard::guard {
namespace {

using tree::Node;

// Nothing opens a path of this length; a command that makes one must not exhaust our memory.
constexpr std::size_t kLongestPath = 16384;

struct Finding {
  ChangeKind kind = ChangeKind::kCreated;
  bool directory = false;     // what lies there afterwards, or the directory that is deleted
  bool replaces_dir = false;  // a directory of the project is deleted or replaced: a unit
  bool keeps_dir = false;     // … by another directory
  mode_t mode = 0;            // of the object that comes; 0: none comes
  std::string target;         // a symlink's
  std::string refusal;        // known without the policy
  std::string conflict;       // why the project's own copy must stay
  Disposition disposition = Disposition::kCommit;
  std::string why;
  bool soft = false;  // refused only because the directory's own path is not among the patterns
};

using Findings = std::map<std::string, Finding, tree::PathOrder>;

// A directory of upper that is still to be listed.
struct Pending {
  std::string path;
  bool stands_alone = false;  // nothing of the project shows through
  bool in_project = true;     // the project has a directory there
};

class Collector {
 public:
  explicit Collector(const OverlayView& view) : view_(view) {}

  Result<Findings> collect() {
    pending_.push_back({});
    while (!pending_.empty()) {
      const Pending next = std::move(pending_.back());
      pending_.pop_back();
      if (auto visited = visit(next); !visited) return propagate(visited);
    }
    drop_equal_directories();
    return std::move(findings_);
  }

 private:
  // Both sides of the directory being listed; `live` is invalid when the project has none.
  struct Sides {
    const Pending& at;
    tree::UniqueFd upper;
    tree::UniqueFd live;
  };
  struct Entry {
    std::string name;
    std::string path;
    Node upper;
    std::optional<Node> live;
  };

  Result<void> visit(const Pending& at) {
    Sides sides{at, {}, {}};
    auto upper = tree::open_dir(view_.upper, at.path);
    if (!upper) return refuse_closed(at.path, upper.error());
    sides.upper = std::move(*upper);
    if (at.in_project) {
      auto live = tree::open_dir(view_.project, at.path);
      if (!live && live.error().code != ENOENT) return refuse_closed(at.path, live.error());
      if (live) sides.live = std::move(*live);
    }
    auto names = tree::list(sides.upper.get(), at.path);
    if (!names) return propagate(names);
    for (const std::string& name : *names) {
      if (auto done = enter(sides, name); !done) return done;
    }
    if (at.stands_alone && sides.live) return collect_covered(sides, *names);
    return {};
  }

  Result<void> enter(const Sides& sides, const std::string& name) {
    Entry entry{name, tree::join(sides.at.path, name), {}, {}};
    auto upper = tree::look(sides.upper.get(), name);
    if (!upper) return propagate(upper);
    if (!*upper) return {};
    entry.upper = **upper;
    // What is hidden is nobody's business here, not even its names.
    if (sides.live && !is_hidden(entry.path)) {
      auto live = tree::look(sides.live.get(), name);
      if (!live) return propagate(live);
      entry.live = *live;
    }
    if (entry.path.size() > kLongestPath) {
      Finding& finding = add(entry, ChangeKind::kCreated);
      finding.refusal = "its path is longer than any program can use";
      return {};
    }
    const bool whiteout = is_whiteout(sides.upper.get(), name, entry.upper);
    if (whiteout && is_hidden(entry.path)) return {};
    if (whiteout && !sides.at.stands_alone) return deletion(entry);
    if (entry.upper.is_dir()) return directory(sides, entry);
    return leaf(sides, entry);
  }

  Result<void> deletion(const Entry& entry) {
    if (!entry.live) return {};
    return collect_deleted(entry.path);
  }

  Result<void> directory(const Sides& sides, const Entry& entry) {
    const bool over_dir = entry.live && entry.live->is_dir();
    const bool alone = sides.at.stands_alone || is_opaque(sides.upper.get(), entry.name);
    if (!over_dir) {
      Finding& finding = add(entry, entry.live ? ChangeKind::kModified : ChangeKind::kCreated);
      if (!entry.live) note_vanished(sides, entry, finding);
    } else if (alone && !sides.at.stands_alone) {
      Finding& finding = add(entry, ChangeKind::kModified);
      finding.replaces_dir = true;
      finding.keeps_dir = true;
    } else {
      auto same = same_looks(sides, entry);
      if (!same) return propagate(same);
      if (!*same) add(entry, ChangeKind::kMode);
    }
    pending_.push_back({entry.path, alone || !over_dir, over_dir});
    return {};
  }

  Result<void> leaf(const Sides& sides, const Entry& entry) {
    if (entry.live) {
      auto equal = unchanged(sides, entry);
      if (!equal) return propagate(equal);
      if (*equal) return {};
    }
    Finding& finding = add(entry, entry.live ? ChangeKind::kModified : ChangeKind::kCreated);
    if (!entry.live) note_vanished(sides, entry, finding);
    if (entry.upper.is_link()) {
      auto target = tree::read_link(sides.upper.get(), entry.name);
      if (!target) return propagate(target);
      finding.target = *target;
    }
    if (!entry.live || !entry.live->is_dir()) return {};
    finding.replaces_dir = true;
    return collect_below(entry.path);
  }

  static Result<bool> unchanged(const Sides& sides, const Entry& entry) {
    const Node& ours = entry.upper;
    const Node& theirs = *entry.live;
    if (ours.is_link() && theirs.is_link()) {
      auto left = tree::read_link(sides.upper.get(), entry.name);
      if (!left) return propagate(left);
      auto right = tree::read_link(sides.live.get(), entry.name);
      if (!right) return propagate(right);
      return *left == *right;
    }
    if (!ours.is_file() || ours.mode != theirs.mode || ours.size != theirs.size ||
        ours.mtime != theirs.mtime)
      return false;
    auto same = tree::same_content(sides.upper.get(), entry.name, sides.live.get(), entry.name);
    // A file that its owner cannot read was not made by copying one that can.
    if (!same && same.error().code == EACCES) return false;
    if (!same || !*same) return same;
    return same_attributes(sides, entry.name, &tree::open_file);
  }

  // Of a directory on both sides.
  static Result<bool> same_looks(const Sides& sides, const Entry& entry) {
    if (entry.live->permissions() != entry.upper.permissions()) return false;
    auto same = same_attributes(sides, entry.name, &tree::open_dir);
    // What cannot be looked into is told of when it is its turn.
    if (!same && same.error().code == EACCES) return true;
    return same;
  }

  using Open = Result<tree::UniqueFd> (*)(int dir, const std::string& name);
  static Result<bool> same_attributes(const Sides& sides, const std::string& name, Open open) {
    std::array<std::string, 2> attributes;
    for (std::size_t i = 0; i < attributes.size(); ++i) {
      auto opened = open(i == 0 ? sides.upper.get() : sides.live.get(), name);
      if (!opened) return propagate(opened);
      auto read = read_xattrs(opened->get(), name);
      if (!read) return propagate(read);
      attributes[i] = std::move(*read);
    }
    return attributes[0] == attributes[1];
  }

  // What the project has in a directory that the command's own stands in front of.
  Result<void> collect_covered(const Sides& sides, const std::vector<std::string>& names) {
    const std::set<std::string> present(names.begin(), names.end());
    auto covered = tree::list(sides.live.get(), sides.at.path);
    if (!covered) return propagate(covered);
    for (const std::string& name : *covered) {
      if (present.contains(name)) continue;
      if (auto done = collect_deleted(tree::join(sides.at.path, name)); !done) return done;
    }
    return {};
  }

  Result<void> collect_deleted(const std::string& path) {
    return collect_live(path, [](const std::string&) { return true; });
  }
  Result<void> collect_below(const std::string& path) {
    return collect_live(path, [&](const std::string& found) { return found != path; });
  }

  template <typename Wanted>
  Result<void> collect_live(const std::string& path, const Wanted& wanted) {
    const auto add_deleted = [&](const std::string& found, const Node& node) -> Result<tree::Walk> {
      if (!wanted(found)) return tree::Walk::kOn;
      Finding finding;
      finding.kind = ChangeKind::kDeleted;
      finding.directory = node.is_dir();
      finding.replaces_dir = node.is_dir();
      note_touched(node, finding);
      note_hidden(found, finding);
      findings_.insert_or_assign(found, std::move(finding));
      return tree::Walk::kOn;
    };
    auto walked = tree::walk(view_.project, path, add_deleted);
    if (!walked) return refuse_closed(path, walked.error());
    return {};
  }

  Finding& add(const Entry& entry, ChangeKind kind) {
    Finding finding;
    finding.kind = kind;
    finding.directory = entry.upper.is_dir();
    finding.mode = kind == ChangeKind::kMode ? 0 : entry.upper.mode;
    if (entry.live) note_touched(*entry.live, finding);
    note_hidden(entry.path, finding);
    return findings_.insert_or_assign(entry.path, std::move(finding)).first->second;
  }

  void note_touched(const Node& live, Finding& finding) const {
    if (live.ctime >= view_.since) finding.conflict = "it changed while the command ran";
  }

  // A copy of something that is not there any more. A rename carries the mark of a copy to a place
  // where nothing lay, so the project's directory must have changed as well.
  void note_vanished(const Sides& sides, const Entry& entry, Finding& finding) const {
    if (!sides.live) return;
    const auto home = tree::look_at(sides.live.get(), sides.at.path);
    if (!home || home->ctime < view_.since) return;
    const bool lay_there =
        std::any_of(view_.hidden.begin(), view_.hidden.end(),
                    [&](const auto& path) { return tree::is_at_or_below(path, entry.path); });
    if (lay_there || was_copied_up(sides.upper.get(), entry.name))
      finding.conflict = "it was deleted while the command ran";
  }

  void note_hidden(const std::string& path, Finding& finding) const {
    if (std::any_of(view_.hidden.begin(), view_.hidden.end(),
                    [&](const auto& hidden) { return tree::is_at_or_below(path, hidden); }))
      finding.refusal = "hidden from the command";
  }

  [[nodiscard]] bool is_hidden(const std::string& path) const {
    return std::find(view_.hidden.begin(), view_.hidden.end(), path) != view_.hidden.end();
  }

  // A directory that cannot be listed: nothing in it is judged, so nothing of it is committed.
  Result<void> refuse_closed(const std::string& path, const Error& error) {
    if (path.empty() || (error.code != EACCES && error.code != EXDEV))
      return fail(error.message, error.code);
    auto [place, added] = findings_.try_emplace(path);
    if (added || place->second.kind == ChangeKind::kMode)
      place->second.kind = ChangeKind::kModified;
    place->second.directory = true;
    place->second.refusal = error.code == EXDEV ? "another file system is mounted there"
                                                : "its mode hides what is in it";
    return {};
  }

  // A directory that was deleted and made again with nothing different in it.
  void drop_equal_directories() {
    for (auto it = findings_.begin(); it != findings_.end();) {
      const auto next = std::next(it);
      const bool empty = next == findings_.end() || !tree::is_at_or_below(next->first, it->first);
      it = empty && it->second.keeps_dir && same_mode(it->first) ? findings_.erase(it) : next;
    }
  }

  [[nodiscard]] bool same_mode(const std::string& path) const {
    const auto upper = tree::Parents(view_.upper).look(path);
    const auto live = tree::Parents(view_.project).look(path);
    return upper && live && *upper && *live && (*upper)->mode == (*live)->mode;
  }

  const OverlayView& view_;
  std::vector<Pending> pending_;
  Findings findings_;
};

class Judge {
 public:
  Judge(const OverlayView& view, const WritePolicy& policy, Findings& findings)
      : view_(view), policy_(policy), findings_(findings) {}

  void run() {
    for (auto& [path, finding] : findings_) judge(path, finding);
    for (auto it = findings_.begin(); it != findings_.end(); ++it) {
      const Finding& finding = it->second;
      if (finding.replaces_dir) withhold_unit(it);
      const bool covers = finding.directory && finding.kind != ChangeKind::kMode;
      if (covers && finding.disposition != Disposition::kCommit && !finding.soft)
        spread(it, finding.disposition, finding.why);
    }
    for (auto it = findings_.rbegin(); it != findings_.rend(); ++it) {
      if (it->second.soft && commits_below(std::prev(it.base()))) accept(it->second);
    }
  }

 private:
  void judge(const std::string& path, Finding& finding) const {
    std::optional<std::string> refusal;
    if (!finding.refusal.empty()) refusal = finding.refusal;
    if (!refusal && finding.mode != 0)
      refusal =
          object_refusal(view_.project_root, path, finding.mode, finding.target, policy_.linkable);
    const bool hard = refusal.has_value();
    if (!refusal) refusal = path_refusal(policy_, path);
    if (refusal) {
      finding.disposition = Disposition::kQuarantine;
      finding.why = *refusal;
    } else if (!finding.conflict.empty()) {
      finding.disposition = Disposition::kConflict;
      finding.why = finding.conflict;
    }
    const bool comes_as_dir = finding.directory && finding.mode != 0 &&
                              (finding.kind == ChangeKind::kCreated || finding.keeps_dir);
    finding.soft = refusal && !hard && finding.conflict.empty() && comes_as_dir;
  }

  // Everything at and below a directory that is deleted or replaced follows the first entry that
  // would lose something of the project without being allowed to.
  void withhold_unit(Findings::iterator unit) {
    for (auto it = unit; below(it, unit); ++it) {
      const Finding& finding = it->second;
      if (finding.disposition == Disposition::kCommit || finding.kind == ChangeKind::kCreated ||
          finding.soft)
        continue;
      const std::string why =
          it == unit ? finding.why : "`" + it->first + "` in it: " + finding.why;
      unit->second.soft = false;
      return spread(unit, finding.disposition, why);
    }
  }

  void spread(Findings::iterator top, Disposition disposition, const std::string& why) {
    for (auto it = top; below(it, top); ++it) {
      if (it != top && it->second.disposition != Disposition::kCommit) continue;
      it->second.disposition = disposition;
      it->second.why = it == top ? why : "part of `" + top->first + "`";
      it->second.soft = false;
    }
  }

  [[nodiscard]] bool commits_below(Findings::iterator top) const {
    for (auto it = std::next(top); below(it, top); ++it) {
      if (it->second.disposition == Disposition::kCommit) return true;
    }
    return false;
  }

  static void accept(Finding& finding) {
    finding.disposition = Disposition::kCommit;
    finding.why.clear();
    finding.soft = false;
  }

  [[nodiscard]] bool below(Findings::iterator it, Findings::iterator top) const {
    return it != findings_.end() && tree::is_at_or_below(it->first, top->first);
  }

  const OverlayView& view_;
  const WritePolicy& policy_;
  Findings& findings_;
};

}  // namespace

Result<ChangeSet> classify(const OverlayView& view, const WritePolicy& policy) {
  auto findings = Collector(view).collect();
  if (!findings) return propagate(findings);
  Judge(view, policy, *findings).run();
  ChangeSet set;
  set.changes.reserve(findings->size());
  for (auto& [path, finding] : *findings) {
    set.changes.push_back(
        {path, finding.kind, finding.disposition, finding.directory, std::move(finding.why)});
  }
  return set;
}

}  // namespace mixguard::guard
