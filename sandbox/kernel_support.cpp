// SPDX-License-Identifier: Apache-2.0
#include "sandbox/kernel_support.hpp"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <optional>

#include "sandbox/sys/syscall.hpp"
#include "sandbox/sys/unique_fd.hpp"

namespace mixguard::sandbox {
namespace {

// What a process of its own finds out, and leaves in the memory that it shares with us.
struct Findings {
  bool mounts = false;  // only in namespaces of its own
  int mount_error = 0;
  bool exec_events = false;
  const char* no_exec_events = "no process can be made";
};

// Ubuntu's AppArmor lets a user namespace be made and then grants nothing in it.
void try_mounting(Findings& findings) {
  findings.mounts = ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
  findings.mount_error = errno;
}

// A process can have one listener above it and one tracer: inside another sandbox, or under strace,
// they are taken.
void try_exec_events(Findings& findings) {
  findings.no_exec_events = "this process cannot be traced (ptrace(2))";
  if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) return;
  findings.no_exec_events =
      "no seccomp listener can be had (another sandbox has it, or Linux is older than 5.5)";
  sock_filter allow BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  const sock_fprog program{1, &allow};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return;
  findings.exec_events = ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                                   SECCOMP_FILTER_FLAG_NEW_LISTENER, &program) >= 0;
}

int try_all(void* findings) {
  try_mounting(*static_cast<Findings*>(findings));
  try_exec_events(*static_cast<Findings*>(findings));
  return 0;
}

int try_without_namespaces(void* findings) {
  try_exec_events(*static_cast<Findings*>(findings));
  return 0;
}

std::string read_small(const char* path) {
  const UniqueFd file(::open(path, O_RDONLY | O_CLOEXEC));
  std::array<char, 64> text{};
  const ssize_t length = file ? ::read(file.get(), text.data(), text.size()) : -1;
  return length > 0 ? std::string(text.data(), static_cast<std::size_t>(length)) : std::string();
}

void explain_refusal(KernelSupport& support, const char* step, int error) {
  support.user_namespaces_why = std::string(step) + ": " + std::strerror(error);
  if (read_small("/proc/sys/user/max_user_namespaces").starts_with("0")) {
    support.user_namespaces_remedy = "sysctl -w user.max_user_namespaces=15000";
  } else if (read_small("/proc/sys/kernel/unprivileged_userns_clone").starts_with("0")) {
    support.user_namespaces_remedy = "sysctl -w kernel.unprivileged_userns_clone=1";
  } else if (read_small("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
                 .starts_with("1")) {
    support.user_namespaces_remedy =
        "give mixguard an AppArmor profile with `userns,`, or sysctl -w "
        "kernel.apparmor_restrict_unprivileged_userns=0";
  } else {
    support.user_namespaces_remedy =
        "in a container: allow unshare(2) and mount(2) in its seccomp profile (Docker: "
        "--security-opt seccomp=…)";
  }
}

// Runs `probe` in a process that shares our memory and stops us until it is gone (CLONE_VM |
// CLONE_VFORK): no page is copied. Returns the errno of a clone that failed, or 0.
int try_in_child(int (*probe)(void*), int flags, Findings& findings) {
  sigset_t all, saved;
  ::sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, &saved);
  struct sigaction standard{}, saved_child{};
  standard.sa_handler = SIG_DFL;
  ::sigaction(SIGCHLD, &standard, &saved_child);

  alignas(16) std::array<char, 16384> stack;
  const int pid = ::clone(probe, stack.data() + stack.size(),
                          CLONE_VM | CLONE_VFORK | flags | SIGCHLD, &findings);
  const int error = pid < 0 ? errno : 0;
  while (pid > 0 && ::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  ::sigaction(SIGCHLD, &saved_child, nullptr);
  ::sigprocmask(SIG_SETMASK, &saved, nullptr);
  return error;
}

constexpr const char* kNoOpenat2 =
    "openat2(2), which finds files safely in a tree, is not to be had";

bool has_openat2() {
  const UniqueFd root(sys::openat2(AT_FDCWD, "/", O_PATH | O_CLOEXEC, 0, RESOLVE_NO_SYMLINKS));
  return root || (errno != ENOSYS && errno != EPERM);
}

// One child for both: a user namespace costs more than anything else here.
void probe_in_children(KernelSupport& support) {
  Findings findings;
  const int clone_error = try_in_child(try_all, CLONE_NEWUSER | CLONE_NEWNS, findings);
  if (clone_error != 0) try_in_child(try_without_namespaces, 0, findings);
  const bool openat2 = has_openat2();
  support.exec_events = openat2 && findings.exec_events;
  if (!support.exec_events)
    support.exec_events_why = openat2 ? findings.no_exec_events : kNoOpenat2;
  support.user_namespaces = openat2 && findings.mounts;
  if (support.user_namespaces) return;
  if (findings.mounts) {
    support.user_namespaces_why = kNoOpenat2;
    support.user_namespaces_remedy = "Linux 5.6 or newer, or a container that allows openat2(2)";
    return;
  }
  clone_error == 0
      ? explain_refusal(support, "mounting inside a user namespace", findings.mount_error)
      : explain_refusal(support, "making a user namespace", clone_error);
}

void probe_landlock(KernelSupport& support) {
  const long abi = sys::landlock_create_ruleset(nullptr, 0, sys::kLandlockCreateRulesetVersion);
  if (abi > 0) {
    support.landlock_abi = static_cast<int>(abi);
    return;
  }
  support.landlock_why = errno == EOPNOTSUPP
                             ? "it is switched off (add landlock to the kernel's lsm= parameter)"
                         : errno == ENOSYS ? "the kernel is older than 5.13 or built without it"
                                           : std::strerror(errno);
}

// A path as mountinfo has it: spaces, tabs, line ends and backslashes as \ooo (proc(5)).
std::string unescaped(const std::string& text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 3 >= text.size()) {
      plain += text[i];
      continue;
    }
    plain +=
        static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
    i += 3;
  }
  return plain;
}

