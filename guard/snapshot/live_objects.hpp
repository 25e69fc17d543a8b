// SPDX-License-Identifier: Apache-2.0
#pragma once

// The objects that something recorded needs.

#include <functional>
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

  // Adds all that a tree consists of, and tells what was not there before.
  using IsNew = std::function<void(const ObjectId&)>;
  Result<void> add(const Objects& objects, const Entry& top, const IsNew& is_new = {});
  Result<void> add(const Objects& objects, const Snapshot& snapshot, const IsNew& is_new = {});

  [[nodiscard]] bool contains(const ObjectId& id) const { return ids_.contains(id); }

 private:
  using Ids = std::unordered_set<ObjectId, ObjectIdHash>;
  Ids ids_;
  Ids listings_;  // of directories that were looked into
};

}  // namespace mixguard::guard
