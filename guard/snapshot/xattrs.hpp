// SPDX-License-Identifier: Apache-2.0
#pragma once

// Extended attributes and access control lists of files and directories: user.*,
// system.posix_acl_access, system.posix_acl_default and security.capability (xattr(7), acl(5)).
// Others belong to the system.

#include <string>
#include <string_view>

#include "policy/result.hpp"

namespace mixguard::guard {

// Of an open file or directory, in order of names, as bytes that write_xattrs() takes; empty when
// there are none or the file system has none. `object` is for the message.
Result<std::string> read_xattrs(int fd, std::string_view object);

// Of the directory at the path below `root`. EACCES: it is closed to the caller.
Result<std::string> xattrs_of_directory(int root, const std::string& path);

// Gives them to a file or directory in place of those it has: a new one may have inherited an
// access list from the directory it was made in (acl(5)). Where the caller may not
// (security.capability needs CAP_SETFCAP) or the file system cannot, the attribute is left out.
Result<void> write_xattrs(int fd, std::string_view bytes, std::string_view object);

// Whether `present` is one of the two, or what a write_xattrs() that was killed made of them.
[[nodiscard]] bool is_between(std::string_view present, std::string_view before,
                              std::string_view after);

}  // namespace mixguard::guard
