// SPDX-License-Identifier: Apache-2.0
#pragma once

// The second way of remembering, for commands that write straight to the project: servers and
// consoles, and hosts where no overlay can be mounted. What lies at some roots is captured before
// the command starts (guard/snapshot/capture.hpp: what was captured before is not read again);
// afterwards either that comes back, or what the command changed of it is made again in the store
// and stays there as the undo set of a run that can be rolled back like any other.
//
// What others change below the roots meanwhile counts as the run's own change, unless they are runs
// with an undo set of their own.

#include <string>
#include <utility>
#include <vector>

#include "guard/snapshot/change.hpp"
#include "guard/snapshot/journal.hpp"
#include "guard/snapshot/manifest.hpp"
#include "guard/snapshot/run.hpp"
#include "guard/snapshot/store.hpp"
#include "policy/result.hpp"

namespace mixguard::guard {

// What becomes of what a run wrote when its owner dies: a task's is half done, a server's is its
// work.
enum class WhenKilled { kPutBack, kKept };

class Preimage {
 public:
  // Captures the project-relative `roots` (files or directories; "" is the whole project, the store
  // left out). A root that does not exist is remembered as absent. All of it is on disk when this
  // returns: the command may start. The store must be locked meanwhile, and again for changes(),
  // keep() and restore(), but not in between: recover() leaves a run alone while its Preimage
  // exists, and ends it when its process has died.
  static Result<Preimage> capture(const Store& store, const std::string& run_id,
                                  const std::vector<std::string>& roots,
                                  WhenKilled when_killed = WhenKilled::kPutBack);

  // What below the roots could not be captured, and why: it is never restored.
  using Skipped = std::vector<std::pair<std::string, Uncovered>>;
  [[nodiscard]] const Skipped& skipped() const { return skipped_; }

  // What was captured and, since keep() or restore(), neither comes back nor can be brought back:
  // it could not be looked at after the run, or its copy has been damaged. What the command only
  // closed to its owner is opened again and no part of this.
  [[nodiscard]] const Skipped& unseen() const { return unseen_; }

  // What is different now. A new or deleted directory is one change.
  Result<ChangeSet> changes(const Store& store) const;

  // The command succeeded: what it changed stays as the undo set. A run without any change is
  // discarded.
  Result<ChangeSet> keep(const Store& store);

  // The command failed: the roots become what they were. Crash-safe like a commit. What lay there
  // is kept in the store, for a rollback of this run would bring it back. Returns what had changed.
  Result<ChangeSet> restore(const Store& store);

  // What restore() had to leave as it is, and why: the path changed at the last moment, or may not
  // be written.
  struct Withheld {
    std::string path;
    std::string why;
  };
  [[nodiscard]] const std::vector<Withheld>& withheld() const { return withheld_; }

 private:
  Result<void> take(const Store& store, const std::vector<std::string>& roots);

  Run run_;
  Journal journal_;
  Manifest before_;
  Skipped skipped_;
  Skipped unseen_;
  std::vector<Withheld> withheld_;
};

// Preimage::restore() for a run whose owner has died, or keep(), by Journal::keeps; Journal::left
// says what is unseen().
Result<void> end_preimage(const Store& store, Run& run, Journal& journal);

}  // namespace mixguard::guard
