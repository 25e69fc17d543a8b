// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a caller redirects standard input, output and error from and to goes to the command as it
// is: its own descriptors of the host's files.

#include <sys/types.h>

#include <array>
#include <optional>
#include <string>

#include "policy/result.hpp"

namespace mixguard::sandbox {

// A directory among them would be a way out of the command's view: chmod(2) and stat(2) through
// /proc/self/fd/0/.. ask no other layer. Fails, naming the descriptor.
Result<void> refuse_given_directories();

// Permissions of the files among them. Their owner may change them through the descriptor, which
// neither Landlock nor a mount has a say in (inode_change_ok() in fs/attr.c asks for the owner
// alone); they get back what they had when the run is over.
class KeptPermissions {
 public:
  KeptPermissions();
  ~KeptPermissions();
  KeptPermissions(const KeptPermissions&) = delete;
  KeptPermissions& operator=(const KeptPermissions&) = delete;

 private:
  struct Permissions {
    mode_t mode = 0;
    std::optional<std::string> acl;  // as the kernel keeps it (acl(5))
    bool operator==(const Permissions&) const = default;
  };
  static std::optional<Permissions> of(int fd);  // of a regular file
  std::array<std::optional<Permissions>, 3> kept_;
};

}  // namespace mixguard::sandbox
