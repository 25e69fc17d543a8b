// SPDX-License-Identifier: Apache-2.0
#pragma once

// Landlock: file rights by inode hierarchy, and TCP ports where no network namespace stands behind.
// It backs the mount namespace up, and in reduced mode it is what confines the files. It cannot
// subtract: everything is composed from what is allowed. Not restricted by it on any kernel: stat,
// chmod, chown, setxattr, and (before ABI 9 and 10) connecting to unix sockets by path and UDP;
// other layers deal with those.

#include <cstdint>
#include <string>
#include <vector>

#include "sandbox/child.hpp"
#include "sandbox/sandbox.hpp"

namespace mixguard::sandbox {

// The strings and arrays that a ChildPlan points to for Landlock.
struct LandlockPlan {
  sys::LandlockRulesetAttr attr{};
  std::size_t attr_size = 0;
  std::vector<std::string> paths;
  std::vector<LandlockRule> rules;  // `path` points into `paths`
  std::vector<std::uint64_t> connect_ports;
};

// Prepares the ruleset for the best ABI up to `abi` (1 to 6 are used). `private_view`: the command
// runs in a mount namespace of its own, so "/" is readable and only writes are narrowed; otherwise
// reads are narrowed too, and TCP connections to the ports of `net_ports`.
LandlockPlan prepare_landlock(int abi, bool private_view, const Workspace& workspace,
                              const std::vector<std::uint64_t>& net_ports);

}  // namespace mixguard::sandbox
