// SPDX-License-Identifier: Apache-2.0
#pragma once

// Kills a process at a chosen system call of those that change something.

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <functional>

namespace mixguard::testing {

inline bool changes_something(const __ptrace_syscall_info& info) {
  switch (info.entry.nr) {
    case SYS_openat:
      return (info.entry.args[2] & (O_CREAT | O_TRUNC)) != 0;
    case SYS_write:
    case SYS_pwrite64:
    case SYS_copy_file_range:
    case SYS_ftruncate:
    case SYS_fallocate:
    case SYS_rename:
    case SYS_renameat2:
    case SYS_unlink:
    case SYS_unlinkat:
    case SYS_mkdir:
    case SYS_mkdirat:
    case SYS_mknodat:
    case SYS_symlinkat:
    case SYS_fchmod:
    case SYS_fchmodat:
    case SYS_chmod:
    case SYS_fchownat:
    case SYS_utimensat:
    case SYS_fremovexattr:
    case SYS_fsync:
    case SYS_fdatasync:
    case SYS_syncfs:
      return true;
    default:
      return false;
  }
}

// From here on the victim's system calls count.
inline void start_counting() { ::sched_yield(); }

[[noreturn]] inline void be_victim(const std::function<bool()>& act) {
  ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
  ::raise(SIGSTOP);
  bool good = false;
  try {
    good = act();
  } catch (...) {
    good = false;
  }
  ::_exit(good ? 0 : 1);
}

// Runs `act` in a process that dies right before its `kill_at`th change. True when it was killed,
// false when it came to its end before.
inline bool killed_at(int kill_at, const std::function<bool()>& act) {
  const pid_t victim = ::fork();
  if (victim == 0) be_victim(act);
  int status = 0;
  REQUIRE(::waitpid(victim, &status, 0) == victim);
  ::ptrace(PTRACE_SETOPTIONS, victim, nullptr, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
  bool counting = false;
  for (int count = 0;;) {
    ::ptrace(PTRACE_SYSCALL, victim, nullptr, nullptr);
    if (::waitpid(victim, &status, 0) != victim) FAIL("the victim cannot be waited for");
    if (WIFEXITED(status)) {
      REQUIRE(WEXITSTATUS(status) == 0);
      return false;
    }
    if (!WIFSTOPPED(status)) FAIL("the victim died by itself");
    __ptrace_syscall_info info{};
    ::ptrace(PTRACE_GET_SYSCALL_INFO, victim, sizeof info, &info);
    if (info.op != PTRACE_SYSCALL_INFO_ENTRY) continue;
    counting = counting || info.entry.nr == SYS_sched_yield;
    if (!counting || !changes_something(info) || ++count < kill_at) continue;
    ::kill(victim, SIGKILL);
    ::waitpid(victim, &status, 0);
    return true;
  }
}

inline void use_memory() {
  // Nothing here depends on the disk, and in memory it is ten times as fast.
  if (std::filesystem::exists("/dev/shm")) ::setenv("TMPDIR", "/dev/shm", 1);
}

}  // namespace mixguard::testing
