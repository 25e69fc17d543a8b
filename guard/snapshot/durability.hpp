// SPDX-License-Identifier: Apache-2.0
#pragma once

// How many objects become durable: each by its own fsync(2), or all by one syncfs(2).

#include <cstddef>

#include "policy/result.hpp"

namespace mixguard::guard {

// An fsync(2) costs a flush of the device, a syncfs(2) costs one as well and the writing of what
// others left dirty. So one syncfs(2) for everything is right while little is dirty in memory, and
// again beyond some hundreds of objects.
class Durability {
 public:
  Durability();

  // True: the caller syncs this object itself. Counts.
  [[nodiscard]] bool sync_each();
  // Something that has to be durable cannot be opened for a sync of its own.
  void sync_whole();
  // Syncs the file system of `fd` if any object was left to it. True when it did.
  Result<bool> finish(int fd) const;

 private:
  bool whole_;
  std::size_t count_ = 0;
};

}  // namespace mixguard::guard
