// SPDX-License-Identifier: Apache-2.0
#include "sandbox/child.hpp"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>

#include "sandbox/child_network.hpp"

namespace mixguard::sandbox {
namespace {

// The child's own state: one process, one plan, no heap.
struct Child {
  const ChildPlan& plan;

  [[noreturn]] void fail(Stage stage, int error = errno) const noexcept {
    Report report{};
    report.kind = Report::Kind::kFailed;
    report.stage = static_cast<std::int32_t>(stage);
    report.error = error;
    send(report);
    ::_exit(125);
  }

  void check(bool ok, Stage stage) const noexcept {
    if (!ok) fail(stage);
  }

  void send(const Report& sent) const noexcept {
    ssize_t n = 0;
    do {
      n = ::write(plan.report_fd, &sent, sizeof(sent));
    } while (n < 0 && errno == EINTR);
  }

  void become_private() const noexcept;
  void open_trees() const noexcept;
  void open_sources() const noexcept;
  void build_root() const noexcept;
  void mount_step(int root, std::size_t index) const noexcept;
  void mount_bind(int root, std::size_t index) const noexcept;
  void make_target(int root, const MountStep& step, bool directory) const noexcept;
  void mount_tree(int root, const MountStep& step) const noexcept;
  [[nodiscard]] int make_overlay(const OpenTree& tree) const noexcept;
  void mount_new(int root, const MountStep& step, const char* type, Stage stage) const noexcept;
  void attach(int mount, int root, const MountStep& step, Stage stage) const noexcept;
  void make_text_file(int root, const MountStep& step) const noexcept;
  void seal_root() const noexcept;
  void loopback_up() const noexcept;
  void hand_listeners_over() const noexcept;

  static int start_payload(void* child) noexcept { static_cast<const Child*>(child)->payload(); }
  [[noreturn]] void payload() const noexcept;
  void take_stdio() const noexcept;
  void apply_landlock() const noexcept;
  void drop_capabilities() const noexcept;
  void reset_signals() const noexcept;
  void install_monitor_filter() const noexcept;

