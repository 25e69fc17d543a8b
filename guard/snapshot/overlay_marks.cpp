// SPDX-License-Identifier: Apache-2.0
#include "guard/snapshot/overlay_marks.hpp"

#include <fcntl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <optional>
#include <string_view>
#include <vector>

namespace mixguard::guard {
namespace {

constexpr std::string_view kPrefix = "user.overlay.";

std::optional<std::string> attribute(int dir, const std::string& name, const char* key) {
  // There is no getxattrat(2) before Linux 6.13; through the descriptor no part of the path is
  // looked up again.
  const std::string path = "/proc/self/fd/" + std::to_string(dir) + "/" + name;
  std::array<char, 256> value;
  const ssize_t size = ::lgetxattr(path.c_str(), key, value.data(), value.size());
  if (size < 0) return std::nullopt;
  return std::string(value.data(), static_cast<std::size_t>(size));
}

Result<std::vector<std::string>> marks(int fd, const std::string& name) {
  std::vector<std::string> found;
  const ssize_t size = ::flistxattr(fd, nullptr, 0);
  if (size == 0 || (size < 0 && errno == ENOTSUP)) return found;
  std::string buffer(size > 0 ? static_cast<std::size_t>(size) : 0, '\0');
  const ssize_t got = size < 0 ? size : ::flistxattr(fd, buffer.data(), buffer.size());
  if (got < 0) return tree::fail_errno("list the attributes of", name);
  std::string_view rest(buffer.data(), static_cast<std::size_t>(got));
  while (!rest.empty()) {
    const std::string_view key = rest.substr(0, rest.find('\0'));
    rest.remove_prefix(key.size() + 1);
    if (key.starts_with(kPrefix)) found.emplace_back(key);
  }
  return found;
}

Result<void> strip(int fd, const std::string& name) {
  auto found = marks(fd, name);
  if (!found) return propagate(found);
  for (const std::string& key : *found) {
    if (::fremovexattr(fd, key.c_str()) < 0 && errno != ENODATA)
      return tree::fail_errno("remove " + key + " from", name);
  }
  return {};
}

}  // namespace

bool is_whiteout(int dir, const std::string& name, const tree::Node& node) {
  if (node.whiteout) return true;
  return node.is_file() && node.size == 0 && attribute(dir, name, "user.overlay.whiteout");
}

bool is_opaque(int dir, const std::string& name) {
  // "x" only says that the directory may hold whiteouts that are files.
  return attribute(dir, name, "user.overlay.opaque") == "y";
}

bool was_copied_up(int dir, const std::string& name) {
  return attribute(dir, name, "user.overlay.origin").has_value();
}

Result<void> clean_object(int dir, const std::string& name, const tree::Node& node, bool sync) {
  if (!node.is_dir() && !node.is_file()) return {};  // symlinks cannot have user attributes
  const mode_t needed = node.is_dir() ? 0700 : 0600;
  const bool lend = (node.mode & needed) != needed;
  if (lend) {
    if (auto lent = tree::set_mode(dir, name, node.permissions() | needed); !lent) return lent;
  }
  auto fd = node.is_dir() ? tree::open_dir(dir, name) : tree::open_file(dir, name);
  if (!fd) return propagate(fd);
  if (auto stripped = strip(fd->get(), name); !stripped) return stripped;
  if (lend && ::fchmod(fd->get(), node.permissions()) < 0)
    return tree::fail_errno("change the mode of", name);
  return sync ? tree::sync(fd->get(), name) : Result<void>();
}

}  // namespace mixguard::guard
