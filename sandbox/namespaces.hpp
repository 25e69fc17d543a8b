// SPDX-License-Identifier: Apache-2.0
#pragma once

// Namespaces of a run, and who is who inside: every id that the caller has stays the same number,
// so that `id -u`, file owners and permissions look as they do outside.

#include <cstdint>

#include "policy/result.hpp"

namespace mixguard::sandbox {

// User, mount, pid, ipc, uts and network: the clone3(2) flags of the full sandbox.
[[nodiscard]] std::uint64_t namespace_flags();

// Writes the id maps of the child `pid` (not yet reaped, so the number is its own). Root maps every
// id it has; anybody else maps just the own uid and gid, with setgroups(2) denied
// (user_namespaces(7)).
Result<void> write_id_maps(int pid);

}  // namespace mixguard::sandbox
