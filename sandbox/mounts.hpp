// SPDX-License-Identifier: Apache-2.0
#pragma once

// The command's file system, as an ordered list of mounts on an empty root: what is not listed does
// not exist.

#include <deque>
#include <string>
#include <vector>

#include "sandbox/child.hpp"
#include "sandbox/sandbox.hpp"

namespace mixguard::sandbox {

// Owns the texts that the steps point to.
struct MountPlan {
  std::deque<std::string> texts;  // a deque: growing it moves nothing
  std::vector<MountStep> steps;
  std::vector<int> sources;  // as long as steps, all -1
  std::vector<TreePlan> trees;
  std::vector<OpenTree> open_trees;  // as long as trees, all closed
  const char* staging = nullptr;
};

// Lays out `workspace`: binds, the project and other trees sorted so that what contains comes
// before what is contained, then the kernel's own (/proc read-only, a small /dev, private /tmp,
// /dev/shm and home). `hosts` becomes /etc/hosts, whatever the workspace binds there: the host's
// own file names what does not exist inside.
Result<MountPlan> prepare_mounts(const Workspace& workspace, const std::string& hosts);

}  // namespace mixguard::sandbox
