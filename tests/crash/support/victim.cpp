// SPDX-License-Identifier: Apache-2.0
#include "tests/crash/support/victim.hpp"

#include <elf.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <climits>

namespace mixguard::testing {
namespace {

bool changes_something(const __ptrace_syscall_info& info) {
  switch (info.entry.nr) {
    case SYS_openat:
      return (info.entry.args[2] & (O_CREAT | O_TRUNC)) != 0;
    case SYS_write:
    case SYS_pwrite64:
    case SYS_copy_file_range:
    case SYS_ftruncate:
    case SYS_fallocate:
    case SYS_linkat:
    case SYS_fsetxattr:
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

// What a full disk, or a quota that is used up, refuses.
bool takes_space(const __ptrace_syscall_info& info) {
  switch (info.entry.nr) {
    case SYS_unlink:
    case SYS_unlinkat:
    case SYS_ftruncate:
    case SYS_fchmod:
    case SYS_fchmodat:
    case SYS_chmod:
    case SYS_fchownat:
    case SYS_utimensat:
    case SYS_fremovexattr:
      return false;
    default:
      return changes_something(info);
  }
}

// The call that the victim stands before is not made and returns `error`.
void refuse_call(pid_t victim, int error) {
#if defined(__x86_64__)
  user_regs_struct registers{};
  REQUIRE(::ptrace(PTRACE_GETREGS, victim, nullptr, &registers) == 0);
  registers.orig_rax = static_cast<unsigned long long>(-1);
  registers.rax = static_cast<unsigned long long>(-error);
  REQUIRE(::ptrace(PTRACE_SETREGS, victim, nullptr, &registers) == 0);
#elif defined(__aarch64__)
  int number = -1;
  user_regs_struct registers{};
  iovec one{&number, sizeof number};
  iovec all{&registers, sizeof registers};
  REQUIRE(::ptrace(PTRACE_SETREGSET, victim, NT_ARM_SYSTEM_CALL, &one) == 0);
  REQUIRE(::ptrace(PTRACE_GETREGSET, victim, NT_PRSTATUS, &all) == 0);
  registers.regs[0] = static_cast<unsigned long long>(-error);
  REQUIRE(::ptrace(PTRACE_SETREGSET, victim, NT_PRSTATUS, &all) == 0);
#else
#error "how a system call is refused by a tracer here"
#endif
}

[[noreturn]] void be_victim(const std::function<bool()>& act) {
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

// Follows a stopped victim from one call that counts to the next.
class Follower {
 public:
  using Counts = bool (*)(const __ptrace_syscall_info& info);
  explicit Follower(pid_t victim, Counts counts = changes_something)
      : victim_(victim), counts_(counts) {}

  // To right before its next call that counts; false: it ended before.
  bool next() {
    while (proceed()) {
      __ptrace_syscall_info info{};
      ::ptrace(PTRACE_GET_SYSCALL_INFO, victim_, sizeof info, &info);
      if (info.op != PTRACE_SYSCALL_INFO_ENTRY) continue;
      counting_ = counting_ || info.entry.nr == SYS_sched_yield;
      if (counting_ && counts_(info)) return ++count_, true;
    }
    return false;
  }
  bool reach(int step) {
    while (next()) {
      if (count_ == step) return true;
    }
    return false;
  }
  [[nodiscard]] int count() const { return count_; }
  [[nodiscard]] int exit_code() const { return exit_code_; }

 private:
  // To the next system call; false at the end.
  bool proceed() {
    int status = 0;
    ::ptrace(PTRACE_SYSCALL, victim_, nullptr, nullptr);
    if (::waitpid(victim_, &status, 0) != victim_) FAIL("the victim cannot be waited for");
    if (WIFEXITED(status)) {
      exit_code_ = WEXITSTATUS(status);
      return false;
    }
    if (!WIFSTOPPED(status)) FAIL("the victim died by itself");
    return true;
  }

  pid_t victim_;
  Counts counts_;
  bool counting_ = false;
  int count_ = 0;
  int exit_code_ = -1;
};

pid_t start(const std::function<bool()>& act) {
  const pid_t victim = ::fork();
  if (victim == 0) be_victim(act);
  int status = 0;
  REQUIRE(::waitpid(victim, &status, 0) == victim);
  ::ptrace(PTRACE_SETOPTIONS, victim, nullptr, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
  return victim;
}

}  // namespace

void start_counting() { ::sched_yield(); }

bool killed_at(int step, const std::function<bool()>& act, const std::function<void()>& at_death) {
  const pid_t victim = start(act);
  Follower follower(victim);
  if (!follower.reach(step)) {
    REQUIRE(follower.exit_code() == 0);
    return false;
  }
  at_death();
  int status = 0;
  ::kill(victim, SIGKILL);
  ::waitpid(victim, &status, 0);
  return true;
}

bool killed_at(int step, const std::function<bool()>& act) {
  return killed_at(step, act, [] {});
}

int changes_of(const std::function<bool()>& act) {
  Follower follower(start(act));
  follower.reach(INT_MAX);
  REQUIRE(follower.exit_code() == 0);
  return follower.count();
}

End paused_at(int step, const std::function<bool()>& act, const std::function<void()>& meanwhile) {
  Follower follower(start(act));
  if (!follower.reach(step)) return End::kUntouched;
  meanwhile();
  follower.reach(INT_MAX);
  return follower.exit_code() == 0 ? End::kSucceeded : End::kFailed;
}

End failing_from(int step, int error, const std::function<bool()>& act) {
  const pid_t victim = start(act);
  Follower follower(victim, takes_space);
  while (follower.next()) {
    if (follower.count() >= step) refuse_call(victim, error);
  }
  if (follower.count() < step) return End::kUntouched;
  return follower.exit_code() == 0 ? End::kSucceeded : End::kFailed;
}

}  // namespace mixguard::testing
