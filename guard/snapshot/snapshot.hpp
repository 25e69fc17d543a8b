// SPDX-License-Identifier: Apache-2.0
#pragma once

// A snapshot: all of the project at one moment, by hand or by another verb. Its record is one file
// that checks itself, snapshots/ID in the store; what it refers to is in packs/.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "guard/snapshot/capture.hpp"
#include "guard/snapshot/objects.hpp"
#include "guard/snapshot/store.hpp"
#include "policy/result.hpp"

namespace mixguard::guard {

struct Snapshot {
  std::string id;         // as those of runs, and never one of theirs
  std::int64_t time = 0;  // microseconds since 1970
  std::string label;      // what a person called it
  Entry top;              // the project
  std::uint64_t files = 0;
  std::uint64_t directories = 0;
  std::uint64_t bytes = 0;
  std::vector<std::pair<std::string, Uncovered>> uncovered;
};

// Captures the project. Durable when it returns. The store must be locked.
Result<Snapshot> create_snapshot(const Store& store, Objects& objects, const std::string& label);

// Ids, oldest first.
Result<std::vector<std::string>> snapshot_ids(const Store& store);
[[nodiscard]] bool is_snapshot(const Store& store, const std::string& id);
// "last" is the newest. ENOENT: no such snapshot; EBADMSG: its record is damaged.
Result<Snapshot> load_snapshot(const Store& store, const std::string& id);
Result<void> remove_snapshot(const Store& store, const std::string& id);

}  // namespace mixguard::guard
