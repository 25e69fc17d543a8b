// SPDX-License-Identifier: Apache-2.0
#pragma once

// System calls and constants newer than Debian 12's headers (linux-libc-dev 6.1, glibc 2.36),
// called raw. Numbers and layouts are the kernel's uapi; they are the same on every architecture
// that mixguard supports (x86_64, arm64).

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>

namespace mixguard::sandbox::sys {

// Landlock (include/uapi/linux/landlock.h, Linux 5.13 to 6.12). Own constants: the packaged header
// stops at ABI 2.
inline constexpr std::uint64_t kLandlockExecute = 1ULL << 0;
inline constexpr std::uint64_t kLandlockWriteFile = 1ULL << 1;
inline constexpr std::uint64_t kLandlockReadFile = 1ULL << 2;
inline constexpr std::uint64_t kLandlockReadDir = 1ULL << 3;
inline constexpr std::uint64_t kLandlockRefer = 1ULL << 13;             // ABI 2
inline constexpr std::uint64_t kLandlockTruncate = 1ULL << 14;          // ABI 3
inline constexpr std::uint64_t kLandlockIoctlDev = 1ULL << 15;          // ABI 5
inline constexpr std::uint64_t kLandlockNetBindTcp = 1ULL << 0;         // ABI 4
inline constexpr std::uint64_t kLandlockNetConnectTcp = 1ULL << 1;      // ABI 4
inline constexpr std::uint64_t kLandlockScopeAbstractUnix = 1ULL << 0;  // ABI 6
inline constexpr std::uint64_t kLandlockScopeSignal = 1ULL << 1;        // ABI 6
inline constexpr unsigned kLandlockCreateRulesetVersion = 1U << 0;
inline constexpr int kLandlockRulePathBeneath = 1;
inline constexpr int kLandlockRuleNetPort = 2;

struct LandlockRulesetAttr {
  std::uint64_t handled_access_fs;
  std::uint64_t handled_access_net;
  std::uint64_t scoped;
};
struct [[gnu::packed]] LandlockPathBeneathAttr {
  std::uint64_t allowed_access;
  std::int32_t parent_fd;
};
struct LandlockNetPortAttr {
  std::uint64_t allowed_access;
  std::uint64_t port;
};

inline long landlock_create_ruleset(const void* attr, std::size_t size, unsigned flags) noexcept {
  return ::syscall(444, attr, size, flags);
}
inline long landlock_add_rule(int ruleset, int type, const void* attr) noexcept {
  return ::syscall(445, ruleset, type, attr, 0U);
}
inline long landlock_restrict_self(int ruleset) noexcept { return ::syscall(446, ruleset, 0U); }

// Mount API by descriptors (Linux 5.2; mount_setattr 5.12).
inline constexpr unsigned kOpenTreeClone = 1;
inline constexpr unsigned kAtRecursive = 0x8000;
inline constexpr unsigned kMoveMountFEmptyPath = 0x00000004;
inline constexpr unsigned kMoveMountTEmptyPath = 0x00000040;
inline constexpr unsigned kFsconfigSetFlag = 0;
inline constexpr unsigned kFsconfigSetString = 1;
inline constexpr unsigned kFsconfigCmdCreate = 6;
inline constexpr unsigned kMountAttrReadOnly = 0x1;
inline constexpr unsigned kMountAttrNoSuid = 0x2;
inline constexpr unsigned kMountAttrNoDev = 0x4;
inline constexpr unsigned kMountAttrNoExec = 0x8;

struct MountAttr {
  std::uint64_t attr_set;
  std::uint64_t attr_clr;
  std::uint64_t propagation;
  std::uint64_t userns_fd;
};

inline int open_tree(int dir, const char* path, unsigned flags) noexcept {
  return static_cast<int>(::syscall(428, dir, path, flags));
}
inline int move_mount(int from_dir, const char* from, int to_dir, const char* to,
                      unsigned flags) noexcept {
  return static_cast<int>(::syscall(429, from_dir, from, to_dir, to, flags));
}
inline int fsopen(const char* type, unsigned flags) noexcept {
  return static_cast<int>(::syscall(430, type, flags));
}
inline int fsconfig(int fs, unsigned command, const char* key, const void* value,
                    int aux) noexcept {
  return static_cast<int>(::syscall(431, fs, command, key, value, aux));
}
inline int fsmount(int fs, unsigned flags, unsigned attributes) noexcept {
  return static_cast<int>(::syscall(432, fs, flags, attributes));
}
inline int mount_setattr(int dir, const char* path, unsigned flags,
                         const MountAttr& attr) noexcept {
  return static_cast<int>(::syscall(442, dir, path, flags, &attr, sizeof(attr)));
}
inline int pivot_root(const char* new_root, const char* put_old) noexcept {
  return static_cast<int>(::syscall(SYS_pivot_root, new_root, put_old));
}
inline int close_range(unsigned first, unsigned last, unsigned flags) noexcept {
  return static_cast<int>(::syscall(436, first, last, flags));
}
inline int openat2(int dir, const char* path, std::uint64_t flags, std::uint64_t mode,
                   std::uint64_t resolve) noexcept {
  open_how how{};
  how.flags = flags;
  how.mode = mode;
  how.resolve = resolve;
  return static_cast<int>(::syscall(437, dir, path, &how, sizeof(how)));
}
inline int pidfd_open(int pid) noexcept { return static_cast<int>(::syscall(434, pid, 0U)); }
inline int pidfd_send_signal(int pidfd, int signal) noexcept {
  return static_cast<int>(::syscall(424, pidfd, signal, nullptr, 0U));
}

// The first argument block of clone3(2), up to `cgroup` (Linux 5.7).
struct CloneArgs {
  std::uint64_t flags;
  std::uint64_t pidfd;
  std::uint64_t child_tid;
  std::uint64_t parent_tid;
  std::uint64_t exit_signal;
  std::uint64_t stack;
  std::uint64_t stack_size;
  std::uint64_t tls;
  std::uint64_t set_tid;
  std::uint64_t set_tid_size;
  std::uint64_t cgroup;
};
inline constexpr std::uint64_t kCloneIntoCgroup = 1ULL << 33;
inline long clone3(const CloneArgs& args) noexcept { return ::syscall(435, &args, sizeof(args)); }

}  // namespace mixguard::sandbox::sys
