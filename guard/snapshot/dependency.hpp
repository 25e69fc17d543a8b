// SPDX-License-Identifier: Apache-2.0
#pragma once

// Undoing what runs did to single dependencies: the code, its own line of mix.lock, and what was
// compiled from it. A dependency is undone as a whole or left alone, for half of one does not
// compile; the lines of others in mix.lock stay as they are now.
//
// Mix takes compiled code for current by times. So a build is put back only where it is sure to
// belong to the code that comes back; else it is removed, and Mix compiles anew. So are the builds
// of other dependencies that need this one. For the project's own code a newer mark is left, by
// which Mix compares the locks and compiles what needs the dependency.

#include <memory>
#include <string>
#include <vector>

#include "guard/snapshot/journal.hpp"
#include "guard/snapshot/run.hpp"
#include "guard/snapshot/store.hpp"
#include "policy/result.hpp"

namespace mixguard::guard {

struct DependencyChoice {
  std::string name;
  // Of a path dependency: project-relative. Empty for what Mix fetches to deps/NAME.
  std::string directory;
};

// One that is as it was, and why.
struct DependencyLeft {
  std::string name;
  std::string why;
};

class DependencyUndo {
 public:
  struct Request {
    std::vector<DependencyChoice> choices;
    std::vector<const Journal*> runs;  // to undo, newest first
    std::string what;                  // names the runs in errors
    bool force = false;                // edits made since are no reason to leave a dependency alone
    bool build = false;                // all of _build is put back anyway
  };

  // Fails when the runs did not change one of the dependencies, naming those that they did change.
  static Result<DependencyUndo> plan(const Store& store, Request request);
  DependencyUndo(DependencyUndo&&) noexcept;
  ~DependencyUndo();

  // Whether the run changed the dependency's code or its line of mix.lock; what was compiled of it
  // does not count.
  static Result<bool> is_source_of(const Store& store, const Journal& run,
                                   const DependencyChoice& choice);

  // Whether a run's operation at this path is among what is undone.
  [[nodiscard]] bool takes(const std::string& path) const;

  // Makes whole dependencies of what was planned for the paths that takes() names: `ops`, and
  // `skipped`, which is left alone because it was edited. What mix.lock and stale builds make
  // necessary is added; what belongs to a dependency that must be left alone is dropped.
  Result<void> complete(std::vector<Op>& ops, std::vector<std::string>& skipped);

  // Makes the other side of the operations that complete() added, in the rollback's own directory
  // and durably. Before its intent is written.
  Result<void> prepare(const Run& run, std::vector<Op>& ops) const;

  [[nodiscard]] const std::vector<DependencyLeft>& left_alone() const;

 private:
  class Impl;
  explicit DependencyUndo(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace mixguard::guard
