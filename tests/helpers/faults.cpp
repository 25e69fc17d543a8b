// SPDX-License-Identifier: Apache-2.0
#include "faults.hpp"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

namespace mixguard::test {
namespace {

struct Rule {
  const char* name;
  const char* call;
  int error;
  std::optional<scmp_arg_cmp> when;
};

constexpr scmp_arg_cmp is(unsigned argument, std::uint64_t value) {
  return {argument, SCMP_CMP_MASKED_EQ, 0xffffffff, value};
}
constexpr scmp_arg_cmp has(unsigned argument, std::uint64_t bits) {
  return {argument, SCMP_CMP_MASKED_EQ, bits, bits};
}

// Several rules of one name belong together. Where a filter can tell the namespaces' flags, it
// hides clone3, whose flags it cannot see, as container runtimes do.
constexpr Rule kFeatures[] = {
    {"landlock", "landlock_create_ruleset", ENOSYS, {}},
    {"landlock", "landlock_add_rule", ENOSYS, {}},
    {"landlock", "landlock_restrict_self", ENOSYS, {}},
    {"clone3", "clone3", ENOSYS, {}},
    {"openat2", "openat2", ENOSYS, {}},
    {"userns", "unshare", EPERM, has(0, CLONE_NEWUSER)},
    {"userns", "clone", EPERM, has(0, CLONE_NEWUSER)},
    {"userns", "clone3", ENOSYS, {}},
    // Docker's default profile for a container without CAP_SYS_ADMIN (moby/profiles/seccomp), as
    // far as anybody here makes these calls.
    {"docker", "unshare", EPERM, {}},
    {"docker", "setns", EPERM, {}},
    {"docker", "clone", EPERM, has(0, CLONE_NEWUSER)},
    {"docker", "clone", EPERM, has(0, CLONE_NEWNS)},
    {"docker", "clone", EPERM, has(0, CLONE_NEWPID)},
    {"docker", "clone", EPERM, has(0, CLONE_NEWNET)},
    {"docker", "clone3", ENOSYS, {}},
    {"docker", "mount", EPERM, {}},
    {"docker", "umount2", EPERM, {}},
    {"docker", "pivot_root", EPERM, {}},
    {"docker", "open_tree", EPERM, {}},
    {"docker", "move_mount", EPERM, {}},
    {"docker", "fsopen", EPERM, {}},
    {"docker", "fsmount", EPERM, {}},
    {"docker", "mount_setattr", EPERM, {}},
    {"docker", "add_key", EPERM, {}},
    {"docker", "keyctl", EPERM, {}},
    {"docker", "request_key", EPERM, {}},
    {"docker", "bpf", EPERM, {}},
    {"docker", "perf_event_open", EPERM, {}},
    {"docker", "userfaultfd", EPERM, {}},
    {"docker", "io_uring_setup", EPERM, {}},
    // Inside another sandbox: its monitor has the one listener, or traces.
    {"listener", "seccomp", EBUSY, is(1, SECCOMP_FILTER_FLAG_NEW_LISTENER)},
    {"ptrace", "ptrace", EPERM, {}},
};

// What each step is told by: the flags with which it alone makes the call (sandbox/child.cpp).
constexpr Rule kSteps[] = {
    {"clone", "clone3", EAGAIN, {}},
    {"id_maps", "openat", EACCES, is(2, O_WRONLY | O_CLOEXEC)},
    {"handshake", "sendto", EPIPE, {}},
    {"private_mounts", "mount", EPERM, is(3, MS_REC | MS_PRIVATE)},
    {"open_tree", "openat2", EACCES, is(0, static_cast<std::uint32_t>(AT_FDCWD))},
    {"open_source", "open_tree", EPERM, is(0, static_cast<std::uint32_t>(AT_FDCWD))},
    {"new_root", "fsopen", EPERM, {}},
    {"make_target", "mkdirat", ENOSPC, {}},
    {"overlay", "fsconfig", EINVAL, is(1, 0 /* FSCONFIG_SET_FLAG: userxattr */)},
    {"bind", "mount_setattr", EPERM, is(2, 0x9000 /* AT_EMPTY_PATH | AT_RECURSIVE */)},
    {"tmpfs", "move_mount", EPERM, is(4, 0x44 /* both paths empty */)},
    {"mount_proc", "fsmount", EPERM, is(2, 0xf /* read-only, nosuid, nodev, noexec */)},
    {"mount_devpts", "fsmount", EPERM, is(2, 0xa /* nosuid, noexec */)},
    {"pivot_root", "pivot_root", EPERM, {}},
    {"old_root", "umount2", EPERM, {}},
    {"seal_root", "mount_setattr", EPERM, is(2, 0)},
    {"loopback", "ioctl", EPERM, is(1, SIOCSIFFLAGS)},
    {"listen", "listen", EACCES, {}},
    {"exec_filter", "seccomp", EPERM, is(1, SECCOMP_FILTER_FLAG_NEW_LISTENER)},
    {"spawn_payload", "clone", EAGAIN,
     scmp_arg_cmp{0, SCMP_CMP_MASKED_EQ, ~scmp_datum_t{CLONE_VM | CLONE_VFORK}, SIGCHLD}},
    {"signals", "signalfd4", EMFILE, {}},
    {"limits", "prlimit64", EPERM, scmp_arg_cmp{2, SCMP_CMP_NE, 0, 0}},
    {"no_new_privileges", "prctl", EINVAL, is(0, PR_SET_NO_NEW_PRIVS)},
    {"landlock_ruleset", "landlock_create_ruleset", E2BIG, is(2, 0)},
    {"landlock_rule", "landlock_add_rule", EINVAL, {}},
    {"landlock", "landlock_restrict_self", EPERM, {}},
    {"bounding_set", "prctl", EPERM, is(0, PR_CAPBSET_DROP)},
    {"secure_bits", "prctl", EPERM, is(0, PR_SET_SECUREBITS)},
    {"capabilities", "capset", EPERM, {}},
    {"descriptors", "close_range", ENOSYS, {}},
    {"seccomp", "prctl", EINVAL, is(0, PR_SET_SECCOMP)},
    {"exec_filter", "seccomp", EBUSY, is(1, SECCOMP_FILTER_FLAG_NEW_LISTENER)},
    {"terminal", "ioctl", EPERM, is(1, TIOCSCTTY)},
};

// Where the stage is not called like the fault.
constexpr StepFault kOtherStages[] = {
    {"old_root", "pivot_root"},      {"landlock_ruleset", "landlock"},
    {"landlock_rule", "landlock"},   {"bounding_set", "capabilities"},
    {"secure_bits", "capabilities"},
};

using Context = std::unique_ptr<void, decltype(&seccomp_release)>;

std::string add(void* context, const Rule& rule) {
  const int call = seccomp_syscall_resolve_name(rule.call);
  const auto action = SCMP_ACT_ERRNO(static_cast<std::uint32_t>(rule.error));
  const int result = call < 0 ? -EINVAL
                              : seccomp_rule_add_array(context, action, call, rule.when ? 1 : 0,
                                                       rule.when ? &*rule.when : nullptr);
  // Two features may hide the same call.
  return result == 0 || result == -EEXIST
             ? ""
             : std::string("rule for ") + rule.call + ": " + std::strerror(-result);
}

std::string add_all(void* context, std::span<const Rule> rules, std::string_view name) {
  bool known = false;
  for (const Rule& rule : rules) {
    if (rule.name != name) continue;
    known = true;
    if (std::string trouble = add(context, rule); !trouble.empty()) return trouble;
  }
  return known ? "" : "nothing is called " + std::string(name);
}

}  // namespace

std::vector<StepFault> step_faults() {
  std::vector<StepFault> faults;
  for (const Rule& rule : kSteps) {
    const auto* other = std::find_if(
        std::begin(kOtherStages), std::end(kOtherStages),
        [&](const StepFault& fault) { return std::string_view(fault.name) == rule.name; });
    faults.push_back({rule.name, other == std::end(kOtherStages) ? rule.name : other->stage});
  }
  return faults;
}

std::string make_fail(const std::vector<std::string>& names) {
  constexpr std::string_view kStep = "step:";
  const Context context(seccomp_init(SCMP_ACT_ALLOW), &seccomp_release);
  for (const std::string& name : names) {
    const bool step = name.starts_with(kStep);
    const std::string trouble = step ? add_all(context.get(), kSteps, name.substr(kStep.size()))
                                     : add_all(context.get(), kFeatures, name);
    if (!trouble.empty()) return trouble;
  }
  // What is hidden is hidden; foreign system call tables are for the sandbox to deal with.
  seccomp_attr_set(context.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ALLOW);
  // With CAP_SYS_ADMIN nothing else has to change for what is started.
  seccomp_attr_set(context.get(), SCMP_FLTATR_CTL_NNP, 0);
  if (seccomp_load(context.get()) == 0) return "";
  seccomp_attr_set(context.get(), SCMP_FLTATR_CTL_NNP, 1);
  const int result = seccomp_load(context.get());
  return result == 0 ? "" : std::string("load the filter: ") + std::strerror(-result);
}

}  // namespace mixguard::test
