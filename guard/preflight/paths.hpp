// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "policy/decision.hpp"

namespace mixguard::guard {

// Resolves every path that was given as an argument beneath the root it must not leave (openat2(2),
// RESOLVE_BENEATH: a symlink or `..` that leaves the root fails, whatever it points to). A path
// that leaves turns the decision into a denial, E_PATH. A path that does not exist yet is fine as
// far as it exists.
void check_paths(policy::Decision& decision);

}  // namespace mixguard::guard