  [[nodiscard]] int prepare_init() const noexcept;
  [[noreturn]] void init(pid_t command, int ended) const noexcept;
};

// ---- the view
// -------------------------------------------------------------------------------------------------

// A target is always looked up beneath the new root and never through a symlink: what a project
// holds must not choose where a mount lands.
int open_beneath(int root, const char* target, std::uint64_t flags) noexcept {
  return sys::openat2(root, *target ? target : ".", flags | O_CLOEXEC, 0,
                      RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
}

// Makes every missing directory of `target`. Components that exist are left as they are.
bool make_directories(int root, const char* target) noexcept {
  std::array<char, PATH_MAX> path{};
  const std::size_t length = std::strlen(target);
  if (length >= path.size()) {
    errno = ENAMETOOLONG;
    return false;
  }
  std::memcpy(path.data(), target, length);
  for (std::size_t i = 1; i <= length; ++i) {
    if (path[i] != '/' && path[i] != '\0') continue;
    const char saved = path[i];
    path[i] = '\0';
    if (::mkdirat(root, path.data(), 0755) != 0 && errno != EEXIST && errno != EROFS) return false;
    path[i] = saved;
  }
  return true;
}

// A bind of a file needs a file to land on.
bool make_file(int root, const char* target) noexcept {
  const char* slash = std::strrchr(target, '/');
  if (slash != nullptr) {
    std::array<char, PATH_MAX> parent{};
    const auto length = static_cast<std::size_t>(slash - target);
    if (length >= parent.size()) {
      errno = ENAMETOOLONG;
      return false;
    }
    std::memcpy(parent.data(), target, length);
    if (!make_directories(root, parent.data())) return false;
  }
  const int fd = ::openat(root, target, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0444);
  if (fd < 0) return errno == EEXIST || errno == EROFS;
  ::close(fd);
  return true;
}

void Child::attach(int mount, int root, const MountStep& step, Stage stage) const noexcept {
  const int target = open_beneath(root, step.target, O_PATH);
  check(target >= 0, Stage::kMakeTarget);
  check(sys::move_mount(mount, "", target, "",
                        sys::kMoveMountFEmptyPath | sys::kMoveMountTEmptyPath) == 0,
        stage);
  ::close(target);
  ::close(mount);
}

void Child::make_target(int root, const MountStep& step, bool directory) const noexcept {
  if (step.inside_tree) return;
  check(directory ? make_directories(root, step.target) : make_file(root, step.target),
        Stage::kMakeTarget);
}

int open_pinned(const char* path) noexcept {
  return sys::openat2(AT_FDCWD, path, O_PATH | O_DIRECTORY | O_CLOEXEC, 0, RESOLVE_NO_SYMLINKS);
}

void Child::open_trees() const noexcept {
  for (std::size_t i = 0; i < plan.trees.size(); ++i) {
    const TreePlan& tree = plan.trees[i];
    OpenTree& open = plan.open_trees[i];
    open.root = open_pinned(tree.root);
    struct stat info{};
    check(open.root >= 0 && ::fstat(open.root, &info) == 0, Stage::kProject);
    if (info.st_dev != tree.device || info.st_ino != tree.inode) fail(Stage::kProject, ESTALE);
    if (tree.upper == nullptr) continue;
    open.upper = open_pinned(tree.upper);
    open.work = open_pinned(tree.work);
    check(open.upper >= 0 && open.work >= 0, Stage::kProject);
  }
}

// Takes detached copies of everything that will be bound, while the host's paths still mean the
// host's files: the new root is about to cover one of them.
void Child::open_sources() const noexcept {
  constexpr unsigned kClone = sys::kOpenTreeClone | sys::kAtRecursive | O_CLOEXEC;
  for (std::size_t i = 0; i < plan.mounts.size(); ++i) {
    const MountStep& step = plan.mounts[i];
    if (step.kind != MountStep::Kind::kBind) continue;
    if (step.source_in_project) {
      const int source = open_beneath(plan.open_trees[0].root, step.source, O_PATH);
      plan.sources[i] = source < 0 ? -1 : sys::open_tree(source, "", kClone | AT_EMPTY_PATH);
    } else {
      plan.sources[i] = sys::open_tree(AT_FDCWD, step.source, kClone);
    }
    if (plan.sources[i] >= 0) continue;
    check(step.optional && (errno == ENOENT || errno == EACCES || errno == ENOTDIR),
          Stage::kOpenSource);
  }
}

void Child::mount_bind(int root, std::size_t index) const noexcept {
  const MountStep& step = plan.mounts[index];
  const int tree = plan.sources[index];
  if (tree < 0) return;
  struct stat info{};
  check(::fstat(tree, &info) == 0, Stage::kOpenSource);
  make_target(root, step, S_ISDIR(info.st_mode));
  sys::MountAttr attributes{};
  attributes.attr_set =
      sys::kMountAttrNoSuid | (S_ISCHR(info.st_mode) && step.writable ? 0 : sys::kMountAttrNoDev) |
      (step.writable ? 0 : sys::kMountAttrReadOnly) | (step.executable ? 0 : sys::kMountAttrNoExec);
  check(sys::mount_setattr(tree, "", AT_EMPTY_PATH | sys::kAtRecursive, attributes) == 0,
        Stage::kBind);
  attach(tree, root, step, Stage::kBind);
}

// /proc/self/fd/N instead of paths: pinned by descriptor, and no colon or backslash to escape.
bool set_overlay_layer(int fs, const char* key, int fd) noexcept {
  std::array<char, 32> path{};
  constexpr char kPrefix[] = "/proc/self/fd/";
  std::memcpy(path.data(), kPrefix, sizeof(kPrefix) - 1);
  std::array<char, 12> digits{};
  std::size_t n = 0;
  do {
    digits[n++] = static_cast<char>('0' + fd % 10);
    fd /= 10;
  } while (fd > 0);
  for (std::size_t i = 0; i < n; ++i) path[sizeof(kPrefix) - 1 + i] = digits[n - 1 - i];
  return sys::fsconfig(fs, sys::kFsconfigSetString, key, path.data(), 0) == 0;
}

int Child::make_overlay(const OpenTree& tree) const noexcept {
  const int fs = sys::fsopen("overlay", 1 /* FSOPEN_CLOEXEC */);
  check(fs >= 0, Stage::kOverlay);
  // Nothing up there has to survive a power cut before a commit, which syncs what it takes; without
  // this the end of a run would write out all that is dirty on the project's file system. Linux
  // 5.10; older ones refuse the word, and sync.
  static_cast<void>(sys::fsconfig(fs, sys::kFsconfigSetFlag, "volatile", nullptr, 0));
  check(set_overlay_layer(fs, "lowerdir", tree.root) &&
            set_overlay_layer(fs, "upperdir", tree.upper) &&
            set_overlay_layer(fs, "workdir", tree.work) &&
            sys::fsconfig(fs, sys::kFsconfigSetFlag, "userxattr", nullptr, 0) == 0 &&
            sys::fsconfig(fs, sys::kFsconfigCmdCreate, nullptr, nullptr, 0) == 0,
        Stage::kOverlay);
  const int mount =
      sys::fsmount(fs, 1 /* FSMOUNT_CLOEXEC */, sys::kMountAttrNoSuid | sys::kMountAttrNoDev);
  check(mount >= 0, Stage::kOverlay);
  ::close(fs);
  // The kernel makes these without any permission, which it does not need: a project whose guard
  // was killed can be deleted by its owner all the same.
  for (const char* closed : {"work", "work/incompat", "work/incompat/volatile"}) {
    if (::fchmodat(tree.work, closed, 0700, 0) != 0) break;
  }
  return mount;
}

void Child::mount_tree(int root, const MountStep& step) const noexcept {
  const OpenTree& open = plan.open_trees[step.tree];
  make_target(root, step, true);
  if (open.upper >= 0) return attach(make_overlay(open), root, step, Stage::kOverlay);
  const int tree = sys::open_tree(
      open.root, "", sys::kOpenTreeClone | sys::kAtRecursive | O_CLOEXEC | AT_EMPTY_PATH);
  sys::MountAttr attributes{};
  attributes.attr_set = sys::kMountAttrNoSuid | sys::kMountAttrNoDev | sys::kMountAttrReadOnly;
  check(
      tree >= 0 && sys::mount_setattr(tree, "", AT_EMPTY_PATH | sys::kAtRecursive, attributes) == 0,
      Stage::kBind);
  attach(tree, root, step, Stage::kBind);
}

void Child::mount_new(int root, const MountStep& step, const char* type,
                      Stage stage) const noexcept {
  make_target(root, step, true);
  const int fs = sys::fsopen(type, 1);
  check(fs >= 0, stage);
  unsigned attributes = sys::kMountAttrNoSuid;
  if (step.kind == MountStep::Kind::kTmpfs) {
    attributes |= sys::kMountAttrNoDev;
    check(sys::fsconfig(fs, sys::kFsconfigSetString, "mode", step.source, 0) == 0, stage);
    if (plan.tmpfs_size != nullptr)
      check(sys::fsconfig(fs, sys::kFsconfigSetString, "size", plan.tmpfs_size, 0) == 0, stage);
  } else if (step.kind == MountStep::Kind::kDevpts) {
    attributes |= sys::kMountAttrNoExec;
    check(sys::fsconfig(fs, sys::kFsconfigSetString, "ptmxmode", "0666", 0) == 0, stage);
  } else {
    // Read-only: a root without capabilities still owns /proc/sys and /proc/sysrq-trigger.
    attributes |= sys::kMountAttrNoDev | sys::kMountAttrNoExec | sys::kMountAttrReadOnly;
  }
  check(sys::fsconfig(fs, sys::kFsconfigCmdCreate, nullptr, nullptr, 0) == 0, stage);
  const int mount = sys::fsmount(fs, 1, attributes);
  check(mount >= 0, stage);
  ::close(fs);
  attach(mount, root, step, stage);
}

void Child::make_text_file(int root, const MountStep& step) const noexcept {
  make_target(root, step, false);
  const int fd = open_beneath(root, step.target, O_WRONLY);
  const auto size = static_cast<ssize_t>(std::strlen(step.source));
  check(fd >= 0 && ::write(fd, step.source, static_cast<std::size_t>(size)) == size,
        Stage::kMakeTarget);
  ::close(fd);
}

void Child::mount_step(int root, std::size_t index) const noexcept {
  const MountStep& step = plan.mounts[index];
  switch (step.kind) {
    case MountStep::Kind::kDirectory:
      return make_target(root, step, true);
    case MountStep::Kind::kSymlink:
      return check(::symlinkat(step.source, root, step.target) == 0 || errno == EEXIST,
                   Stage::kMakeTarget);
    case MountStep::Kind::kFile:
      return make_text_file(root, step);
    case MountStep::Kind::kTmpfs:
      return mount_new(root, step, "tmpfs", Stage::kTmpfs);
    case MountStep::Kind::kBind:
      return mount_bind(root, index);
    case MountStep::Kind::kTree:
      return mount_tree(root, step);
    case MountStep::Kind::kProc:
      return mount_new(root, step, "proc", Stage::kProc);
    case MountStep::Kind::kDevpts:
      return mount_new(root, step, "devpts", Stage::kDevpts);
  }
}

// Closes every descriptor from `first` on but those in `kept`, where -1 stands for none: whatever
// the supervisor had open, sockets of the host's network among it.
bool close_all_but(std::array<int, 5> kept, unsigned first) noexcept {
  std::sort(kept.begin(), kept.end());
  for (const int fd : kept) {
    if (fd < static_cast<int>(first)) continue;
    const auto number = static_cast<unsigned>(fd);
    if (number > first && sys::close_range(first, number - 1, 0) != 0) return false;
    first = number + 1;
  }
  return sys::close_range(first, ~0U, 0) == 0;
}

void Child::become_private() const noexcept {
  // The host must never see our mounts, nor we those it makes from now on.
  check(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0, Stage::kPrivateMounts);
}

void Child::build_root() const noexcept {
  const int fs = sys::fsopen("tmpfs", 1);
  check(fs >= 0 && sys::fsconfig(fs, sys::kFsconfigSetString, "mode", "0755", 0) == 0 &&
            sys::fsconfig(fs, sys::kFsconfigCmdCreate, nullptr, nullptr, 0) == 0,
        Stage::kNewRoot);
  const int root = sys::fsmount(fs, 1, sys::kMountAttrNoSuid | sys::kMountAttrNoDev);
  check(root >= 0, Stage::kNewRoot);
  ::close(fs);
  // Mounts can only be attached below a mount of our own namespace (before Linux 6.15), so the new
  // root is put somewhere first. Sources below the staging directory stay reachable: they are
  // opened through `old_root`.
  check(sys::move_mount(root, "", AT_FDCWD, plan.staging, sys::kMoveMountFEmptyPath) == 0,
        Stage::kNewRoot);
  for (std::size_t i = 0; i < plan.mounts.size(); ++i) mount_step(root, i);
  check(::fchdir(root) == 0 && sys::pivot_root(".", ".") == 0 && ::umount2(".", MNT_DETACH) == 0 &&
            ::chdir("/") == 0,
        Stage::kPivotRoot);
  ::close(root);
}

void Child::seal_root() const noexcept {
  sys::MountAttr read_only{};
  read_only.attr_set = sys::kMountAttrReadOnly;
  check(sys::mount_setattr(AT_FDCWD, "/", 0, read_only) == 0, Stage::kSealRoot);
}

void Child::loopback_up() const noexcept {
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  check(fd >= 0, Stage::kLoopback);
  ifreq request{};
  std::memcpy(request.ifr_name, "lo", 3);
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  check(::ioctl(fd, SIOCSIFFLAGS, &request) == 0, Stage::kLoopback);
  ::close(fd);
}

// While the capabilities to bind any port are there, and the new root can still be written.
void Child::hand_listeners_over() const noexcept {
  for (std::size_t i = 0; i < plan.listeners.size(); ++i) {
    Handover handover{Handover::Kind::kListener, static_cast<std::uint32_t>(i), 0};
    const int fd = make_listener(plan.listeners[i]);
    if (fd < 0) handover.error = errno;
    check(fd >= 0 || plan.listeners[i].optional, Stage::kListen);
    check(hand_over(plan.control_fd, handover, fd), Stage::kListen);
    if (fd >= 0) ::close(fd);
  }
}

// ---- the payload
// ----------------------------------------------------------------------------------------------

void Child::apply_landlock() const noexcept {
  const auto ruleset = static_cast<int>(
      sys::landlock_create_ruleset(&plan.landlock_attr, plan.landlock_attr_size, 0));
  check(ruleset >= 0, Stage::kLandlock);
  for (const LandlockRule& rule : plan.landlock_rules) {
    const int fd = ::open(rule.path, O_PATH | O_CLOEXEC);
    if (fd < 0 && rule.optional) continue;
    check(fd >= 0, Stage::kLandlock);
    struct stat info{};
    check(::fstat(fd, &info) == 0, Stage::kLandlock);
    sys::LandlockPathBeneathAttr beneath{S_ISDIR(info.st_mode) ? rule.access : rule.file_access,
                                         fd};
    check(sys::landlock_add_rule(ruleset, sys::kLandlockRulePathBeneath, &beneath) == 0,
          Stage::kLandlock);
    ::close(fd);
  }
  for (const std::uint64_t port : plan.landlock_connect_ports) {
    const sys::LandlockNetPortAttr net{sys::kLandlockNetConnectTcp, port};
    check(sys::landlock_add_rule(ruleset, sys::kLandlockRuleNetPort, &net) == 0, Stage::kLandlock);
  }
  check(sys::landlock_restrict_self(ruleset) == 0, Stage::kLandlock);
  ::close(ruleset);
}

void Child::drop_capabilities() const noexcept {
  for (int capability = 0; capability <= 63; ++capability) {
    if (::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0) continue;
    if (errno == EINVAL) break;  // past the last one that this kernel knows
    // Without CAP_SETPCAP (reduced mode, ordinary user) the bounding set cannot be emptied; with
    // no_new_privs and an empty permitted set nothing can be gained from it.
    if (errno == EPERM && !plan.namespaces) break;
    fail(Stage::kCapabilities);
  }
  if (plan.namespaces || ::geteuid() == 0) {
    // uid 0 must not get capabilities back at exec (capabilities(7), "securebits").
    const unsigned long bits = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |
                               SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED |
                               SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;
    if (::prctl(PR_SET_SECUREBITS, bits, 0, 0, 0) != 0 && !(errno == EPERM && !plan.namespaces))
      fail(Stage::kCapabilities);
  }
  ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> none{};
  check(::syscall(SYS_capset, &header, none.data()) == 0, Stage::kCapabilities);
}

// A BEAM ignores SIGCHLD and blocks signals, and may be our parent; the command must start with
// neither.
void Child::reset_signals() const noexcept {
  struct sigaction action{};
  for (int signal = 1; signal < NSIG; ++signal) {
    action.sa_handler = SIG_DFL;
    for (const int kept : plan.keep_ignored) {
      if (kept == signal) action.sa_handler = SIG_IGN;
    }
    ::sigaction(signal, &action,
                nullptr);  // fails for SIGKILL, SIGSTOP and glibc's own two: nothing to reset there
  }
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

// The last step before the exec, which is the first call that the filter stops.
void Child::install_monitor_filter() const noexcept {
  const sock_fprog program{static_cast<unsigned short>(plan.monitor_filter.size()),
                           const_cast<sock_filter*>(plan.monitor_filter.data())};
  const auto listener = static_cast<int>(
      ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program));
  check(listener >= 0, Stage::kExecFilter);
  check(hand_over(plan.control_fd, {Handover::Kind::kExecListener}, listener), Stage::kExecFilter);
  ::close(listener);
}

void Child::take_stdio() const noexcept {
  if (plan.own_session) {
    // Every signal is blocked: SIGTTOU does not stop us.
    check(::setpgid(0, 0) == 0 && ::tcsetpgrp(plan.stdio[0], ::getpid()) == 0, Stage::kTerminal);
  }
  for (int target = 0; target < 3; ++target) {
    const int given = plan.stdio[static_cast<std::size_t>(target)];
    if (given >= 0) check(::dup2(given, target) == target, Stage::kDescriptors);
  }
}

void Child::payload() const noexcept {
  if (!plan.namespaces) ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  take_stdio();
  for (const RlimitStep& step : plan.limits) {
    check(::setrlimit(static_cast<__rlimit_resource>(step.resource), &step.limit) == 0,
          Stage::kLimits);
  }
  check(::chdir(plan.cwd) == 0, Stage::kWorkingDirectory);
  check(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, Stage::kNoNewPrivileges);
  if (plan.landlock) apply_landlock();
  check(sys::close_range(3, ~0U, 1U << 2 /* CLOSE_RANGE_CLOEXEC */) == 0, Stage::kDescriptors);
  reset_signals();
  if (!plan.seccomp.empty()) {
    const sock_fprog program{static_cast<unsigned short>(plan.seccomp.size()),
                             const_cast<sock_filter*>(plan.seccomp.data())};
    check(::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0, Stage::kSeccomp);
  }
  if (!plan.monitor_filter.empty()) install_monitor_filter();
  ::execve(plan.program, plan.argv, plan.envp);
  fail(Stage::kExec);
}

// ---- init
// -----------------------------------------------------------------------------------------------------

std::int64_t microseconds(const timeval& time) noexcept {
  return time.tv_sec * 1'000'000LL + time.tv_usec;
}

// Reduced mode has no pid namespace whose death takes everything along: kill our children until
// there are none. Orphans of a killed child come to us (PR_SET_CHILD_SUBREAPER) before its status
// does, so that ECHILD means nobody is left; the list in /proc may miss some (proc(5), "children").
// SIGCHLD has to be blocked.
void kill_descendants() noexcept {
  sigset_t child_signal;
  ::sigemptyset(&child_signal);
  ::sigaddset(&child_signal, SIGCHLD);
  constexpr timespec kRound{0, 2'000'000};
  for (;;) {
    const int fd = ::open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    std::array<char, 4096> text{};
    const ssize_t length = ::read(fd, text.data(), text.size() - 1);
    ::close(fd);
    if (length < 0) return;
    for (char* cursor = text.data(); *cursor != '\0';) {
      char* end = nullptr;
      const long pid = std::strtol(cursor, &end, 10);
      if (end == cursor || *end != ' ') break;  // cut off: the next round has it whole
      if (pid > 0) ::kill(static_cast<pid_t>(pid), SIGKILL);
      cursor = end;
    }
    pid_t reaped = 0;
    while ((reaped = ::waitpid(-1, nullptr, WNOHANG)) > 0) {
    }
    if (reaped < 0 && errno == ECHILD) return;
    ::sigtimedwait(&child_signal, nullptr, &kRound);
  }
}

bool receive(int control, Order& order) noexcept {
  ssize_t n = 0;
  do {
    n = ::recv(control, &order, sizeof(order), 0);
  } while (n < 0 && errno == EINTR);
  return n == static_cast<ssize_t>(sizeof(order));
}

// Without a word the parent died, or gave up and knows why.
void await(int control, Order::Kind kind) noexcept {
  Order order;
  if (!receive(control, order) || order.kind != kind) ::_exit(125);
}

void connect_for_supervisor(int control, const Order& order) noexcept {
  Handover handover{Handover::Kind::kConnection, order.id, 0};
  const int fd = connect_inside(order.port);
  if (fd < 0) handover.error = errno;
  static_cast<void>(hand_over(control, handover, fd));  // fails when the supervisor is gone
  if (fd >= 0) ::close(fd);
}

// Whatever could fail is done before the command is there.
int Child::prepare_init() const noexcept {
  sigset_t child_signal;
  ::sigemptyset(&child_signal);
  ::sigaddset(&child_signal, SIGCHLD);
  const int ended = ::signalfd(-1, &child_signal, SFD_CLOEXEC | SFD_NONBLOCK);
  check(ended >= 0, Stage::kSpawnPayload);
  return ended;
}

void Child::init(pid_t command, int ended) const noexcept {
  // Nothing of the host is kept: init outlives the payload's start and must not be worth attacking.
  // The command's standard descriptors too: a reader sees the end when the command closes its own.
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  close_all_but({plan.control_fd, plan.report_fd, ended, -1, -1}, 0);  // worked before
  std::array<pollfd, 2> events{pollfd{plan.control_fd, POLLIN, 0}, pollfd{ended, POLLIN, 0}};
  for (;;) {
    if (::poll(events.data(), events.size(), -1) < 0 && errno != EINTR) break;
    if (events[0].revents != 0) {
      Order order;
      if (!receive(plan.control_fd, order)) break;  // the supervisor is gone
      if (order.kind == Order::Kind::kSignal)
        ::kill(order.signal == SIGCONT ? -command : command, order.signal);
      if (order.kind == Order::Kind::kConnect) connect_for_supervisor(plan.control_fd, order);
    }
    if (events[1].revents == 0) continue;
    signalfd_siginfo info{};
    while (::read(ended, &info, sizeof(info)) > 0) {
    }
    int status = 0;
    const int how = WNOHANG | (plan.own_session ? WUNTRACED : 0);
    for (pid_t pid = 0; (pid = ::waitpid(-1, &status, how)) > 0;) {
      if (pid != command) continue;
      if (WIFSTOPPED(status)) {
        Report stopped{};
        stopped.kind = Report::Kind::kStopped;
        send(stopped);
        continue;
      }
      if (!plan.namespaces) kill_descendants();
      rusage usage{};
      ::getrusage(RUSAGE_CHILDREN, &usage);
      Report report{};
      report.kind = Report::Kind::kEnded;
      report.status = status;
      // Whoever lost their parent is a child of ours, a traced one too.
      while ((pid = ::waitpid(-1, nullptr, WNOHANG)) > 0) {
      }
      report.alone = plan.namespaces && pid < 0 && errno == ECHILD ? 1 : 0;
      report.cpu_us = microseconds(usage.ru_utime) + microseconds(usage.ru_stime);
      report.max_rss_kib = usage.ru_maxrss;
      send(report);
      ::_exit(0);  // the kernel kills what is left of the namespace
    }
  }
  if (!plan.namespaces) kill_descendants();
  ::_exit(125);
}

}  // namespace

void child_main(const ChildPlan& plan) noexcept {
  Child child{plan};
  // At once: with the parent's end among them we would not see the parent die.
  const std::array<int, 5> own{plan.control_fd, plan.report_fd, plan.stdio[0], plan.stdio[1],
                               plan.stdio[2]};
  const int inherited = close_all_but(own, 3) ? 0 : errno;
  if (plan.namespaces) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  } else {
    // No PDEATHSIG here: init must outlive the supervisor long enough to end what it started.
    child.check(::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0, Stage::kHandshake);
  }
  struct sigaction reset{};
  reset.sa_handler = SIG_DFL;
  ::sigaction(SIGCHLD, &reset, nullptr);  // ignored, children would vanish without a status
  await(plan.control_fd, Order::Kind::kBuild);
  if (inherited != 0) child.fail(Stage::kDescriptors, inherited);

