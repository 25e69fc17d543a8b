// SPDX-License-Identifier: Apache-2.0
#pragma once

// A mix.lock that runs changed, in the three versions that the undoing of one line is judged by.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "guard/snapshot/journal.hpp"
#include "guard/snapshot/mix_lock.hpp"
#include "guard/snapshot/store.hpp"
#include "guard/snapshot/tree.hpp"
#include "policy/result.hpp"

namespace mixguard::guard {

struct LockVersions {
  std::optional<tree::Node> node;  // in the project; nothing: it is not there
  tree::Node model;                // whose mode and owner a new one gets
  MixLock now;
  std::optional<LockLines> after;  // as the newest run left it; nothing when that is not known
  MixLock before;                  // as the oldest run found it
  bool is_untouched = false;       // the project's is the object that a single run left
  std::string trouble;             // why it cannot be read line by line; empty when it can

  // Whether the runs changed the dependency's line.
  [[nodiscard]] bool changes(const std::string& name) const;
  // Whether somebody changed that line since.
  [[nodiscard]] bool is_edited(const std::string& name) const;
};

// The lines of what one of the run's operations on mix.lock brings, which lies at that path below
// `root`. Nothing when it cannot be read line by line.
std::optional<LockLines> read_lock_lines(int root, const std::string& path);

// Of each mix.lock that the runs (newest first) changed, by its path. Where somebody edited it
// between two of them, what is older does not count.
Result<std::map<std::string, LockVersions>> read_lock_versions(
    const Store& store, const std::vector<const Journal*>& runs);

}  // namespace mixguard::guard
