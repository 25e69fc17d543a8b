// SPDX-License-Identifier: Apache-2.0
#pragma once

// Reads everything that the store keeps and reports every damage: packs byte by byte, the records
// of snapshots and runs, the log's chain, and whether what they refer to is there.

#include <cstdint>
#include <vector>

#include "guard/snapshot/objects.hpp"
#include "guard/snapshot/store.hpp"
#include "policy/result.hpp"

namespace mixguard::guard {

struct StoreCheck {
  std::uint64_t objects = 0;
  std::uint64_t bytes = 0;  // of the packs
  std::uint64_t snapshots = 0;
  std::uint64_t runs = 0;
  std::vector<ObjectDamage> damage;
  bool lost_objects = false;  // some of the damage is in packs/
};

// Changes nothing. The store must be locked.
Result<StoreCheck> check_store(const Store& store, const Objects& objects);

}  // namespace mixguard::guard
