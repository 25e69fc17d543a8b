// SPDX-License-Identifier: Apache-2.0
#pragma once

// How one run's effect on the project is remembered, so that the session need not care which way it
// is: an overlay (transactions), or pre-images of what may be written (live mode, and hosts without
// user namespaces).

#include <optional>
#include <string>
#include <vector>

#include "guard/outside.hpp"
#include "guard/request.hpp"
#include "guard/snapshot/change.hpp"
#include "guard/snapshot/preimage.hpp"
#include "guard/snapshot/store.hpp"
#include "guard/snapshot/transaction.hpp"
#include "sandbox/sandbox.hpp"

namespace mixguard::guard {

// What became of a run's changes.
struct RunResult {
  ChangeSet changes;
  std::string build = "_build";  // Journal::build
  bool committed = false;
  bool not_committed =
      false;  // something that should have been committed was not: conflict, or strict
  // Directories that hold what was not committed: of the project, and of others.
  std::optional<std::string> quarantine;
  std::optional<std::string> quarantine_outside;

  // What no copy could be made of before a run that writes through: "path is a socket, …".
  std::vector<std::string> uncovered;
  // Of such a run: what could not be looked at afterwards, or not be put back, and why.
  std::vector<std::string> unseen;

  // Changes that a person would miss: all but build artifacts, which the next command makes again.
  [[nodiscard]] std::size_t worth_mentioning() const;
};

class Remembrance {
 public:
  // Prepares the run and completes `workspace` with the project and what belongs to it outside.
  // Where `layers` have no overlay the project is written in place, and nothing outside is written.
  // `store` has to outlive this object.
  Result<void> begin(const Store& store, const std::string& run_id, const Judgement& judgement,
                     const std::vector<sandbox::LayerReport>& layers, bool dry_run,
                     sandbox::Workspace& workspace);

  // The command's writes reach the project while it runs and stay unless they are undone (live
  // mode).
  [[nodiscard]] bool writes_through() const { return live_; }
  [[nodiscard]] const std::vector<std::string>& notes() const { return notes_; }

  // The command succeeded: commits what its task may write. `dry_run` only looks; with `strict`
  // anything that may not be committed keeps everything from being committed.
  Result<RunResult> finish(bool dry_run, bool strict);
  // The command failed: the project is as before (a live run keeps what it wrote; `rollback` undoes
  // it). With `keep_build` what it compiled stays, unless what it was compiled from does not.
  Result<RunResult> abandon(bool keep_build);

  [[nodiscard]] const RunResult& result() const { return result_; }

 private:
  Result<void> begin_overlay(const Store& store, const std::string& run_id,
                             const Judgement& judgement, sandbox::Workspace& workspace);
  Result<void> begin_in_place(const Store& store, const std::string& run_id,
                              const Judgement& judgement, bool view, sandbox::Workspace& workspace);

  Result<void> show_overlays(sandbox::Workspace& workspace);
  void show_in_place(bool view, sandbox::Workspace& workspace);
  void show_read_only(const OutsideDirectory& directory, sandbox::Workspace& workspace);
  void note_quarantine();

  void take(ChangeSet changes);
  void note_unseen();
  void hold_back_build();
  Result<void> commit(const ChangeSet& set);
  Result<RunResult> discarded();
  Result<RunResult> keep_build_of(ChangeSet changes);

  const Store* store_ = nullptr;
  WritePolicy policy_;
  Outside outside_;
  std::string run_path_;
  bool live_ = false;
  bool stays_ = false;  // what it wrote, whatever its end
  std::vector<std::string> notes_;
  std::optional<Transaction> transaction_;
  std::optional<Preimage> preimage_;
  RunResult result_;
};

}  // namespace mixguard::guard
