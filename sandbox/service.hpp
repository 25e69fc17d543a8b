// SPDX-License-Identifier: Apache-2.0
#pragma once

// Something the supervisor serves while the command runs, beside following it: a turn at a time in
// its event loop, never waiting.

#include <functional>

#include "policy/result.hpp"
#include "sandbox/child.hpp"
#include "sandbox/event_loop.hpp"
#include "sandbox/sys/unique_fd.hpp"

namespace mixguard::sandbox {

class Service {
 public:
  using SendOrder = std::function<bool(const Order&)>;

  virtual ~Service() = default;

  // The child exists and waits for its go. `loop` and `send` last until finish() has returned.
  virtual Result<void> start(EventLoop& loop, SendOrder send) = 0;
  // What the child handed over, offered to each service in turn; true when it was for this one.
  // `fd` is empty when the child could not make it.
  virtual bool take(const Handover& handover, UniqueFd& fd) = 0;
  // No process of the run is left. What is still under way may be brought to its end, for an
  // instant; nothing may be watched in the loop afterwards.
  virtual void finish() = 0;
};

}  // namespace mixguard::sandbox
