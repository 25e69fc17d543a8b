// SPDX-License-Identifier: Apache-2.0
#include "guard/snapshot/change.hpp"

#include <algorithm>

#include "guard/snapshot/tree.hpp"

namespace mixguard::guard {

std::string_view to_string(ChangeKind kind) {
  switch (kind) {
    case ChangeKind::kCreated:
      return "created";
    case ChangeKind::kModified:
      return "modified";
    case ChangeKind::kDeleted:
      return "deleted";
    case ChangeKind::kMode:
      return "mode";
  }
  return "modified";
}

bool ChangeSet::has(Disposition disposition) const {
  return std::any_of(changes.begin(), changes.end(),
                     [&](const Change& change) { return change.disposition == disposition; });
}

void ChangeSet::sort() {
  std::sort(changes.begin(), changes.end(),
            [](const Change& a, const Change& b) { return tree::path_less(a.path, b.path); });
}

}  // namespace mixguard::guard
