// SPDX-License-Identifier: Apache-2.0
#include "guard/snapshot/quarantine.hpp"

#include <algorithm>
#include <cerrno>
#include <map>
#include <optional>
#include <utility>

#include "guard/snapshot/apply.hpp"
#include "guard/snapshot/durability.hpp"
#include "guard/snapshot/journal.hpp"
#include "guard/snapshot/overlay_marks.hpp"
#include "guard/snapshot/run.hpp"
#include "guard/snapshot/tree.hpp"
#include "guard/snapshot/write_policy.hpp"

namespace mixguard::guard {
namespace {

using tree::Node;
using Kind = Quarantined::Kind;

constexpr const char* kStore = ".mixguard";

std::string quarantine_of(const std::string& run_id) { return run_id + "/quarantine"; }

Kind kind_of(const Node& node) {
  if (node.whiteout) return Kind::kDeletion;
  if (node.is_dir()) return Kind::kDirectory;
  if (node.is_link()) return Kind::kSymlink;
  return node.is_file() ? Kind::kFile : Kind::kOther;
}

// What acceptances took out of the project: it lies in the quarantine as their undo set.
Result<std::vector<Identity>> displaced_by_acceptances(const Store& store,
                                                       const std::string& run_id) {
  auto ids = store.runs();
  if (!ids) return propagate(ids);
  std::vector<Identity> displaced;
  for (const std::string& id : *ids) {
    auto journal = read_journal(store, id);
    if (!journal) return propagate(journal);
    if (journal->kind != RunKind::kAcceptance || journal->area != quarantine_of(run_id)) continue;
    for (const Op& op : journal->ops) {
      if (op.before) displaced.push_back(*op.before);
    }
  }
  return displaced;
}

// Why each path was held back, as far as the journal tells.
class Reasons {
 public:
  explicit Reasons(const Journal& journal) {
    for (const Change& change : journal.quarantined) by_path_.emplace(change.path, change);
    for (const Op& op : journal.ops) {
      if (op.withheld.empty()) continue;
      Change late = change_of(op);
      late.disposition = Disposition::kConflict;
      late.why = op.withheld;
      by_path_.emplace(full_path(op), std::move(late));
    }
  }

  // Of the path itself, or of the directory that it came with; nullptr for a directory that only
  // leads there.
  [[nodiscard]] const Change* of(std::string path) const {
    for (;; path = tree::split(path).parent) {
      const auto found = by_path_.find(path);
      if (found != by_path_.end()) return &found->second;
      if (path.empty()) return nullptr;
    }
  }

 private:
  std::map<std::string, Change> by_path_;
};

// The quarantine of one run, open.
class Quarantine {
 public:
  static Result<Quarantine> open(const Store& store, const std::string& run_id) {
    auto journal = read_journal(store, run_id);
    if (!journal) return propagate(journal);
    auto runs = tree::open_dir(store.fd(), "runs");
    if (!runs) return propagate(runs);
    auto dir = tree::open_dir(runs->get(), quarantine_of(run_id));
    if (!dir && dir.error().code != ENOENT) return propagate(dir);
    if (!dir) return Quarantine(std::move(*journal), {});
    auto displaced = displaced_by_acceptances(store, run_id);
    if (!displaced) return propagate(displaced);
    Quarantine quarantine(std::move(*journal), std::move(*displaced));
    quarantine.dir_ = std::move(*dir);
    return quarantine;
  }

  [[nodiscard]] int fd() const { return dir_.get(); }
  [[nodiscard]] const Journal& journal() const { return journal_; }

  // Everything that is held at or below `top`; directories that only lead there are left out.
  Result<std::vector<Quarantined>> list(const std::string& top) const {
    std::vector<Quarantined> found;
    if (!dir_) return found;
    const auto add = [&](const std::string& path, const Node& node) -> Result<tree::Walk> {
      if (is_displaced(node)) return tree::Walk::kPast;
      const Change* change = path.empty() ? nullptr : reasons_.of(path);
      const bool leads = change == nullptr && node.is_dir();
      if (!leads) found.push_back(describe(path, node, change));
      return tree::Walk::kOn;
    };
    if (auto walked = tree::walk(dir_.get(), top, add); !walked) return propagate(walked);
    std::sort(found.begin(), found.end(), [](const auto& left, const auto& right) {
      return tree::path_less(left.path, right.path);
    });
    return found;
  }

