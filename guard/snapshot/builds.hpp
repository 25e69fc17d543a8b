// SPDX-License-Identifier: Apache-2.0
#pragma once

// What was compiled of the project, wherever that is, as far as it is known: in _build, and where
// the caller's MIX_BUILD_PATH and MIX_BUILD_ROOT had led kept runs (Journal::build). Elixir takes
// compiled code for current by whole seconds and sizes (lib/mix/lib/mix/compilers/elixir.ex). So a
// source that comes back without what was compiled from it has to be newer than that, or the code
// of the version that it replaces goes on running.

#include <cstdint>
#include <set>
#include <string>

#include "guard/snapshot/journal.hpp"
#include "guard/snapshot/store.hpp"
#include "policy/result.hpp"

namespace mixguard::guard {

// Where the newest runs had their builds, and the caller has his (MIX_BUILD_PATH, MIX_BUILD_ROOT),
// when that is not the project's _build: relative to the project, or absolute.
Result<std::set<std::string>> moved_builds(const Store& store);

// Gives what comes back and Mix compiles, in the project and in path dependencies, a time later
// than everything compiled (Op::touch, Journal::touch_time): with `always`, or where code that was
// compiled after `moment` stays, because no operation replaces it. `moment` is tree::moment(), or
// nanoseconds since 1970. The journal holds all operations.
Result<void> renew_sources(const Store& store, std::int64_t moment, bool always, Journal& journal);

// Returns when the time that sources were given has come, at most a second later: Mix sets a time
// that is still to come back to now, and warns.
void wait_for_sources(const Journal& journal);

}  // namespace mixguard::guard
