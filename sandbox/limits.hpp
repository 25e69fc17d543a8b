// SPDX-License-Identifier: Apache-2.0
#pragma once

// Resource limits that the kernel enforces per process or per user. Never RLIMIT_AS: the BEAM
// reserves more than a gigabyte of address space and dies below it; memory is a matter for a
// cgroup.

#include <vector>

#include "policy/confinement.hpp"
#include "sandbox/child.hpp"

namespace mixguard::sandbox {

// The steps for `limits`, each within the hard limit that the caller already has. No core dumps in
// any case: they would hold what the environment holds.
[[nodiscard]] std::vector<RlimitStep> prepare_limits(const policy::Limits& limits);

}  // namespace mixguard::sandbox
