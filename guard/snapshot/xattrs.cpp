// SPDX-License-Identifier: Apache-2.0
#include "guard/snapshot/xattrs.hpp"

#include <sys/xattr.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <vector>

#include "guard/snapshot/bytes.hpp"
#include "guard/snapshot/tree.hpp"

namespace mixguard::guard {
namespace {

using tree::fail_errno;

constexpr std::size_t kLongestValue = 65536;  // XATTR_SIZE_MAX, linux/limits.h

bool is_kept(std::string_view name) {
  return (name.starts_with("user.") && !name.starts_with("user.overlay.")) ||
         name == "system.posix_acl_access" || name == "system.posix_acl_default" ||
         name == "security.capability";
}

Result<std::vector<std::string>> names_of(int fd, std::string_view object) {
  std::vector<std::string> names;
  std::array<char, 1024> small{};
  std::string large;
  char* buffer = small.data();
  ssize_t size = ::flistxattr(fd, buffer, small.size());
  while (size < 0 && errno == ERANGE) {
    const ssize_t needed = ::flistxattr(fd, nullptr, 0);
    if (needed < 0) return fail_errno("read the attributes of", object);
    large.resize(static_cast<std::size_t>(needed));
    buffer = large.data();
    size = ::flistxattr(fd, buffer, large.size());
  }
  if (size < 0 && errno == ENOTSUP) return names;
  if (size < 0) return fail_errno("read the attributes of", object);
  std::string_view list(buffer, static_cast<std::size_t>(size));
  while (!list.empty()) {
    const std::string_view name = list.substr(0, list.find('\0'));
    if (is_kept(name)) names.emplace_back(name);
    list.remove_prefix(std::min(name.size() + 1, list.size()));
  }
  std::sort(names.begin(), names.end());
  return names;
}

// What read_xattrs() gave, taken apart.
std::map<std::string_view, std::string_view> pairs_of(std::string_view bytes) {
  std::map<std::string_view, std::string_view> pairs;
  ByteReader reader(bytes);
  while (!reader.at_end() && reader.good()) {
    const std::string_view name = reader.text();
    pairs.emplace(name, reader.text());
  }
  return pairs;
}

}  // namespace

bool is_between(std::string_view present, std::string_view before, std::string_view after) {
  const auto now = pairs_of(present);
  const auto old = pairs_of(before);
  const auto wanted = pairs_of(after);
  const auto has = [](const auto& pairs, const auto& pair) {
    const auto found = pairs.find(pair.first);
    return found != pairs.end() && found->second == pair.second;
  };
  // One that both have is never taken away.
  return std::all_of(now.begin(), now.end(),
                     [&](const auto& pair) { return has(old, pair) || has(wanted, pair); }) &&
         std::all_of(old.begin(), old.end(), [&](const auto& pair) {
           return !wanted.contains(pair.first) || now.contains(pair.first);
         });
}

Result<std::string> read_xattrs(int fd, std::string_view object) {
  auto names = names_of(fd, object);
  if (!names) return propagate(names);
  std::string bytes;
  for (const std::string& name : *names) {
    std::string value(kLongestValue, '\0');
    const ssize_t size = ::fgetxattr(fd, name.c_str(), value.data(), value.size());
    if (size < 0 && errno == ENODATA) continue;  // gone meanwhile
    if (size < 0) return fail_errno("read the attributes of", object);
    put_text(bytes, name);
    put_text(bytes, std::string_view(value).substr(0, static_cast<std::size_t>(size)));
  }
  return bytes;
}

Result<std::string> xattrs_of_directory(int root, const std::string& path) {
  auto dir = tree::open_dir(root, path);
  if (!dir) return propagate(dir);
  return read_xattrs(dir->get(), path);
}

Result<void> write_xattrs(int fd, std::string_view bytes, std::string_view object) {
  auto names = names_of(fd, object);
  if (!names) return propagate(names);
  const auto wanted = pairs_of(bytes);
  for (const std::string& name : *names) {
    if (wanted.contains(name)) continue;
    if (::fremovexattr(fd, name.c_str()) < 0 && errno != ENODATA && errno != EPERM)
      return fail_errno("remove an attribute of", object);
  }
  ByteReader reader(bytes);
  while (!reader.at_end()) {
    const std::string name(reader.text());
    const std::string_view value = reader.text();
    if (!reader.good())
      return fail(
          "write the attributes of " + std::string(object) + ": what is kept of them is damaged",
          EBADMSG);
    if (::fsetxattr(fd, name.c_str(), value.data(), value.size(), 0) < 0 && errno != EPERM &&
        errno != ENOTSUP)
      return fail_errno("write the attributes of", object);
  }
  return {};
}

}  // namespace mixguard::guard
