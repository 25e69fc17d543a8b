// SPDX-License-Identifier: Apache-2.0
#pragma once

// Every mixguard command that is about to change something first finishes what a crash left half
// done.

#include "guard/output/console.hpp"
#include "guard/project.hpp"
#include "guard/snapshot/rollback.hpp"
#include "guard/snapshot/store.hpp"

namespace mixguard::guard {

// The store of `project`, made when it is absent. Commands outside of any project are recorded
// under the user's state directory.
Result<Store> open_store_of(const Project& project);

// Recovers `store` (locked by the caller), writes a record for each run and tells the person.
Result<std::vector<Recovery>> recover_and_say(const Store& store, const Console& console);

}  // namespace mixguard::guard
