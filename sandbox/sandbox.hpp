// SPDX-License-Identifier: Apache-2.0
#pragma once

// Runs one command under a policy::Confinement and reports what became of it. This header is the
// whole of the sandbox as `guard` sees it. It refuses to run anything when a layer that is required
// cannot be applied; it does not decide which layers are required (that is the policy's), nor what
// a project or a toolchain is (guard's).

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "policy/confinement.hpp"
#include "policy/result.hpp"
#include "sandbox/exec_rules.hpp"
#include "sandbox/kernel_support.hpp"
#include "sandbox/network_report.hpp"
#include "sandbox/sys/unique_fd.hpp"

namespace mixguard::sandbox {

struct Command {
  std::string program;                   // absolute path that is executed, as seen inside
  std::vector<std::string> argv;         // argv[0] included
  std::vector<std::string> environment;  // "NAME=value"; nothing else is inherited
  std::string cwd;                       // absolute, as seen inside
  // Called while the sandbox is being built; the command is not started before it returns, and not
  // at all when it fails, which is then the error of run(). May be empty.
  std::function<Result<void>()> before_start;
  // Work of the caller's own to do while the command runs. It has to call over() every few
  // milliseconds, which serves the command, and to stop soon after that is true. May be empty.
  std::function<void(const std::function<bool()>& over)> meanwhile;
  // What it may start; used where the layer exec_rules is active.
  ExecRules exec;
  // Called once when the command has come to rest for the first time (it has started, and waits),
  // at the latest after a minute. May be empty.
  std::function<void()> at_rest;
  // When standard input, output and error are a terminal: the command gets one of its own, and
  // bytes pass between the two (sandbox/terminal.hpp).
  bool own_terminal = false;
};

// Something of the host that the command sees. Sources are resolved in the caller's mount namespace
// before anything is mounted; a source that is absent is an error unless `optional`.
struct Bind {
  std::string source;
  std::string target;
  bool writable = false;
  bool optional = false;
};

struct Symlink {
  std::string path;    // absolute, inside
  std::string target;  // its text
};

// A directory that the command sees as it is, or through an overlay of its own: a path dependency,
// a build path outside of the project. In reduced mode it can be read and never written.
struct Tree {
  std::string path;         // absolute real path
  std::string target;       // where it is inside; no symlink
  int fd = -1;              // pins the inode against a swap of its path; owned by the caller
  std::string upper, work;  // on the tree's file system; empty: read-only
};

// The world that the command sees: built from nothing, nothing else of the host exists.
struct Workspace {
  std::string project;  // absolute real path, the same inside and outside; empty: none
  int project_fd = -1;  // pins the project's inode against a swap of its path; owned by the caller
  // Transaction: overlay directories on the project's file system, `work` a new one for each run.
  std::string upper, work;
  std::vector<std::string>
      live_writable;  // live: absolute paths below the project that are written through
  // Not to be seen: below the project in live mode, below trees without an overlay in every one.
  std::vector<std::string> masked_directories, masked_files;
  std::vector<Tree> trees;  // beside the project; none contains the project
  std::vector<Bind> binds;
  std::vector<Symlink> symlinks;
  std::string home;                   // an empty private directory is made here; binds go on top
  std::vector<std::string> readable;  // reduced mode: what of the project may be read, absolute
  std::string scratch;  // reduced mode: a private directory on disk that serves as TMPDIR; owned by
                        // the caller
};

// What is left of a run when its last process is gone: the kernel still takes the namespaces apart,
// which takes a millisecond that the caller can use. Waits at its end.
class Remains {
 public:
  Remains() = default;
  // `init`: pidfd of a child of ours that is exiting.
  explicit Remains(UniqueFd init) : init_(std::move(init)) {}
  Remains(Remains&&) = default;
  Remains& operator=(Remains&&) = default;
  ~Remains() { wait(); }
  void wait();

 private:
  UniqueFd init_;
};

// How the run ended. The first of them that happens wins.
struct Outcome {
  enum class Kind {
    kExited,     // code
    kSignaled,   // signal: it died by one that mixguard did not send for the limits
    kTimedOut,   // the wall-clock limit ended it
    kLimit,      // another limit ended it: `limit` says which, `detail` by how much
    kNotStarted  // the command could not be executed; `detail` names stage and error, and nothing
                 // of it ran
  };
  Kind kind = Kind::kNotStarted;
  int code = 0;
  int signal = 0;
  std::string limit;  // kLimit: as in [limits], "memory", "processes", "cpu", "output"
  std::string detail;
  int error = 0;           // errno of kNotStarted
  bool not_found = false;  // kNotStarted because the program does not exist inside
  int interrupted_by =
      0;  // a signal that somebody sent to mixguard and that was passed on to the command
  std::chrono::milliseconds wall{0};
  std::chrono::milliseconds cpu{0};
  std::uint64_t max_rss = 0;  // bytes, of the largest process
  ExecReport exec;
  NetworkReport network;
  Remains remains;
};

// One layer of the sandbox in this run.
struct LayerReport {
  enum class State { kActive, kDegraded, kUnavailable, kOff };
  std::string name;
  State state = State::kUnavailable;
  std::string detail;  // what is weaker, and why
};

// The layers that `confinement` gets on this machine, in the order they are applied. Fails, naming
// the layer and the remedy, when one that the policy requires is not to be had, or when nothing at
// all would confine the files.
Result<std::vector<LayerReport>> plan_layers(const policy::Confinement& confinement,
                                             const KernelSupport& kernel);

// True when `layers` give the command a view of its own (mount namespace).
[[nodiscard]] bool has_private_view(const std::vector<LayerReport>& layers);
// And when its changes are made on an overlay there: transactions need that.
[[nodiscard]] bool has_overlay(const std::vector<LayerReport>& layers);

// Runs `command` and waits for its end. Standard input, output and error are the caller's,
// untouched (with a limit on output, it and errors pass through pipes; a private terminal is the
// other exception); no other descriptor is inherited. A terminal's settings are afterwards what
// they were before. SIGTERM, SIGHUP, SIGUSR1, SIGUSR2 and (when a process sent them) SIGINT and
// SIGQUIT are passed on to the command. When the caller dies, by SIGKILL too, everything started
// dies. Must be called from a single-threaded process. On return no process of the run is left but
// an init that is exiting, for which `remains` waits.
//
// Fails only when the sandbox could not be built (the message names the stage); then nothing of the
// command ran.
Result<Outcome> run(const policy::Confinement& confinement, const Command& command,
                    const Workspace& workspace, const std::vector<LayerReport>& layers,
                    const KernelSupport& kernel);

}  // namespace mixguard::sandbox
