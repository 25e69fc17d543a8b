// SPDX-License-Identifier: Apache-2.0
#pragma once

// What is forgotten: snapshots and runs that are over, by count, age and size, the oldest first;
// and the objects that nothing needs any more.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "guard/snapshot/objects.hpp"
#include "guard/snapshot/store.hpp"
#include "policy/result.hpp"

namespace mixguard::guard {

struct Retention {
  // These; a run that recovery could not end, too, once its command is no more.
  std::vector<std::string> ids;
  std::optional<std::size_t> count;        // all but the newest so many
  std::optional<std::int64_t> not_before;  // what is older; microseconds since 1970
  std::size_t at_least = 0;                // the newest so many are never too old
  std::optional<std::uint64_t> bytes;  // the oldest, until the store has no more than that on disk
  bool dry_run = false;                // only say what would be forgotten
};

struct Pruned {
  std::vector<std::string> removed;    // ids, oldest first
  std::uint64_t freed = 0;             // bytes of the packs
  std::vector<std::string> kept_back;  // why something that should go had to stay
};

// The store must be locked. A run goes only together with every rollback of it, for those need what
// it keeps. Where a record cannot be read, nobody knows what it needs: then no object is removed,
// and `kept_back` says so. Crash-safe: whatever is still recorded is still there.
Result<Pruned> prune(const Store& store, Objects& objects, const Retention& retention);

}  // namespace mixguard::guard
