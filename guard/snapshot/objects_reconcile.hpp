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

// Reads nothing but sizes where index and packs agree. Else what lies behind the indexed part of a
// pack is scanned, and what reaches to the end of the last pack and is no sound record is cut off.
// Flaws that sound records follow are left as they are. Adds a note for everything it did. Returns
// the sizes of the packs when all is done.
Result<std::map<PackNumber, std::uint64_t>> reconcile(PackDirectory& packs, ObjectIndex& index,
                                                      std::vector<std::string>& notes);

}  // namespace mixguard::guard
