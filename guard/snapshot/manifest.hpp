// SPDX-License-Identifier: Apache-2.0
#pragma once

// What lay at some paths of the project at one moment, contents by their ids, in one file that
// checks itself.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "guard/snapshot/entry.hpp"
#include "policy/result.hpp"

namespace mixguard::guard {

// Project-relative paths, none below another, and what lay there; nothing: nothing did.
using Manifest = std::vector<std::pair<std::string, std::optional<Entry>>>;

// In the run's directory; durable.
Result<void> save_manifest(int run_dir, const Manifest& manifest);
// EBADMSG: it is damaged.
Result<Manifest> load_manifest(int run_dir);

}  // namespace mixguard::guard
