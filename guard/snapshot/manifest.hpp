// SPDX-License-Identifier: Apache-2.0
#pragma once

// What lay below some paths of the project at one moment, without contents: one entry a path, in
// one file of the run that checks itself.

#include <map>
#include <string>

#include "guard/snapshot/tree.hpp"
#include "policy/result.hpp"

namespace mixguard::guard {

struct ManifestEntry {
  tree::Node node;
  std::string target;    // a symlink's
  bool skipped = false;  // not a file, directory or symlink: there is no copy of it
};

using Manifest = std::map<std::string, ManifestEntry, tree::PathOrder>;

Result<void> save_manifest(int run_dir, const Manifest& manifest);
Result<Manifest> load_manifest(int run_dir);

}  // namespace mixguard::guard
