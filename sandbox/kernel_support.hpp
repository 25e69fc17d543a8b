// SPDX-License-Identifier: Apache-2.0
#pragma once

// What this kernel, as this user, lets mixguard do: found by trying, not by version numbers,
// because containers and security modules refuse what the version promises.

#include <string>

#include "sandbox/cgroup.hpp"

namespace mixguard::sandbox {

struct KernelSupport {
  bool user_namespaces = false;     // with mount, pid, ipc, uts and network namespaces inside
  std::string user_namespaces_why;  // when not: what was tried and what the kernel said
  std::string user_namespaces_remedy;
  int landlock_abi = 0;  // 0: none
  std::string landlock_why;
  bool seccomp = false;
  bool exec_events = false;  // seccomp notifications, and the right to trace what runs inside
  std::string exec_events_why;
  CgroupPlace cgroup;  // where a run can have a cgroup of its own, or why nowhere
  std::string
      overlay_why;  // why the project's file system cannot hold an overlay's upper; or empty
};

// Probes once, in less than a millisecond: one process in a user namespace, one Landlock version
// query.
[[nodiscard]] KernelSupport probe_kernel();

// Why the project at `path` (absolute, real), whose overlays' upper directories lie below `dir`,
// can have none; empty when it can. The file system of an upper must not be an overlay itself (a
// container's) or remote, and needs file types and attributes that FAT and eCryptfs lack
// (Documentation/filesystems/overlayfs.rst, "Upper and Lower"; by its type, statfs(2)). And nothing
// may be mounted inside the project (a container's volume at _build): a user namespace must not
// uncover what lies below, so the kernel refuses such a lower directory (clone_private_mount() in
// fs/namespace.c; by /proc/self/mountinfo, proc(5)).
[[nodiscard]] std::string why_no_overlay(int dir, const std::string& path);

}  // namespace mixguard::sandbox
