// SPDX-License-Identifier: Apache-2.0
#include "guard/snapshot/attributes.hpp"

#include <linux/limits.h>
#include <sys/xattr.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <string_view>

#include "guard/snapshot/tree.hpp"

namespace mixguard::guard {
namespace {

bool belongs_to_object(std::string_view key) {
  return (key.starts_with("user.") && !key.starts_with("user.overlay.")) ||
         key.starts_with("system.posix_acl_");
}

// Nothing when the attribute is not there or not for us to see.
Result<std::optional<std::string>> value_of(const std::string& path, const std::string& key,
                                            const std::string& name) {
  std::string value(XATTR_SIZE_MAX, '\0');
  const ssize_t size = ::lgetxattr(path.c_str(), key.c_str(), value.data(), value.size());
  if (size >= 0) return value.substr(0, static_cast<std::size_t>(size));
  if (errno == ENODATA || errno == EACCES || errno == EPERM || errno == ENOTSUP)
    return std::optional<std::string>();
  return tree::fail_errno("read " + key + " of", name);
}

}  // namespace

Result<ExtendedAttributes> extended_attributes(int dir, const std::string& name) {
  ExtendedAttributes attributes;
  // There is no listxattrat(2) before Linux 6.13; through the descriptor no part of the path is
  // looked up again.
  const std::string path = "/proc/self/fd/" + std::to_string(dir) + "/" + name;
  const ssize_t size = ::llistxattr(path.c_str(), nullptr, 0);
  if (size == 0 || (size < 0 && errno == ENOTSUP)) return attributes;
  std::string keys(size > 0 ? static_cast<std::size_t>(size) : 0, '\0');
  const ssize_t got = size < 0 ? size : ::llistxattr(path.c_str(), keys.data(), keys.size());
  if (got < 0) return tree::fail_errno("list the attributes of", name);
  std::string_view rest(keys.data(), static_cast<std::size_t>(got));
  while (!rest.empty()) {
    const std::string key(rest.substr(0, rest.find('\0')));
    rest.remove_prefix(std::min(key.size() + 1, rest.size()));
    if (!belongs_to_object(key)) continue;
    auto value = value_of(path, key, name);
    if (!value) return propagate(value);
    if (*value) attributes.emplace(key, std::move(**value));
  }
  return attributes;
}

Result<void> set_extended_attributes(int fd, const ExtendedAttributes& attributes,
                                     const std::string& name) {
  for (const auto& [key, value] : attributes) {
    if (::fsetxattr(fd, key.c_str(), value.data(), value.size(), 0) < 0 && errno != ENOTSUP &&
        errno != EINVAL && errno != EPERM)
      return tree::fail_errno("set " + key + " of", name);
  }
  return {};
}

}  // namespace mixguard::guard
