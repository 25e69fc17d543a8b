// SPDX-License-Identifier: Apache-2.0
#include "sandbox/namespaces.hpp"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <sstream>
#include <string>

#include "sandbox/sys/unique_fd.hpp"

namespace mixguard::sandbox {
namespace {

Result<void> write_proc(int pid, const char* name, const std::string& text) {
  const std::string path = "/proc/" + std::to_string(pid) + "/" + name;
  const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file) return fail("open " + path + ": " + std::strerror(errno), errno);
  if (::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return fail("write " + path + ": " + std::strerror(errno), errno);
  }
  return {};
}

// Identity for every id that exists in the caller's own user namespace: a container's root has only
// a part of them.
std::string identity_of_all(const char* map_path) {
  const UniqueFd file(::open(map_path, O_RDONLY | O_CLOEXEC));
  std::string text(4096, '\0');
  const ssize_t length = file ? ::read(file.get(), text.data(), text.size()) : 0;
  text.resize(length > 0 ? static_cast<std::size_t>(length) : 0);
  std::istringstream lines(text);
  std::string result;
  for (std::uint64_t inside = 0, outside = 0, count = 0; lines >> inside >> outside >> count;) {
    const std::string start = std::to_string(inside);
    result += start + " " + start + " " + std::to_string(count) + "\n";
  }
  return result;
}

std::string identity_of(unsigned id) {
  return std::to_string(id) + " " + std::to_string(id) + " 1\n";
}

}  // namespace

std::uint64_t namespace_flags() {
  return CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET;
}

Result<void> write_id_maps(int pid) {
  const bool root = ::geteuid() == 0;
  if (!root) {
    if (auto denied = write_proc(pid, "setgroups", "deny"); !denied) return denied;
  }
  const std::string uids = root ? identity_of_all("/proc/self/uid_map") : identity_of(::geteuid());
  const std::string gids = root ? identity_of_all("/proc/self/gid_map") : identity_of(::getegid());
  if (auto written = write_proc(pid, "uid_map", uids); !written) return written;
  return write_proc(pid, "gid_map", gids);
}

}  // namespace mixguard::sandbox
