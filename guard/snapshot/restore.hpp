// SPDX-License-Identifier: Apache-2.0
#pragma once

// Putting the project, or parts of it, back to what a snapshot holds: a run of its own, which can
// be rolled back like any other. What lies in the way goes to that run's area, by whomever it was
// written.

#include <string>

#include "guard/snapshot/objects.hpp"
#include "guard/snapshot/rollback.hpp"
#include "guard/snapshot/snapshot.hpp"
#include "guard/snapshot/store.hpp"
#include "policy/result.hpp"

namespace mixguard::guard {

// The store must be locked. Of the options, the choice of runs and of dependencies do not count.
// Every content is checked before anything changes; a crash at any instant leaves the project as it
// was, or is finished by recover(). `skipped` of the report: of what there is no copy, or what
// changed at the last moment.
Result<RollbackReport> restore(const Store& store, Objects& objects, const Snapshot& snapshot,
                               const RollbackOptions& options);

}  // namespace mixguard::guard
