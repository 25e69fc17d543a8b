// SPDX-License-Identifier: Apache-2.0
#pragma once

// A snapshot: all of the project, and of directories outside that belong to it, at one moment. Its
// record is one file that checks itself, snapshots/ID in the store; what it refers to is in packs/.

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
  // Of directories outside of the project, by their absolute real paths.
  std::vector<std::pair<std::string, Entry>> outside;
  std::uint64_t files = 0;
  std::uint64_t directories = 0;
  std::uint64_t bytes = 0;
  std::vector<std::pair<std::string, Uncovered>> uncovered;  // outside: absolute paths
};

// What lies there now, without a record of it: id, time and label are empty. `outside`: absolute
// real paths of directories. The store must be locked. `on_step` as in capture().
Result<Snapshot> look_at_all(const Store& store, Objects& objects,
                             const std::vector<std::string>& outside, const OnStep& on_step = {});
// The same with a record, which is durable when it returns.
Result<Snapshot> create_snapshot(const Store& store, Objects& objects, const std::string& label,
                                 const std::vector<std::string>& outside,
                                 const OnStep& on_step = {});

// Ids, oldest first.
Result<std::vector<std::string>> snapshot_ids(const Store& store);
[[nodiscard]] bool is_snapshot(const Store& store, const std::string& id);
// "last" is the newest. ENOENT: no such snapshot; EBADMSG: its record is damaged.
Result<Snapshot> load_snapshot(const Store& store, const std::string& id);
Result<void> remove_snapshot(const Store& store, const std::string& id);

}  // namespace mixguard::guard