  // What a person's path stands for: itself, or the topmost held paths below a directory that only
  // leads there. Empty: it is not in the quarantine.
  Result<std::vector<std::string>> tops_of(const std::string& path) const {
    std::vector<std::string> tops;
    if (!dir_) return tops;
    auto node = tree::Parents(dir_.get()).look(path);
    if (!node) return propagate(node);
    if (!*node) return tops;
    auto held = list(path);
    if (!held) return propagate(held);
    for (const Quarantined& one : *held) {
      if (tops.empty() || !tree::is_at_or_below(one.path, tops.back())) tops.push_back(one.path);
    }
    return tops;
  }

 private:
  Quarantine(Journal journal, std::vector<Identity> displaced)
      : journal_(std::move(journal)), displaced_(std::move(displaced)), reasons_(journal_) {}

  [[nodiscard]] bool is_displaced(const Node& node) const {
    return std::any_of(displaced_.begin(), displaced_.end(),
                       [&](const Identity& identity) { return identity.is(node); });
  }

  static Quarantined describe(const std::string& path, const Node& node, const Change* change) {
    Quarantined one;
    one.path = path;
    one.kind = kind_of(node);
    one.size = node.is_file() ? node.size : 0;
    one.conflict = change != nullptr && change->disposition == Disposition::kConflict;
    one.why = change == nullptr ? "not recorded" : change->why;
    return one;
  }

  Journal journal_;
  std::vector<Identity> displaced_;
  Reasons reasons_;
  tree::UniqueFd dir_;
};

class Acceptance {
 public:
  Acceptance(const Store& store, const Quarantine& quarantine, bool force)
      : store_(store), quarantine_(quarantine), force_(force), live_(store.project_fd()) {}

  Result<void> add(const std::string& path) {
    auto refusal = never_accepted(path);
    if (!refusal) return propagate(refusal);
    if (!refusal->empty()) return leave(path, *refusal);
    auto node = live_.look(path);
    if (!node) return propagate(node);
    auto conflict = conflict_at(path, *node);
    if (!conflict) return propagate(conflict);
    if (!conflict->empty()) return leave(path, *conflict);
    auto ours = tree::Parents(quarantine_.fd()).look(path);
    if (!ours) return propagate(ours);
    Op op;
    op.path = path;
    if (*node) op.before.emplace(**node);
    if (!(*ours)->whiteout) op.after.emplace(**ours);
    if (op.before || op.after) ops_.push_back(std::move(op));
    return {};
  }

  Result<AcceptReport> carry_out(const std::string& run_id) {
    AcceptReport report;
    report.left = std::move(left_);
    if (ops_.empty()) return report;
    if (auto ready = make_durable(); !ready) return propagate(ready);
    auto id = store_.next_id();
    if (!id) return propagate(id);
    report.run_id = std::move(*id);
    auto run = make_run(store_, report.run_id);
    if (!run) return propagate(run);
    Journal journal;
    journal.kind = RunKind::kAcceptance;
    journal.area = quarantine_of(run_id);
    journal.ops = std::move(ops_);
    if (auto written = write_intent(*run, journal); !written) return propagate(written);
    if (auto done = guard::carry_out(*run, journal, false); !done) return propagate(done);
    for (const Op& op : journal.ops) {
      if (op.withheld.empty()) {
        report.accepted.changes.push_back(change_of(op));
      } else {
        report.left.push_back({op.path, op.withheld});
      }
    }
    return report;
  }

 private:
  Result<void> leave(const std::string& path, std::string why) {
    left_.push_back({path, std::move(why)});
    return {};
  }

  // Why no project may hold it, whoever says so; empty when one may.
  Result<std::string> never_accepted(const std::string& path) const {
    if (tree::is_at_or_below(path, kStore)) return std::string("it would replace the store");
    std::string why;
    tree::Parents parents(quarantine_.fd());
    const auto look = [&](const std::string& at, const Node& node) -> Result<tree::Walk> {
      std::string target;
      if (node.is_link()) {
        auto dir = parents.of(at);
        if (!dir) return propagate(dir);
        auto read = tree::read_link(*dir, tree::split(at).name);
        if (!read) return propagate(read);
        target = std::move(*read);
      }
      if (node.whiteout && at == path) return tree::Walk::kPast;
      const auto refusal = object_refusal(store_.project_root(), at, node.mode, target, {});
      if (refusal) why = (at == path ? "" : "`" + at + "` in it: ") + *refusal;
      return refusal ? tree::Walk::kStop : tree::Walk::kOn;
    };
    if (auto walked = tree::walk(quarantine_.fd(), path, look); !walked) return propagate(walked);
    return why;
  }

