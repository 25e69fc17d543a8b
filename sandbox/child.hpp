// SPDX-License-Identifier: Apache-2.0
#pragma once

// Everything between clone and exec. The parent prepares a ChildPlan of plain arrays and
// descriptors; child_main() carries it out, step by step, and never returns. After the clone only
// child.cpp runs (and child_network.cpp, for the network's part): no allocation, no exception,
// async-signal-safe calls only. Each failure goes to the parent as (stage, errno) and ends the
// child before anything of the command has run.
//
// Two processes come of it: `init`, pid 1 of the new pid namespace (the VM must never be pid 1: it
// would have to reap, and signals without a handler would not reach it), and the payload, which
// becomes the command.

#include <sys/resource.h>
#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "sandbox/sys/syscall.hpp"

struct sock_filter;

namespace mixguard::sandbox {

// Where a failure happened. The names (stage_name) are what people read: "mixguard: sandbox step
// mount_proc: …".
enum class Stage : std::int32_t {
  kHandshake,
  kPrivateMounts,
  kProject,
  kOpenSource,
  kNewRoot,
  kMakeTarget,
  kOverlay,
  kBind,
  kTmpfs,
  kProc,
  kDevpts,
  kPivotRoot,
  kSealRoot,
  kLoopback,
  kListen,
  kTerminal,
  kSpawnPayload,
  kLimits,
  kWorkingDirectory,
  kNoNewPrivileges,
  kLandlock,
  kCapabilities,
  kDescriptors,
  kSeccomp,
  kExecFilter,
  kExec,
};
[[nodiscard]] const char* stage_name(Stage stage) noexcept;

struct MountStep {
  enum class Kind { kDirectory, kSymlink, kFile, kTmpfs, kBind, kTree, kProc, kDevpts };
  Kind kind = Kind::kDirectory;
  const char* target = nullptr;  // relative to the new root, no leading slash
  const char* source = nullptr;  // bind: host path; symlink, file: its text; tmpfs: the mode, octal
  bool writable = false;
  bool optional = false;  // bind: an absent source is passed over
  bool executable = true;
  // The target lies in what a tree holds: it must exist already and no symlink may lead to it,
  // because making it would follow the tree's symlinks out of the new root.
  bool inside_tree = false;
  bool source_in_project = false;  // `source` is relative to the project; no symlink may lead to it
  std::size_t tree = 0;            // kTree: which of ChildPlan::trees
};

// A tree of the caller's: the project, or another directory that the command sees as it is. It is
// opened again by path after the clone: a descriptor from before belongs to the parent's mount
// namespace, and neither open_tree(2) nor overlayfs accepts it. No symlink is followed, and the
// inode must be the one that the parent pinned.
struct TreePlan {
  const char* root = nullptr;
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  const char* upper = nullptr;  // null: read-only, no overlay
  const char* work = nullptr;
};
struct OpenTree {
  int root = -1;
  int upper = -1;
  int work = -1;
};

struct LandlockRule {
  const char* path = nullptr;
  std::uint64_t access = 0;
  std::uint64_t file_access = 0;  // the part of `access` that applies when path is not a directory
  bool optional = false;
};

// A socket that listens (or is sent datagrams) inside and is served by the supervisor.
struct ListenStep {
  sockaddr_storage address{};
  socklen_t size = 0;
  bool datagrams = false;
  bool add_address = false;  // the loopback device has to be given the address first
  bool optional = false;     // passed over where this kernel has no such address (IPv6)
};

struct RlimitStep {
  int resource = 0;
  rlimit limit{};
};

struct ChildPlan {
  bool namespaces =
      false;  // false: reduced mode, no mounts, init is a child subreaper instead of pid 1
  std::span<const MountStep> mounts;
  std::span<int>
      sources;  // one per mount, filled in by the child with detached copies of the sources
  std::span<const TreePlan> trees;  // the project is the first, where there is one
  std::span<OpenTree> open_trees;   // one per tree, filled in by the child
  const char* staging =
      nullptr;  // an existing directory that the new root covers while it is built

  std::span<const ListenStep> listeners;  // each handed over, in this order

  std::span<const RlimitStep> limits;
  const char* tmpfs_size = nullptr;  // bytes, decimal text: the most that each tmpfs holds
  const char* cwd = nullptr;

  // What the command gets as standard input, output and error; -1: the caller's own.
  std::array<int, 3> stdio{-1, -1, -1};
  // They are a terminal of the command's own: it gets a session there, whose leader is init, so
  // that it can be stopped from the keyboard (an orphaned group cannot).
  bool own_session = false;

  bool landlock = false;
  sys::LandlockRulesetAttr landlock_attr{};
  std::size_t landlock_attr_size = 0;
  std::span<const LandlockRule> landlock_rules;
  std::span<const std::uint64_t> landlock_connect_ports;

  std::span<const sock_filter> seccomp;
  std::span<const sock_filter> monitor_filter;  // whose listener the supervisor gets; empty: none

  // Signals that stay ignored because the caller was started ignoring them (nohup, a shell's `&`).
  std::span<const int> keep_ignored;

  const char* program = nullptr;
  char* const* argv = nullptr;
  char* const* envp = nullptr;

  int control_fd = -1;  // a SOCK_SEQPACKET socket: Orders in, Handovers out; end of file means the
                        // parent died
  int report_fd = -1;   // a pipe for Reports; everything else that is open is closed first thing
};

// What the supervisor tells init over the control socket, one message each.
struct Order {
  // kBuild: the id maps are written, the sandbox can be built. kStart: the command can be started.
  enum class Kind : std::uint8_t { kBuild = 1, kStart = 2, kSignal = 3, kConnect = 4 };
  Kind kind = Kind::kBuild;
  std::uint8_t signal = 0;  // kSignal: for the command; SIGCONT for its whole group
  std::uint16_t port = 0;   // kConnect: of 127.0.0.1 inside; answered by a Handover
  std::uint32_t id = 0;     // kConnect: comes back in the Handover
};

// What the child gives the supervisor over the control socket, one message each, with one
// descriptor unless `error` is set. Never the other way: nothing of the host's gets inside.
struct Handover {
  enum class Kind : std::uint8_t { kExecListener = 1, kListener = 2, kConnection = 3 };
  Kind kind = Kind::kExecListener;
  std::uint32_t id = 0;    // kListener: which of ChildPlan::listeners; kConnection: of the Order
  std::int32_t error = 0;  // errno of what could not be made
};

// What the child writes to report_fd: a kStopped each time the command is stopped in a session of
// its own, and at most one kFailed or one kEnded, smaller than PIPE_BUF and so atomic.
struct Report {
  enum class Kind : std::int32_t { kFailed = 1, kEnded = 2, kStopped = 3 };
  Kind kind = Kind::kFailed;
  std::int32_t stage = 0;   // kFailed
  std::int32_t error = 0;   // kFailed: errno
  std::int32_t status = 0;  // kEnded: wait status of the command
  std::int32_t alone = 0;   // kEnded: no process of the namespace but init was left
  std::int64_t cpu_us = 0;  // kEnded: user and system time of everything that ended inside
  std::int64_t max_rss_kib = 0;
};

// Runs in the cloned process with every signal blocked.
[[noreturn]] void child_main(const ChildPlan& plan) noexcept;

}  // namespace mixguard::sandbox
