// SPDX-License-Identifier: Apache-2.0
#pragma once

// What runs made and the policy did not let into the project, and how a person lets it in after
// all. An accepted path is a run of its own over the quarantine: the object moves from there into
// the project by one rename, what lay in the project moves there, and a rollback swaps them back.
//
// Never accepted, not even by force, is what no project may hold: set-user-id and set-group-id
// files, what is not a file, directory or symlink, symlinks that lead out of the project, and
// anything in place of the store.

#include <cstdint>
#include <string>
#include <vector>

#include "guard/snapshot/change.hpp"
#include "guard/snapshot/store.hpp"
#include "policy/result.hpp"

namespace mixguard::guard {

struct Quarantined {
  std::string path;
  enum class Kind { kFile, kDirectory, kSymlink, kDeletion, kOther } kind = Kind::kFile;
  std::int64_t size = 0;  // of a file
  bool conflict = false;  // held back because the project's own copy changed, not by the policy
  std::string why;
};
[[nodiscard]] std::string_view to_string(Quarantined::Kind kind);  // "file", "deletion", …

// What is in the quarantine of the run, in path order; what was accepted is not. Fails when there
// is no such run.
Result<std::vector<Quarantined>> quarantined(const Store& store, const std::string& run_id);

// The newest run with something in its quarantine. ENOENT: there is none.
Result<std::string> newest_quarantine(const Store& store);

struct NotAccepted {
  std::string path;
  std::string why;
};

struct AcceptReport {
  std::string run_id;  // the run that the acceptance is; empty when nothing was accepted
  ChangeSet accepted;
  std::vector<NotAccepted> left;  // edited since, or never accepted; as it was
};

// Commits these paths of the quarantine, directories with all that is in them. What changed in the
// project since the command saw it is kept and reported, unless `force`. The store must be locked.
// Fails without having changed anything when a path is not in the quarantine.
Result<AcceptReport> accept(const Store& store, const std::string& run_id,
                            const std::vector<std::string>& paths, bool force);

}  // namespace mixguard::guard
