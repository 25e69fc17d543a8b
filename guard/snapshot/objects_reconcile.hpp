// SPDX-License-Identifier: Apache-2.0
#pragma once

// Brings the index up to what the packs hold: after a crash or a power cut, when the index is new,
// and when packs were lost.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "guard/snapshot/objects_index.hpp"
#include "guard/snapshot/packs.hpp"

namespace mixguard::guard {

struct Reconciled {
  std::map<PackNumber, std::uint64_t> sizes;  // of the packs, when all is done
  // Found in the packs and not in the index, which could not be written for want of space.
  std::vector<ObjectIndex::Entry> unindexed;
};

// Reads nothing but sizes where index and packs agree. Else what lies behind the indexed part of a
// pack is scanned, and what reaches to the end of the last pack and is no sound record is cut off.
// Flaws that sound records follow are left as they are. Adds a note for everything it did. A full
// disk is no failure: what filled it may be what nobody could commit.
Result<Reconciled> reconcile(PackDirectory& packs, ObjectIndex& index,
                             std::vector<std::string>& notes);

}  // namespace mixguard::guard
