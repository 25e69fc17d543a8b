// SPDX-License-Identifier: Apache-2.0
#pragma once

// Judges every execve(2) and execveat(2) of a run, twice.
//
// Before: a seccomp notification stops the call. What is to be executed is read from the caller's
// memory and judged; a refusal is a clean EACCES. Another thread may change that memory meanwhile,
// so a yes at this point is worth nothing (measured: 18 % of forbidden vectors got past it).
//
// After: the caller is seized (PTRACE_SEIZE) before it may go on, and stops at PTRACE_EVENT_EXEC:
// the new image is there, its memory is its own, no instruction of it has run (ptrace(2)). The
// file, by device and inode, the argument vector and the environment are judged again, from the
// kernel's own record; what does not pass is killed. What passes is let go at once: nothing is
// traced between two execs, so that threads and forks cost nothing.
//
// Within one thread group one exec is let go at a time. Two at once could make the tracer wait for
// a lock that one of them holds while it waits for the tracer (cred_guard_mutex, fs/exec.c).
//
// What this cannot do: code that runs already can do in its process whatever the kernel layers
// allow. Rules for programs say which tools may be started with which words.

#include <sys/types.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "policy/result.hpp"
#include "sandbox/address.hpp"
#include "sandbox/event_loop.hpp"
#include "sandbox/exec_image.hpp"
#include "sandbox/exec_rules.hpp"
#include "sandbox/sys/unique_fd.hpp"

namespace mixguard::sandbox {

class ExecMonitor {
 public:
  // `rules` must outlive the monitor. `loop` is where it waits, for notifications and for SIGCHLD,
  // which has to be blocked.
  // Where the filter tells of connections, `on_connect` is told where each is about to go. They all
  // go on: another thread may change the address after it was read, so that it says what was tried
  // and decides nothing.
  using OnConnect = std::function<void(const Address& destination)>;
  ExecMonitor(const ExecRules& rules, EventLoop& loop, OnConnect on_connect)
      : rules_(rules), loop_(loop), on_connect_(std::move(on_connect)) {}
  ~ExecMonitor();
  ExecMonitor(const ExecMonitor&) = delete;
  ExecMonitor& operator=(const ExecMonitor&) = delete;

  // Takes the listener of the filter that the command has just put on. Its first exec is the
  // command itself, which the caller chose.
  Result<void> serve(UniqueFd listener);

  [[nodiscard]] const ExecReport& report() const { return report_; }
  // Whether no thread is seized, which would be ours to reap.
  [[nodiscard]] bool is_idle() const { return in_flight_.empty(); }

 private:
  struct Call {  // one system call that waits for an answer
    std::uint64_t id = 0;
    pid_t tid = 0;
    bool by_descriptor = false;  // execveat
    std::uint64_t arguments[5] = {};
  };
  struct Image {  // what a call would execute, or has executed
    std::string path;
    FoundFile file;
    std::vector<std::string> argv;
    std::vector<std::string> environment;
    std::string cwd;
  };
  struct Files {  // of ExecRules, those that a file is
    std::vector<std::string> same;
    std::vector<std::string> copies;
    bool unsure = false;  // for want of descriptors or memory
    [[nodiscard]] bool any() const { return !same.empty() || !copies.empty(); }
  };
  struct Script {
    std::string path;
    Files files;
    std::vector<std::string> argv;  // the script and its own words
  };

  void on_notification();
  void start_command(const Call& call);
  void on_call(const Call& call);
  void on_connection(const Call& call) const;
  void let_pass(const Call& call) const;
  void let_go(const Call& call, pid_t group);
  [[nodiscard]] bool is_waiting(const Call& call) const;
  void answer(const Call& call, int error) const;
  void resume_group(pid_t group);

  void on_children();
  void on_exec(pid_t pid);
  void on_other_stop(pid_t tid, int status);
  void settle(pid_t tid);

  [[nodiscard]] std::optional<Image> announced(const Call& call) const;
  [[nodiscard]] std::optional<Image> begun(pid_t pid) const;
  [[nodiscard]] ExecVerdict judge(pid_t pid, const Image& image);
  [[nodiscard]] bool enter_interpreters(Image& image) const;
  [[nodiscard]] std::optional<Script> script_of(const Image& image) const;
  [[nodiscard]] static bool is_named_plainly(const std::string& word, const FoundFile& file,
                                             const Files& files);
  [[nodiscard]] Files files_of(const FoundFile& file) const;
  [[nodiscard]] bool is_one_of(const FoundFile& file, const std::vector<std::string>& paths) const;
  [[nodiscard]] bool is_known(pid_t pid, const FoundFile& file) const;
  [[nodiscard]] bool comes_from_command(pid_t pid) const;
  void refuse(const Image& image, ExecVerdict verdict, bool killed);

  const ExecRules& rules_;
  EventLoop& loop_;
  OnConnect on_connect_;
  UniqueFd listener_;
  UniqueFd children_;
  std::optional<RootView> view_;
  pid_t command_ = -1;
  bool engine_runs_ = false;
  std::map<pid_t, pid_t> in_flight_;  // seized threads and their groups
  std::set<pid_t> busy_groups_;
  std::map<pid_t, std::deque<Call>> held_;  // by group: calls that wait for the one in flight
  ExecReport report_;
};

}  // namespace mixguard::sandbox
