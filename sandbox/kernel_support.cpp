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
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "sandbox/sys/syscall.hpp"
#include "sandbox/sys/unique_fd.hpp"

namespace mixguard::sandbox {
namespace {

// Exits 0 when it may change its mounts: Ubuntu's AppArmor lets a user namespace be made and then
// grants nothing in it.
int try_mounting(void* error) {
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0) return 0;
  *static_cast<int*>(error) = errno;
  return 1;
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
// CLONE_VFORK): no page is copied. Returns the errno of a clone that failed; `passed` tells whether
// the probe returned 0.
int try_in_child(int (*probe)(void*), int flags, void* argument, bool& passed) {
  sigset_t all, saved;
  ::sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, &saved);
  struct sigaction standard{}, saved_child{};
  standard.sa_handler = SIG_DFL;
  ::sigaction(SIGCHLD, &standard, &saved_child);

  alignas(16) std::array<char, 16384> stack;
  const int pid = ::clone(probe, stack.data() + stack.size(),
                          CLONE_VM | CLONE_VFORK | flags | SIGCHLD, argument);
  const int error = pid < 0 ? errno : 0;
  int status = 0;
  if (pid > 0) {
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
  }
  passed = pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
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

void probe_namespaces(KernelSupport& support) {
  int mount_error = 0;
  const int clone_error = try_in_child(try_mounting, CLONE_NEWUSER | CLONE_NEWNS, &mount_error,
                                       support.user_namespaces);
  if (support.user_namespaces && !has_openat2()) {
    support.user_namespaces = false;
    support.user_namespaces_why = kNoOpenat2;
    support.user_namespaces_remedy = "Linux 5.6 or newer, or a container that allows openat2(2)";
    return;
  }
  if (support.user_namespaces) return;
  clone_error == 0 ? explain_refusal(support, "mounting inside a user namespace", mount_error)
                   : explain_refusal(support, "making a user namespace", clone_error);
}

// A process can have one listener above it and one tracer: inside another sandbox, or under strace,
// they are taken.
int try_exec_events(void* why) {
  auto& text = *static_cast<const char**>(why);
  text = "this process cannot be traced (ptrace(2))";
  if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) return 1;
  text = "no seccomp listener can be had (another sandbox has it, or Linux is older than 5.5)";
  sock_filter allow BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  const sock_fprog program{1, &allow};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return 1;
  const long listener =
      ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
  return listener >= 0 ? 0 : 1;
}

void probe_exec_events(KernelSupport& support) {
  const char* why = "no process can be made";
  if (has_openat2()) {
    try_in_child(try_exec_events, 0, &why, support.exec_events);
  } else {
    why = kNoOpenat2;
  }
  if (!support.exec_events) support.exec_events_why = why;
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

}  // namespace

KernelSupport probe_kernel() {
  KernelSupport support;
  probe_namespaces(support);
  probe_landlock(support);
  // EFAULT for a null program means that filters exist (seccomp(2), "Return value").
  support.seccomp =
      ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, nullptr, 0, 0) != 0 && errno == EFAULT;
  probe_exec_events(support);
  support.cgroup = find_cgroup_place();
  return support;
}

}  // namespace mixguard::sandbox
