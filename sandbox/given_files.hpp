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

// What the command can change of them for its caller, and what is put back when the run is over:
// the status flags, which belong to the open file and so to everybody who has it (fcntl(2),
// F_SETFL: a log without O_APPEND is overwritten, a terminal with O_NONBLOCK fails its next
// reader), and the permissions of a file, which its owner may change through the descriptor:
// neither Landlock nor a mount has a say in that (fs/attr.c asks for the owner alone).
class KeptDescriptors {
 public:
  KeptDescriptors();
  ~KeptDescriptors();
  KeptDescriptors(const KeptDescriptors&) = delete;
  KeptDescriptors& operator=(const KeptDescriptors&) = delete;

 private:
  struct Permissions {
    mode_t mode = 0;
    std::optional<std::string> acl;  // as the kernel keeps it (acl(5))
    bool operator==(const Permissions&) const = default;
  };
  struct State {
    int flags = -1;
    std::optional<Permissions> permissions;  // of a regular file
  };
  static State state_of(int fd);
  static std::optional<Permissions> permissions_of(int fd);
  std::array<State, 3> kept_;
};

}  // namespace mixguard::sandbox
