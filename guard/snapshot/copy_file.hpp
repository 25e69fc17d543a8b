// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "guard/snapshot/tree.hpp"
#include "policy/result.hpp"

namespace mixguard::guard {

// Copies a regular file under the same name into another directory, with its mode, time, attributes
// and holes, sharing blocks where the file system can. Fails when the file keeps changing
// meanwhile, and when a file of that name is there already. Returns what was copied, as it was.
// With `sync` the copy is on disk afterwards.
Result<tree::Node> copy_file(int from_dir, const std::string& name, int to_dir, bool sync);

}  // namespace mixguard::guard
