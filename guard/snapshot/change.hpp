// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a run did to the project and to other directories that it may write, path by path, and what
// becomes of each.

#include <string>
#include <string_view>
#include <vector>

namespace mixguard::guard {

enum class ChangeKind { kCreated, kModified, kDeleted, kMode };
[[nodiscard]] std::string_view to_string(ChangeKind kind);  // "created", …

enum class Disposition {
  kCommit,      // the task may write it
  kQuarantine,  // it may not: kept in the run's quarantine, the project unchanged
  kConflict,    // the project's own copy changed while the command ran: theirs stays, ours is kept
                // aside
  kDiscard,     // the command failed, and only what it compiled stays
};

struct Change {
  // Project-relative, no leading "./"; absolute where it is not in the project. Any bytes.
  std::string path;
  ChangeKind kind = ChangeKind::kModified;
  Disposition disposition = Disposition::kCommit;
  bool directory = false;
  std::string why;  // for quarantine and conflict: one clause ("not among what `test` may write")
};

struct ChangeSet {
  std::vector<Change> changes;  // in path order
  [[nodiscard]] bool has(Disposition disposition) const;
  void sort();
};

}  // namespace mixguard::guard
