// SPDX-License-Identifier: Apache-2.0
#pragma once

// The network's part of what runs after the clone: sockets that are made inside and handed to the
// supervisor. The rules of child.hpp hold: no allocation, no exception, async-signal-safe calls
// only. Every function leaves its errno.

#include "sandbox/child.hpp"

namespace mixguard::sandbox {

// Gives the loopback device `address` (a single one, no network around it).
[[nodiscard]] bool add_loopback_address(const sockaddr_storage& address) noexcept;

// A socket that listens as `step` says, or -1. The directories of a unix socket's path are made.
[[nodiscard]] int make_listener(const ListenStep& step) noexcept;

// A socket on its way to 127.0.0.1:`port`, or -1. Never waits: nobody may accept, and init has
// signals to pass on meanwhile.
[[nodiscard]] int connect_inside(std::uint16_t port) noexcept;

// Sends `handover`, and `fd` with it unless that is -1.
[[nodiscard]] bool hand_over(int control, const Handover& handover, int fd) noexcept;

}  // namespace mixguard::sandbox
