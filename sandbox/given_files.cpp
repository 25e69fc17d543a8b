// SPDX-License-Identifier: Apache-2.0
#include "sandbox/given_files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstddef>

namespace mixguard::sandbox {
namespace {

constexpr const char* kAcl = "system.posix_acl_access";

}  // namespace

Result<void> refuse_given_directories() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    struct stat info{};
    if (::fstat(fd, &info) != 0) continue;
    const int flags = ::fcntl(fd, F_GETFL);
    if (S_ISDIR(info.st_mode) || (flags >= 0 && (flags & O_PATH) != 0)) {
      return fail("descriptor " + std::to_string(fd) +
                  " is a directory; redirect it from a file, a pipe or /dev/null");
    }
  }
  return {};
}

std::optional<KeptDescriptors::Permissions> KeptDescriptors::permissions_of(int fd) {
  struct stat info{};
  if (::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) return std::nullopt;
  Permissions permissions{info.st_mode & 07777U, std::nullopt};
  const ssize_t size = ::fgetxattr(fd, kAcl, nullptr, 0);
  if (size > 0) {
    std::string acl(static_cast<std::size_t>(size), '\0');
    if (::fgetxattr(fd, kAcl, acl.data(), acl.size()) == size) permissions.acl = std::move(acl);
  }
  return permissions;
}

KeptDescriptors::State KeptDescriptors::state_of(int fd) {
  return {::fcntl(fd, F_GETFL), permissions_of(fd)};
}

KeptDescriptors::KeptDescriptors() {
  for (int fd = 0; fd < 3; ++fd) kept_[static_cast<std::size_t>(fd)] = state_of(fd);
}

KeptDescriptors::~KeptDescriptors() {
  for (int fd = 0; fd < 3; ++fd) {
    const State& kept = kept_[static_cast<std::size_t>(fd)];
    const State now = state_of(fd);
    if (kept.flags >= 0 && now.flags != kept.flags) ::fcntl(fd, F_SETFL, kept.flags);
    if (!kept.permissions || now.permissions == kept.permissions) continue;
    // The list first: it has a part in the mode.
    const std::optional<std::string>& acl = kept.permissions->acl;
    acl ? ::fsetxattr(fd, kAcl, acl->data(), acl->size(), 0) : ::fremovexattr(fd, kAcl);
    static_cast<void>(::fchmod(fd, kept.permissions->mode) == 0);
  }
}

}  // namespace mixguard::sandbox