// The first mount point below `directory`, relative to it.
std::optional<std::string> mounted_below(const std::string& directory) {
  const std::string above = directory + "/";
  std::ifstream file("/proc/self/mountinfo");
  for (std::string line; std::getline(file, line);) {
    std::size_t at = 0;
    for (int field = 1; field < 5; ++field) at = line.find(' ', at) + 1;
    const std::string point = unescaped(line.substr(at, line.find(' ', at) - at));
    if (point.starts_with(above)) return point.substr(above.size());
  }
  return std::nullopt;
}

}  // namespace

KernelSupport probe_kernel() {
  KernelSupport support;
  probe_in_children(support);
  probe_landlock(support);
  // EFAULT for a null program means that filters exist (seccomp(2), "Return value").
  support.seccomp =
      ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, nullptr, 0, 0) != 0 && errno == EFAULT;
  support.cgroup = find_cgroup_place();
  return support;
}

std::string why_no_overlay(int dir, const std::string& path) {
  struct FileSystem {
    unsigned long magic;  // include/uapi/linux/magic.h; of cifs, fs/smb/common/smbfsctl.h
    const char* name;
  };
  constexpr std::array<FileSystem, 9> kUnsuited{{{0x794c7630, "an overlay itself (a container's)"},
                                                 {0x6969, "NFS"},
                                                 {0xff534d42, "a Windows share (cifs)"},
                                                 {0xfe534d42, "a Windows share (smb2)"},
                                                 {0x65735546, "FUSE or virtiofs"},
                                                 {0x01021997, "9p"},
                                                 {0x4d44, "FAT"},
                                                 {0x2011bab0, "exFAT"},
                                                 {0xf15f, "eCryptfs"}}};
  struct statfs info{};
  // Whoever cannot look finds out when the overlay is made.
  if (::fstatfs(dir, &info) != 0) return {};
  if (const auto mounted = mounted_below(path))
    return "another file system is mounted in the project, at " + *mounted +
           ", and what lies there is not remembered";
  for (const auto& [magic, name] : kUnsuited) {
    if (static_cast<unsigned long>(info.f_type) == magic)
      return std::string("the project lies on a file system that cannot hold one: it is ") + name;
  }
  return {};
}

}  // namespace mixguard::sandbox
