// SPDX-License-Identifier: Apache-2.0
#pragma once

// The extended attributes that belong to an object itself: a person's own (user.*) and its access
// lists (ACLs). Not those of overlayfs, nor the system's labels and capabilities.

#include <map>
#include <string>

#include "policy/result.hpp"

namespace mixguard::guard {

using ExtendedAttributes = std::map<std::string, std::string>;

// Of the object at `name`, not followed; none where the file system has none. A file that its
// owner cannot read has only those that can be read nevertheless.
Result<ExtendedAttributes> extended_attributes(int dir, const std::string& name);

// Gives them to the open object, which has none yet. What the file system refuses to store
// (ENOTSUP, or an access list for a user that this namespace does not know) is left out.
Result<void> set_extended_attributes(int fd, const ExtendedAttributes& attributes,
                                     const std::string& name);

}  // namespace mixguard::guard