  [[nodiscard]] Result<std::string> missing_parent(const std::string& parent) const {
    auto tops = quarantine_.tops_of(parent);
    if (!tops) return propagate(tops);
    const bool held = *tops == std::vector{parent};
    return "there is no directory " + parent + " in the project; " +
           (held ? "accept that one" : "make it first");
  }

  // Why the project's own copy must stay; empty when it may go.
  Result<std::string> conflict_at(const std::string& path, const std::optional<Node>& node) {
    const std::string parent = tree::split(path).parent;
    auto home = live_.look(parent);
    if (!home) return propagate(home);
    if (!parent.empty() && (!*home || !(*home)->is_dir())) return missing_parent(parent);
    if (force_ || !node) return std::string();
    bool newer = false;
    const std::int64_t since = quarantine_.journal().since;
    const auto look = [&](const std::string&, const Node& below) -> Result<tree::Walk> {
      newer = newer || below.ctime >= since;
      return newer ? tree::Walk::kStop : tree::Walk::kOn;
    };
    if (auto walked = tree::walk(store_.project_fd(), path, look); !walked)
      return propagate(walked);
    return std::string(newer ? "it changed in the project since (--force replaces it)" : "");
  }

  // What comes loses overlayfs' marks and is on disk; so is what goes, which somebody may just have
  // written.
  Result<void> make_durable() const {
    Durability durability;
    for (const Op& op : ops_) {
      auto done = op.after ? clean_tree(op.path, durability) : Result<void>();
      if (!done) return done;
    }
    auto synced = sync_displaced(store_.project_fd(), "", ops_, 0, durability);
    if (synced) synced = sync_area(quarantine_.fd(), "", ops_, durability);
    if (!synced) return synced;
    auto finished = durability.finish(quarantine_.fd());
    if (!finished) return propagate(finished);
    return {};
  }

  Result<void> clean_tree(const std::string& top, Durability& durability) const {
    tree::Parents parents(quarantine_.fd());
    const auto clean = [&](const std::string& path, const Node& node) -> Result<tree::Walk> {
      auto dir = parents.of(path);
      if (!dir) return propagate(dir);
      auto done = clean_object(*dir, tree::split(path).name, node, durability.sync_each());
      if (!done) return propagate(done);
      return tree::Walk::kOn;
    };
    return tree::walk(quarantine_.fd(), top, clean);
  }

  const Store& store_;
  const Quarantine& quarantine_;
  bool force_;
  tree::Parents live_;
  std::vector<Op> ops_;
  std::vector<NotAccepted> left_;
};

}  // namespace

std::string_view to_string(Quarantined::Kind kind) {
  switch (kind) {
    case Kind::kFile:
      return "file";
    case Kind::kDirectory:
      return "directory";
    case Kind::kSymlink:
      return "symlink";
    case Kind::kDeletion:
      return "deletion";
    case Kind::kOther:
      return "other";
  }
  return "other";
}

Result<std::vector<Quarantined>> quarantined(const Store& store, const std::string& run_id) {
  auto quarantine = Quarantine::open(store, run_id);
  if (!quarantine) return propagate(quarantine);
  return quarantine->list("");
}

Result<std::string> newest_quarantine(const Store& store) {
  auto ids = store.runs();
  if (!ids) return propagate(ids);
  for (auto id = ids->rbegin(); id != ids->rend(); ++id) {
    auto held = quarantined(store, *id);
    if (!held) return propagate(held);
    if (!held->empty()) return *id;
  }
  return fail("no run has anything in its quarantine", ENOENT);
}

Result<AcceptReport> accept(const Store& store, const std::string& run_id,
                            const std::vector<std::string>& paths, bool force) {
  auto quarantine = Quarantine::open(store, run_id);
  if (!quarantine) return propagate(quarantine);
  std::vector<std::string> wanted;
  for (const std::string& text : paths) {
    const auto path = tree::as_written(text);
    Result<std::vector<std::string>> tops;
    if (path) tops = quarantine->tops_of(*path);
    if (!tops) return propagate(tops);
    if (tops->empty())
      return fail("accept " + text + ": it is not in the quarantine of run " + run_id, ENOENT);
    wanted.insert(wanted.end(), tops->begin(), tops->end());
  }
  std::sort(wanted.begin(), wanted.end(), tree::path_less);
  Acceptance acceptance(store, *quarantine, force);
  std::string covered;
  for (const std::string& path : wanted) {
    if (!covered.empty() && tree::is_at_or_below(path, covered)) continue;
    covered = path;
    if (auto added = acceptance.add(path); !added) return propagate(added);
  }
  return acceptance.carry_out(run_id);
}

}  // namespace mixguard::guard
