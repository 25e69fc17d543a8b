// SPDX-License-Identifier: Apache-2.0
#include "sandbox/kernel_support.hpp"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "sandbox/sys/syscall.hpp"
#include "sandbox/sys/unique_fd.hpp"

namespace mixguard::sandbox {
namespace {

// Shares our memory and stops us until it is gone (CLONE_VM | CLONE_VFORK): no page is copied.
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

void probe_namespaces(KernelSupport& support) {
  sigset_t all, saved;
  ::sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, &saved);
  struct sigaction standard{}, saved_child{};
  standard.sa_handler = SIG_DFL;
  ::sigaction(SIGCHLD, &standard, &saved_child);

  alignas(16) std::array<char, 16384> stack;
  int mount_error = 0;
  const int pid =
      ::clone(try_mounting, stack.data() + stack.size(),
              CLONE_VM | CLONE_VFORK | CLONE_NEWUSER | CLONE_NEWNS | SIGCHLD, &mount_error);
  const int clone_error = errno;
  if (pid > 0) {
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    support.user_namespaces = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }
  ::sigaction(SIGCHLD, &saved_child, nullptr);
  ::sigprocmask(SIG_SETMASK, &saved, nullptr);
  if (support.user_namespaces) return;
  pid > 0 ? explain_refusal(support, "mounting inside a user namespace", mount_error)
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

}  // namespace

KernelSupport probe_kernel() {
  KernelSupport support;
  probe_namespaces(support);
  probe_landlock(support);
  // EFAULT for a null program means that filters exist (seccomp(2), "Return value").
  support.seccomp =
      ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, nullptr, 0, 0) != 0 && errno == EFAULT;
  support.cgroup = find_cgroup_place();
  return support;
}

}  // namespace mixguard::sandbox
