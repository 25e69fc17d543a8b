// SPDX-License-Identifier: Apache-2.0
#pragma once

// What is forgotten without being asked for: once a day, after a command, what the policy's
// [retention] lets go, or without one what is older than 90 days. The newest 20 snapshots and runs
// are never too old: a clock that was wrong for once must not take everything.

#include "guard/snapshot/retention.hpp"
#include "guard/snapshot/store.hpp"
#include "policy/engine.hpp"

namespace mixguard::guard {

// For each bound the strictest of all layers.
[[nodiscard]] policy::RetentionPlan retention_of(const policy::Policy& rules);

// Prunes when a day has passed since the last time; otherwise costs a stat(2). The store must be
// locked.
Result<Pruned> keep_house(const Store& store, const policy::Policy& rules);

}  // namespace mixguard::guard
