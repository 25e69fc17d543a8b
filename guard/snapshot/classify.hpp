// SPDX-License-Identifier: Apache-2.0
#pragma once

// Lists what an overlay's upper directory changes in the project and judges every entry. Reads
// both trees, changes neither.

#include <cstdint>
#include <string>
#include <vector>

#include "guard/snapshot/change.hpp"
#include "guard/snapshot/write_policy.hpp"
#include "policy/result.hpp"

namespace mixguard::guard {

struct OverlayView {
  int upper = -1;  // not mounted any more, written by nobody
  int project = -1;
  std::string project_root;
  std::int64_t since = 0;           // what changed in the project from then on is a conflict
  std::vector<std::string> hidden;  // whiteouts that the command did not make
};

// A new directory is listed with everything in it, a deleted one as well. A directory that the
// command deleted or replaced is one unit: it is committed as a whole or not at all, because the
// project must never hold half of it. Copies that overlayfs made without a change are left out.
Result<ChangeSet> classify(const OverlayView& view, const WritePolicy& policy);

}  // namespace mixguard::guard
