// SPDX-License-Identifier: Apache-2.0
#pragma once

// What differs between two captured trees. What they have in common is not read.

#include <functional>
#include <optional>
#include <string>

#include "guard/snapshot/change.hpp"
#include "guard/snapshot/entry.hpp"
#include "guard/snapshot/objects.hpp"
#include "policy/result.hpp"

namespace mixguard::guard {

// One path at which the trees differ. Directories on both sides: only their attributes differ, and
// what differs in them follows. A directory on one side only is one difference, with all that is in
// it.
struct Difference {
  std::string path;
  std::optional<Entry> before;
  std::optional<Entry> after;
  [[nodiscard]] bool attributes_only() const {
    return before && after && before->is_dir() && after->is_dir();
  }
  // A directory's time moves with every file that comes and goes in it; that alone is no change.
  [[nodiscard]] bool is_change() const {
    return !attributes_only() || before->mode != after->mode || before->xattrs != after->xattrs;
  }
};
[[nodiscard]] Change change_of(const Difference& difference);

// Told of each directory whose listing is damaged: it is passed over with all that is in it.
// Without one that is an Error, which names the path.
using OnDamage = std::function<void(const std::string& path)>;

// Calls `visit` for each difference, a directory before what is in it, in the order of paths.
// `path` is where the two entries lie.
Result<void> compare(const Objects& objects, const std::string& path,
                     const std::optional<Entry>& before, const std::optional<Entry>& after,
                     const std::function<Result<void>(const Difference&)>& visit,
                     const OnDamage& on_damage = {});

// Calls `visit` for the entry and everything below it, a directory before its content.
Result<void> each_entry(const Objects& objects, const std::string& path, const Entry& entry,
                        const std::function<Result<void>(const std::string&, const Entry&)>& visit,
                        const OnDamage& on_damage = {});

}  // namespace mixguard::guard
