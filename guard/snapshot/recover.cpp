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
      done.push_back({run_id, Recovery::Outcome::kDiscarded, false, {}});
      return discard_run(*run);
    case RunState::kCaptured: {
      auto unseen = restore_preimage(store, *run, **journal);
      if (!unseen) return propagate(unseen);
      const std::vector<Op>& ops = (*journal)->ops;
      const bool any =
          std::any_of(ops.begin(), ops.end(), [](const Op& op) { return op.withheld.empty(); });
      Recovery recovery{run_id, Recovery::Outcome::kDiscarded, any, {}};
      for (const auto& [path, why] : *unseen) recovery.unseen.push_back(uncovered_text(path, why));
      done.push_back(std::move(recovery));
      return {};
    }
    case RunState::kIntent: {
      const bool as_before = (*journal)->ends_as == RunState::kRolledBack;
      done.push_back({run_id,
                      as_before ? Recovery::Outcome::kDiscarded : Recovery::Outcome::kRolledForward,
                      false,
                      {}});
      return carry_out(*run, **journal, true);
    }
    case RunState::kDone:
    case RunState::kRolledBack:
      return tidy(*run, **journal);
  }
  return {};
}

Error unfinished(const std::string& run_id, const Error& error) {
  std::string message =
      "run " + run_id + " was ended half done and cannot be finished: " + error.message;
  if (error.code == EBADMSG)
    message +=
        "; look at the project, which may be neither as before it nor as after; then forget "
        "the run: mixguard snapshot prune " +
        run_id;
  return {std::move(message), error.code};
}

}  // namespace

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
    if (auto finished = finish(store, id, done); !finished)
      return tl::unexpected(unfinished(id, finished.error()));
  }
  return done;
}

}  // namespace mixguard::guard
