// SPDX-License-Identifier: Apache-2.0
#include "guard/snapshot/recover.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "guard/snapshot/journal.hpp"
#include "guard/snapshot/preimage.hpp"
#include "guard/snapshot/run.hpp"
#include "guard/snapshot/tree.hpp"

namespace mixguard::guard {
namespace {

using Outcome = Recovery::Outcome;

Result<void> end(const Store& store, Run& run, Journal& journal) {
  auto ended = end_preimage(store, run, journal);
  // An index that turned out to be damaged has been dropped.
  if (!ended && ended.error().code == ESTALE) ended = end_preimage(store, run, journal);
  return ended;
}

// What stays of a run that was put back, or of which it is not known.
std::vector<std::string> left_by(const Journal& journal) {
  std::vector<std::string> left = journal.left;
  for (const Op& op : journal.ops) {
    if (!op.withheld.empty()) left.push_back(full_path(op) + ": " + op.withheld);
  }
  return left;
}

Error unfinished(const Store& store, const std::string& run_id, const Error& error) {
  std::string message =
      "run " + run_id + " was ended half done and cannot be finished: " + error.message;
  if (error.code == EBADMSG || error.code == EIO) {
    message += "; look at the project, which may be neither as before it nor as after, and into " +
               store.run_path(run_id) +
               ", where what it had taken out of the project lies; then forget the run: mixguard "
               "snapshot prune " +
               run_id;
  }
  return {std::move(message), error.code};
}

class Recoverer {
 public:
  Recoverer(const Store& store, const OnRecovery& on_recovery)
      : store_(store), on_recovery_(on_recovery) {}

  // What was in the middle of its renames comes first. Of those that wrote in place the newest
  // does: it found what the ones before it had written.
  Result<std::vector<Recovery>> run(const std::vector<std::string>& ids) {
    for (const std::string& id : ids) attempt(id, false);
    for (auto id = captured_.rbegin(); id != captured_.rend(); ++id) attempt(*id, true);
    if (failed_) return tl::unexpected(std::move(*failed_));
    return std::move(done_);
  }

 private:
  void attempt(const std::string& id, bool captured) {
    auto finished = finish(id, captured);
    if (!finished && !failed_) failed_ = unfinished(store_, id, finished.error());
  }

  Result<void> finish(const std::string& id, bool captured) {
    auto run = hold_run(store_, id);
    if (!run && run.error().code == EWOULDBLOCK) return {};  // its owner lives
    if (!run && run.error().code == ENOENT) return forget_run(store_, id);
    if (!run) return propagate(run);
    auto journal = load_journal(run->dir.get(), id);
    if (!journal) return propagate(journal);
    const RunState state = *journal ? (*journal)->state : RunState::kBegun;
    switch (state) {
      case RunState::kBegun:
        return done(id, discard_run(*run), Outcome::kDiscarded);
      case RunState::kCaptured: {
        if (!captured) {
          captured_.push_back(id);
          return {};
        }
        auto ended = end(store_, *run, **journal);
        const std::vector<Op>& ops = (*journal)->ops;
        const bool any =
            std::any_of(ops.begin(), ops.end(), [](const Op& op) { return op.withheld.empty(); });
        return done(id, ended, (*journal)->keeps ? Outcome::kKept : Outcome::kDiscarded, any,
                    left_by(**journal));
      }
      case RunState::kIntent: {
        const bool as_before = (*journal)->ends_as == RunState::kRolledBack;
        auto finished = carry_out(*run, **journal, true);
        return done(id, finished, as_before ? Outcome::kDiscarded : Outcome::kRolledForward,
                    as_before, as_before ? left_by(**journal) : std::vector<std::string>());
      }
      case RunState::kDone:
      case RunState::kRolledBack:
        return tidy(*run, **journal);
    }
    return {};
  }

  Result<void> done(const std::string& id, const Result<void>& result, Outcome outcome,
                    bool can_return = false, std::vector<std::string> left = {}) {
    if (!result) return propagate(result);
    done_.push_back({id, outcome, can_return, std::move(left)});
    if (on_recovery_) on_recovery_(done_.back());
    return {};
  }

  const Store& store_;
  const OnRecovery& on_recovery_;
  std::vector<Recovery> done_;
  std::vector<std::string> captured_;
  std::optional<Error> failed_;
};

}  // namespace

Result<std::vector<Recovery>> recover(const Store& store, const OnRecovery& on_recovery) {
  auto active = tree::open_dir(store.fd(), "active");
  if (!active && active.error().code == ENOENT) return std::vector<Recovery>();
  if (!active) return propagate(active);
  auto ids = tree::list(active->get(), store.path() + "/active");
  if (!ids) return propagate(ids);
  // An editor's or a person's file is no mark of ours.
  std::erase_if(*ids, [](const std::string& id) { return !is_run_id(id); });
  std::sort(ids->begin(), ids->end());
  return Recoverer(store, on_recovery).run(*ids);
}

}  // namespace mixguard::guard
