// SPDX-License-Identifier: Apache-2.0
#pragma once

// A control group of its own for a run, where a part of the unified hierarchy (cgroup v2) is
// delegated to the caller: the kernel then counts memory and processes as a whole and exactly.
// Version 1 hierarchies are not used, writable or not: they cannot be delegated safely (their
// release agent runs as root), and memory there is accounted apart from the rest. Nothing here
// takes what belongs to a service manager: only what is delegated.

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "policy/confinement.hpp"
#include "policy/result.hpp"
#include "sandbox/sys/unique_fd.hpp"

namespace mixguard::sandbox {

// Where cgroups for runs can be made.
struct CgroupPlace {
  std::string parent;        // absolute directory; empty: nowhere
  bool leave_first = false;  // we are alone in `parent` and have to move out of it: a cgroup with
                             // processes of its own cannot pass controllers on
  std::string why;           // when nowhere
};

// Judges the caller's cgroup `own` ("/a/b", of the "0::" line of /proc/self/cgroup) in the unified
// hierarchy mounted at `mount`. Changes nothing.
[[nodiscard]] CgroupPlace find_cgroup_place(const std::string& mount, const std::string& own);

// As above, for this process.
[[nodiscard]] CgroupPlace find_cgroup_place();

// The cgroup of one run. Removed on destruction, with everything that still runs in it.
class RunCgroup {
 public:
  // Makes it and sets its limits; what `limits` does not name stays unlimited. One process is added
  // to the limit of processes: the sandbox's init is in it, too.
  static Result<RunCgroup> create(const CgroupPlace& place, const policy::Limits& limits);

  RunCgroup(RunCgroup&& other) noexcept;
  RunCgroup& operator=(RunCgroup&&) = delete;
  ~RunCgroup();

  // For clone3(2) with CLONE_INTO_CGROUP.
  [[nodiscard]] int fd() const { return directory_.get(); }
  // For a process that has not started anything yet.
  Result<void> take(pid_t pid) const;

  [[nodiscard]] std::uint64_t cpu_ms() const;    // of all processes, also those that ended
  [[nodiscard]] bool ran_out_of_memory() const;  // the kernel ended processes at the limit

 private:
  RunCgroup() = default;

  std::string path_;
  UniqueFd directory_;
  std::string left_;  // the cgroup that we moved out of, to move back into
};

}  // namespace mixguard::sandbox
