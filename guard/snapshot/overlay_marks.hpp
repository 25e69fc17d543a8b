// SPDX-License-Identifier: Apache-2.0
#pragma once

// The marks that overlayfs leaves in an upper directory when mounted with `userxattr`, read and
// removed from outside of the mount.

#include <string>

#include "guard/snapshot/tree.hpp"
#include "policy/result.hpp"

namespace mixguard::guard {

// Stands for the deletion of what the lower directory has: a character device 0/0, or an empty
// file with the attribute user.overlay.whiteout.
[[nodiscard]] bool is_whiteout(int dir, const std::string& name, const tree::Node& node);
// Nothing of the lower directory shows through this one.
[[nodiscard]] bool is_opaque(int dir, const std::string& name);
// The object was copied up from the lower directory, so that something lay there.
[[nodiscard]] bool was_copied_up(int dir, const std::string& name);

// Removes every user.overlay.* attribute of a file or directory: left on, the next overlay over
// the project would believe them. With `sync` the data and attributes are on disk afterwards. The
// mode is changed for the moment when it would not let us.
Result<void> clean_object(int dir, const std::string& name, const tree::Node& node, bool sync);

}  // namespace mixguard::guard
