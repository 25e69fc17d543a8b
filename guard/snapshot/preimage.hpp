// SPDX-License-Identifier: Apache-2.0
#pragma once

// The second way of remembering, for commands that write straight to the project: servers and
// consoles, and hosts where no overlay can be mounted. The present content of some roots is copied
// before the command starts; afterwards either that copy comes back, or it stays as the undo set of
// a run that can be rolled back like any other.
//
// Not kept: hard links between files (each comes back as a file of its own), extended attributes,
// holes, and what is no file, directory or symlink. What others change below the roots meanwhile
// counts as the run's own change.

#include <string>
#include <vector>

#include "guard/snapshot/change.hpp"
#include "guard/snapshot/journal.hpp"
#include "guard/snapshot/run.hpp"
#include "guard/snapshot/store.hpp"
#include "policy/result.hpp"

namespace mixguard::guard {

class Preimage {
 public:
  // Copies the project-relative `roots` (files or directories; "" is the whole project, the store
  // left out) to runs/ID/before. A root that does not exist is remembered as absent. All of it is
  // on disk when this returns: the command may start. The store must be locked meanwhile, and again
  // for keep() and restore(), but not in between: recover() leaves a run alone while its Preimage
  // exists, and restores it when its process has died.
  static Result<Preimage> capture(const Store& store, const std::string& run_id,
                                  const std::vector<std::string>& roots);

  // Sockets, fifos and devices below the roots: neither copied nor ever restored.
  [[nodiscard]] const std::vector<std::string>& skipped() const { return skipped_; }

  // What is different from the copy now. A new or deleted directory is one change.
  Result<ChangeSet> changes() const;

  // The command succeeded: the copy stays as the undo set. A run without any change is discarded.
  Result<void> keep();

  // The command failed: the roots become what they were. Crash-safe like a commit. What lay there
  // is kept in the store, for a rollback of this run would bring it back.
  Result<void> restore();

  // What restore() had to leave as it is, and why: the path changed at the last moment, or may not
  // be written.
  struct Withheld {
    std::string path;
    std::string why;
  };
  [[nodiscard]] const std::vector<Withheld>& withheld() const { return withheld_; }

 private:
  Run run_;
  Journal journal_;
  std::vector<std::string> skipped_;
  std::vector<Withheld> withheld_;
};

// Preimage::restore() for a run whose owner has died.
Result<void> restore_preimage(Run& run, Journal& journal);

}  // namespace mixguard::guard
