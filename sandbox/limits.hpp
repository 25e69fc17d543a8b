// SPDX-License-Identifier: Apache-2.0
#pragma once

// Resource limits that the kernel enforces per process or per user; a run as a whole is held to its
// limits by a cgroup or by LimitWatch. Never RLIMIT_AS: the BEAM reserves more than a gigabyte of
// address space and dies below it.

#include <vector>

#include "policy/confinement.hpp"
#include "sandbox/child.hpp"

namespace mixguard::sandbox {

// The steps for `limits`, each within the hard limit that the caller already has. No core dumps in
// any case: they would hold what the environment holds. `own_user_namespace`: the kernel counts the
// processes of a user apart in each (Linux 5.14); without one, the limit would count everything
// that the user runs on the machine, and is left to the supervisor. uid 0 is exempt from it.
[[nodiscard]] std::vector<RlimitStep> prepare_limits(const policy::Limits& limits,
                                                     bool own_user_namespace);

}  // namespace mixguard::sandbox
