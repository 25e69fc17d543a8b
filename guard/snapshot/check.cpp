// SPDX-License-Identifier: Apache-2.0
#include "guard/snapshot/check.hpp"

#include <string>
#include <utility>

#include "guard/audit/log.hpp"
#include "guard/snapshot/journal.hpp"
#include "guard/snapshot/manifest.hpp"
#include "guard/snapshot/run.hpp"
#include "guard/snapshot/snapshot.hpp"
#include "guard/snapshot/tree.hpp"
#include "guard/snapshot/tree_diff.hpp"

namespace mixguard::guard {
namespace {

class Checker {
 public:
  Checker(const Store& store, const Objects& objects) : store_(store), objects_(objects) {}

  Result<StoreCheck> run() {
    auto packs = objects_.check();
    if (!packs) return propagate(packs);
    result_.objects = packs->objects;
    result_.bytes = packs->bytes;
    result_.damage = std::move(packs->damage);
    lost_ = std::move(packs->lost);
    result_.lost_objects = !lost_.empty();
    for (auto step : {&Checker::snapshots, &Checker::runs, &Checker::log}) {
      if (auto done = (this->*step)(); !done) return propagate(done);
    }
    return std::move(result_);
  }

 private:
  void report(std::string where, std::string what) {
    result_.damage.push_back({std::move(where), std::move(what)});
  }

  Result<void> snapshots() {
    auto ids = snapshot_ids(store_);
    if (!ids) return propagate(ids);
    for (const std::string& id : *ids) {
      ++result_.snapshots;
      auto snapshot = load_snapshot(store_, id);
      if (!snapshot) {
        report("snapshots/" + id, snapshot.error().message);
        continue;
      }
      contents_of("snapshot " + id, "", snapshot->top);
      for (const auto& [path, top] : snapshot->outside) contents_of("snapshot " + id, path, top);
    }
    return {};
  }

  // Each path that cannot be had is named.
  void contents_of(const std::string& what, const std::string& at, const Entry& top) {
    const auto visit = [&](const std::string& path, const Entry& entry) -> Result<void> {
      auto there = each_object(objects_, entry.content, [&](const ObjectId& id) {
        const bool damaged = lost_.contains(id);
        if (damaged || !objects_.has(id))
          report(what, (path.empty() ? "." : path) + " cannot be put back: " +
                           (damaged ? "damaged is object " : "there is no object ") + to_hex(id));
      });
      if (!there) report(what, path + " cannot be put back: " + there.error().message);
      return {};
    };
    // What is in a directory whose own listing is damaged goes with it, which is reported.
    if (auto walked = each_entry(objects_, at, top, visit, [](const auto&) {}); !walked)
      report(what, walked.error().message);
  }

  Result<void> runs() {
    auto ids = store_.runs();
    if (!ids) return propagate(ids);
    for (const std::string& id : *ids) {
      ++result_.runs;
      auto journal =
          is_run_id(id) ? read_journal(store_, id) : fail("its name is none of a run", EINVAL);
      if (!journal) {
        report("runs/" + id, journal.error().message);
      } else if (journal->state == RunState::kCaptured) {
        captured_by(id);
      } else if (auto done = undo_set_of(id, *journal); !done) {
        return done;
      }
    }
    return {};
  }

  // Of a run that writes in place and has not ended: what recovery would put back.
  void captured_by(const std::string& id) {
    const auto dir = tree::open_dir(store_.fd(), "runs/" + id);
    const auto manifest = dir ? load_manifest(dir->get()) : propagate(dir);
    if (!manifest) return report("runs/" + id, manifest.error().message);
    for (const auto& [path, entry] : *manifest) {
      if (entry) contents_of("run " + id, path, *entry);
    }
  }

  // Of a run in force: what its undoing would put back.
  Result<void> undo_set_of(const std::string& id, const Journal& journal) {
    if (journal.state != RunState::kDone) return {};
    auto runs = tree::open_dir(store_.fd(), "runs");
    if (!runs) return propagate(runs);
    tree::Parents parents(runs->get());
    const LiveTrees trees(store_.project_fd(), store_.fd(), journal.extra_roots);
    LiveParents live(trees);
    for (const Op& op : journal.ops) {
      if (op.attributes || !op.withheld.empty() || !op.before) continue;
      auto node = parents.look(other_side(journal, op));
      if (!node) return propagate(node);
      if (!same_object(op.before, *node)) {
        // It may lie in the project again, put back by a rollback of something newer.
        const auto present = live.look(op.root, op.path);
        if (present && same_object(op.before, *present)) continue;
        report("runs/" + id,
               full_path(op) + " cannot be put back: its version from before is gone");
      } else if (op.before->was_written(**node)) {
        report("runs/" + id, full_path(op) + ": its version from before was written since");
      }
    }
    return {};
  }

  Result<void> log() {
    auto log = AuditLog::open(store_);
    if (!log) return propagate(log);
    auto check = log->verify();
    if (!check) return propagate(check);
    for (const LogDamage& one : check->damage)
      report("log.jsonl:" + std::to_string(one.line), one.what);
    return {};
  }

  const Store& store_;
  const Objects& objects_;
  std::unordered_set<ObjectId, ObjectIdHash> lost_;
  StoreCheck result_;
};

}  // namespace

Result<StoreCheck> check_store(const Store& store, const Objects& objects) {
  return Checker(store, objects).run();
}

}  // namespace mixguard::guard
