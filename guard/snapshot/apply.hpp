// SPDX-License-Identifier: Apache-2.0
#pragma once

// Carries out a journal's operations. Each is one rename, so each has happened or has not; which of
// the two is read off the identities, never remembered.

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "guard/snapshot/durability.hpp"
#include "guard/snapshot/journal.hpp"
#include "guard/snapshot/step.hpp"
#include "policy/result.hpp"

namespace mixguard::guard {

// The trees between which objects change places, the project with the extra roots on one side and
// the store's runs/ on the other, and the run's directory, where what a transaction had to withhold
// is kept.
struct Field {
  const LiveTrees& live;
  int runs = -1;
  int run = -1;
};

// The roots that the operations are in (Op::root).
[[nodiscard]] std::set<std::string> roots_of(const std::vector<Op>& ops);

// What Journal::closed has to hold before the operations are carried out.
Result<std::vector<ClosedDirectory>> closed_parents(const LiveTrees& live,
                                                    const std::vector<Op>& ops);

// Sets Op::withheld where an operation could not be carried out. Fails only for what concerns the
// whole file system.
Result<void> apply(const Field& field, Journal& journal, bool recovering,
                   const OnStep& on_step = {});

// Makes every directory that the operations touched durable.
Result<void> sync_applied(const Field& field, const Journal& journal);

// Makes the parent directories in the root's area durable, so that every object is found after a
// crash.
Result<void> sync_area(int area, const std::string& root, const std::vector<Op>& ops,
                       Durability& durability);

// Makes durable what the operations take out of the root at `live`: it is all that a rollback will
// have, and somebody may have saved it just now. What has not changed since `since` is on disk
// already.
Result<void> sync_displaced(int live, const std::string& root, const std::vector<Op>& ops,
                            std::int64_t since, Durability& durability);

// Makes the object at the path durable, with everything below it, as far as it changed since
// `since`. Nothing there is no error.
Result<void> sync_tree(int root, const std::string& path, std::int64_t since,
                       Durability& durability);

// Moves everything that is no operation's other side out of the root's `area`: copies that were no
// change, whiteouts of what was not deleted, pre-images of what stayed the same.
Result<void> prune(int area, const std::string& root, const std::vector<Op>& ops, int trash);

// Moves the object out of the root's `area` to the same path below runs/ID/quarantine, or of
// another root than the project to runs/ID/outside/ROOT. Nothing there is no error. The directory
// it comes from keeps its time.
Result<void> set_aside(int area, int run_dir, const std::string& root, const std::string& path);

}  // namespace mixguard::guard