  if (plan.namespaces) {
    child.become_private();
    child.open_trees();
    child.open_sources();
    child.build_root();
    child.loopback_up();
    child.hand_listeners_over();
    child.seal_root();
  }
  if (plan.own_session) {
    child.check(::setsid() >= 0 && ::ioctl(plan.stdio[0], TIOCSCTTY, 0) == 0, Stage::kTerminal);
  }
  child.drop_capabilities();
  const int ended = child.prepare_init();
  await(plan.control_fd, Order::Kind::kStart);
  // In our memory until its exec, while we wait: nothing is copied that it would throw away. Not
  // where we must not be held up by an exec that takes long: without a pid namespace only we can
  // end it, and in a session of its own it may be stopped from the keyboard, which we have to tell.
  alignas(16) static std::array<char, 65536> stack;
  const int sharing = plan.namespaces && !plan.own_session ? CLONE_VM | CLONE_VFORK : 0;
  const pid_t command =
      ::clone(&Child::start_payload, stack.data() + stack.size(), sharing | SIGCHLD, &child);
  child.check(command >= 0, Stage::kSpawnPayload);
  child.init(command, ended);
}

const char* stage_name(Stage stage) noexcept {
  switch (stage) {
    case Stage::kHandshake:
      return "handshake";
    case Stage::kPrivateMounts:
      return "private_mounts";
    case Stage::kProject:
      return "open_tree";
    case Stage::kOpenSource:
      return "open_source";
    case Stage::kNewRoot:
      return "new_root";
    case Stage::kMakeTarget:
      return "make_target";
    case Stage::kOverlay:
      return "overlay";
    case Stage::kBind:
      return "bind";
    case Stage::kTmpfs:
      return "tmpfs";
    case Stage::kProc:
      return "mount_proc";
    case Stage::kDevpts:
      return "mount_devpts";
    case Stage::kPivotRoot:
      return "pivot_root";
    case Stage::kSealRoot:
      return "seal_root";
    case Stage::kLoopback:
      return "loopback";
    case Stage::kTerminal:
      return "terminal";
    case Stage::kListen:
      return "listen";
    case Stage::kSpawnPayload:
      return "spawn_payload";
    case Stage::kLimits:
      return "limits";
    case Stage::kWorkingDirectory:
      return "working_directory";
    case Stage::kNoNewPrivileges:
      return "no_new_privileges";
    case Stage::kLandlock:
      return "landlock";
    case Stage::kCapabilities:
      return "capabilities";
    case Stage::kDescriptors:
      return "descriptors";
    case Stage::kSeccomp:
      return "seccomp";
    case Stage::kExecFilter:
      return "exec_filter";
    case Stage::kExec:
      return "exec";
  }
  return "unknown";
}

}  // namespace mixguard::sandbox
