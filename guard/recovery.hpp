// SPDX-License-Identifier: Apache-2.0
#pragma once

// Every mixguard command that is about to change something first finishes what a crash left half
// done.

#include <vector>

#include "guard/output/console.hpp"
#include "guard/project.hpp"
#include "guard/snapshot/recover.hpp"
#include "guard/snapshot/store.hpp"

namespace mixguard::guard {

// The store of `project`, made when it is absent. Commands outside of any project are recorded
// under the user's state directory.
Result<Store> open_store_of(const Project& project);

struct HeldStore {
  sandbox::UniqueFd lock;
  std::vector<Recovery> recovered;
};

// What a run that cannot be finished is to a verb: the end, or, for those that find damage and
// forget what is damaged, only worth a warning.
enum class Unfinished { kStops, kIsSaid };

// Takes the lock of `store`, saying so when somebody else has it; then recovers the store, writes a
// record for each run that was half done and tells the person.
Result<HeldStore> hold_and_recover(const Store& store, const Console& console,
                                   Unfinished unfinished = Unfinished::kStops);

}  // namespace mixguard::guard
