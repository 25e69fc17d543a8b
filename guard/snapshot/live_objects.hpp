// SPDX-License-Identifier: Apache-2.0
#pragma once

// The objects that something recorded needs.

#include <cstdint>
#include <cstring>
#include <unordered_set>

#include "guard/snapshot/entry.hpp"
#include "guard/snapshot/objects.hpp"
#include "guard/snapshot/snapshot.hpp"
#include "guard/snapshot/store.hpp"
#include "policy/result.hpp"

namespace mixguard::guard {

class LiveObjects {
 public:
  // Of all snapshots, and of what runs that have not ended captured. Fails where a record or a
  // directory's listing cannot be read: then nobody knows what it needs.
  static Result<LiveObjects> of_everything(const Store& store, const Objects& objects);

  // Adds all that a tree consists of. Returns the bytes that objects which were not there before
  // take in the packs.
  Result<std::uint64_t> add(const Objects& objects, const Entry& top);
  Result<std::uint64_t> add(const Objects& objects, const Snapshot& snapshot);

  [[nodiscard]] bool contains(const ObjectId& id) const { return ids_.contains(id); }

 private:
  struct Hash {
    std::size_t operator()(const ObjectId& id) const {
      std::size_t value = 0;  // an id is as good as random
      std::memcpy(&value, id.bytes.data(), sizeof value);
      return value;
    }
  };
  std::unordered_set<ObjectId, Hash> ids_;
};

}  // namespace mixguard::guard
