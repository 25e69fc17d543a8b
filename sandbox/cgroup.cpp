// SPDX-License-Identifier: Apache-2.0
#include "sandbox/cgroup.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <memory>
#include <optional>
#include <sstream>
#include <string_view>
#include <thread>
#include <utility>

namespace mixguard::sandbox {
namespace {

constexpr std::string_view kPrefix = "mixguard-";
constexpr std::string_view kControllers = "+memory +pids";

std::string read_text(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string text;
  std::array<char, 4096> part{};
  for (ssize_t n = 0; file && (n = ::read(file.get(), part.data(), part.size())) > 0;)
    text.append(part.data(), static_cast<std::size_t>(n));
  return text;
}

Result<void> write_text(const std::string& path, std::string_view text) {
  const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file || ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    return fail("write " + path + ": " + std::strerror(errno), errno);
  return {};
}

bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

bool names_both(const std::string& controllers) {
  bool memory = false, pids = false;
  std::istringstream words(controllers);
  for (std::string word; words >> word;) {
    memory = memory || word == "memory";
    pids = pids || word == "pids";
  }
  return memory && pids;
}

// Writable by us all through: cgroups(7), "Delegation".
bool is_ours(const std::string& directory) {
  for (const char* file : {"", "/cgroup.procs", "/cgroup.subtree_control"}) {
    if (::access((directory + file).c_str(), W_OK) != 0) return false;
  }
  return true;
}

// Below a systemd, what it has not delegated is its own to change, whoever may write it.
bool is_delegated(const std::string& directory) {
  if (!exists("/run/systemd/system")) return true;
  char mark = 0;
  return ::getxattr(directory.c_str(), "user.delegate", &mark, 1) == 1 && mark == '1';
}

std::string parent_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

// "0::/path\n" among the lines of /proc/self/cgroup.
std::optional<std::string> own_cgroup() {
  std::istringstream lines(read_text("/proc/self/cgroup"));
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("0::/")) return line.substr(3);
  }
  return std::nullopt;
}

// What a supervisor that was killed left behind. The kernel refuses to remove one that is in use.
void remove_abandoned(const std::string& parent) {
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(parent.c_str()), &::closedir);
  while (const dirent* entry = directory ? ::readdir(directory.get()) : nullptr) {
    const std::string_view name = entry->d_name;
    if (!name.starts_with(kPrefix)) continue;
    pid_t pid = 0;
    const char* end = name.data() + name.size();
    const bool numbered = std::from_chars(name.data() + kPrefix.size(), end, pid).ptr == end;
    if (numbered && pid > 0 && !exists("/proc/" + std::to_string(pid)))
      ::rmdir((parent + "/" + entry->d_name).c_str());
  }
}

