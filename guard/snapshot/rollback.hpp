// SPDX-License-Identifier: Apache-2.0
#pragma once

// Undoing committed runs.

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "guard/snapshot/apply.hpp"
#include "guard/snapshot/change.hpp"
#include "guard/snapshot/dependency.hpp"
#include "guard/snapshot/journal.hpp"
#include "guard/snapshot/store.hpp"

namespace mixguard::guard {

struct RollbackOptions {
  bool dry_run = false;
  // Also undo paths that somebody changed since; what they had is captured first. Of a snapshot:
  // pass over what has only a damaged copy, which is an Error otherwise.
  bool force = false;
  // Only these: project-relative paths, or absolute ones outside of the project, and what is below
  // them, dependencies (see dependency.hpp), the build, the configuration. None of them:
  // everything.
  std::vector<std::string> paths;
  std::vector<DependencyChoice> dependencies;
  bool build = false;   // _build, or where the run had it (Journal::build)
  bool config = false;  // mix.exs, config/ and .formatter.exs, of an umbrella's apps too
  // Instead of one run: the newest so many, those that began then or later (microseconds since
  // 1970), or all that are committed and not undone. They are undone as one.
  std::size_t back = 0;
  std::optional<std::int64_t> since;
  bool all = false;
  OnStep on_step;  // how far it is; may be empty
  [[nodiscard]] bool selective() const {
    return !paths.empty() || !dependencies.empty() || build || config;
  }
};

struct RollbackReport {
  std::vector<std::string> run_ids;  // the runs that were undone, newest first
  std::string snapshot_id;           // … or the snapshot that was put back
  std::string undo_id;  // the run that this rollback is (it can be rolled back in turn); empty for
                        // a dry run
  ChangeSet
      undone;  // what changed in the project, as seen from now (a created file undone is kDeleted)
  // Left alone.
  std::vector<std::string> skipped;
  // Why a path is among them, where that is not that somebody edited it since.
  std::map<std::string, std::string> reasons;
  std::vector<DependencyLeft> left_alone;
  [[nodiscard]] bool is_complete() const { return skipped.empty() && left_alone.empty(); }
};

// Adds what became of the operations, in the order of paths.
void report_ops(const std::vector<Op>& ops, RollbackReport& report);

// Undoes the run `run_id`, or those that the options choose; or with "last" the newest that is
// committed and not rolled back yet and of which anything is left to undo, or that changed what is
// asked for. With "last" and dependencies: all back to the newest that changed the code or the lock
// of one. Of a path that several of them changed, the version from before the oldest is put back;
// where somebody edited it between two of them, that edit is what is put back, and the path is
// reported as skipped. The store must be locked. Fails without having changed anything when there
// is no such run.
Result<RollbackReport> rollback(const Store& store, const std::string& run_id,
                                const RollbackOptions& options);

}  // namespace mixguard::guard
