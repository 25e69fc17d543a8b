// SPDX-License-Identifier: Apache-2.0
#pragma once

// Starts the sandboxed child and follows it to its end. The child is held by a pidfd and a control
// socket: closing the socket ends everything that was started, whatever it is doing.

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "sandbox/cgroup.hpp"
#include "sandbox/child.hpp"
#include "sandbox/exec_monitor.hpp"
#include "sandbox/sandbox.hpp"
#include "sandbox/service.hpp"

namespace mixguard::sandbox {

struct SpawnOptions {
  std::chrono::milliseconds wall{0};   // 0: no limit
  std::chrono::milliseconds grace{0};  // between SIGTERM and the end, after the wall-clock limit
  std::function<Result<void>()> before_start;                        // as in Command
  std::function<void(const std::function<bool()>& over)> meanwhile;  // as in Command
  const ExecRules* exec_rules = nullptr;                             // for `plan.monitor_filter`
  ExecMonitor::OnConnect on_connect;                                 // where it tells of them
  std::function<void()> at_rest;                                     // as in Command
  bool own_terminal = false;          // where PrivateTerminal::is_called_for()
  policy::Limits limits;              // those of the run as a whole
  const RunCgroup* cgroup = nullptr;  // the run's own, if it has one
  std::vector<Service*> services;
};

// Clones, writes the id maps, lets the child go, forwards signals, waits. `plan` gets its
// descriptors filled in; all the rest must be prepared. Errors are those of starting; a step that
// failed inside is an Error that names it.
Result<Outcome> spawn_and_wait(ChildPlan& plan, const SpawnOptions& options);

}  // namespace mixguard::sandbox