// The kernel lets go of a cgroup a moment after its last process.
void remove_soon(const std::string& path) {
  for (int attempt = 0; attempt < 100; ++attempt) {
    if (::rmdir(path.c_str()) == 0 || errno != EBUSY) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

std::uint64_t value_of(const std::string& text, const std::string& key) {
  std::istringstream words(text);
  std::string word;
  for (std::uint64_t value = 0; words >> word >> value;) {
    if (word == key) return value;
  }
  return 0;
}

}  // namespace

CgroupPlace find_cgroup_place(const std::string& mount, const std::string& own) {
  const std::string directory = own == "/" ? mount : mount + own;
  if (!names_both(read_text(directory + "/cgroup.controllers"))) {
    return {"", false,
            "the unified hierarchy does not have the memory and pids controllers here (they are "
            "on version 1 hierarchies, which are not used, or not passed on)"};
  }
  // The root of the machine's hierarchy, alone, may hold processes and pass controllers on.
  const bool is_root = !exists(directory + "/cgroup.type");
  if (is_ours(directory)) {
    if (is_root) return {directory, false, ""};
    const std::string alone = std::to_string(::getpid()) + "\n";
    if (is_delegated(directory) && read_text(directory + "/cgroup.procs") == alone)
      return {directory, true, ""};
  }
  const std::string parent = parent_of(directory);
  if (own != "/" && is_ours(parent) && is_delegated(parent) &&
      names_both(read_text(parent + "/cgroup.subtree_control"))) {
    return {parent, false, ""};
  }
  return {"", false,
          is_ours(directory) && is_delegated(directory)
              ? "other processes share the delegated cgroup " + own +
                    ", and one with processes cannot pass controllers on"
              : "no cgroup is delegated to this user"};
}

CgroupPlace find_cgroup_place() {
  const std::optional<std::string> own = own_cgroup();
  if (!own) return {"", false, "the machine does not use the unified cgroup hierarchy"};
  // The second is where systemd mounts it beside version 1 hierarchies.
  for (const char* mount : {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"}) {
    if (exists(std::string(mount) + "/cgroup.controllers")) return find_cgroup_place(mount, *own);
  }
  return {"", false, "the unified cgroup hierarchy is not mounted"};
}

Result<RunCgroup> RunCgroup::create(const CgroupPlace& place, const policy::Limits& limits) {
  RunCgroup cgroup;
  const std::string name = std::string(kPrefix) + std::to_string(::getpid());
  remove_abandoned(place.parent);
  if (place.leave_first) {
    const std::string aside = place.parent + "/" + name + "-supervisor";
    if (::mkdir(aside.c_str(), 0755) != 0 && errno != EEXIST)
      return fail("make the cgroup " + aside + ": " + std::strerror(errno), errno);
    if (auto moved = write_text(aside + "/cgroup.procs", "0"); !moved) return propagate(moved);
    cgroup.left_ = place.parent;
  }
  const std::string path = place.parent + "/" + name;
  const bool limited = limits.memory != 0 || limits.processes != 0;
  if (limited) {
    if (auto passed = write_text(place.parent + "/cgroup.subtree_control", kControllers); !passed)
      return propagate(passed);
  }
  if (::mkdir(path.c_str(), 0755) != 0 && errno != EEXIST)
    return fail("make the cgroup " + path + ": " + std::strerror(errno), errno);
  cgroup.path_ = path;
  cgroup.directory_.reset(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!cgroup.directory_) return fail("open " + path + ": " + std::strerror(errno), errno);

  struct Setting {
    const char* file;
    std::uint64_t value;
    bool wanted;
    bool optional;  // swap may be switched off, and oom.group came with Linux 4.19
  };
  const bool memory = limits.memory != 0;
  for (const Setting& setting :
       {Setting{"memory.max", limits.memory, memory, false},
        Setting{"memory.swap.max", 0, memory, true}, Setting{"memory.oom.group", 1, memory, true},
        Setting{"pids.max", limits.processes + 1, limits.processes != 0, false}}) {
    if (!setting.wanted) continue;
    const std::string file = path + "/" + setting.file;
    if (setting.optional && !exists(file)) continue;
    if (auto written = write_text(file, std::to_string(setting.value)); !written)
      return propagate(written);
  }
  return cgroup;
}

RunCgroup::RunCgroup(RunCgroup&& other) noexcept
    : path_(std::exchange(other.path_, {})),
      directory_(std::move(other.directory_)),
      left_(std::exchange(other.left_, {})) {}

RunCgroup::~RunCgroup() {
  if (!path_.empty()) {
    static_cast<void>(write_text(path_ + "/cgroup.kill", "1"));
    remove_soon(path_);
  }
  if (left_.empty()) return;
  // In this order: a cgroup that passes controllers on takes no processes.
  static_cast<void>(write_text(left_ + "/cgroup.subtree_control", "-memory -pids"));
  static_cast<void>(write_text(left_ + "/cgroup.procs", "0"));
  remove_soon(left_ + "/" + std::string(kPrefix) + std::to_string(::getpid()) + "-supervisor");
}

Result<void> RunCgroup::take(pid_t pid) const {
  return write_text(path_ + "/cgroup.procs", std::to_string(pid));
}

std::uint64_t RunCgroup::cpu_ms() const {
  return value_of(read_text(path_ + "/cpu.stat"), "usage_usec") / 1000;
}

bool RunCgroup::ran_out_of_memory() const {
  return value_of(read_text(path_ + "/memory.events"), "oom_kill") != 0;
}

}  // namespace mixguard::sandbox
