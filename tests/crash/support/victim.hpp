// SPDX-License-Identifier: Apache-2.0
#pragma once

// A process that is stopped right before one of the system calls by which it changes something, so
// that what it leaves behind at every one of them can be looked at.

#include <functional>

namespace mixguard::testing {

// From here on the victim's changes count.
void start_counting();

// Runs `act` in a process that dies right before its `step`th change; `at_death` runs here while it
// stands there. True when it was killed, false when it came to its end before. Fails the test when
// `act` returns false or throws.
bool killed_at(int step, const std::function<bool()>& act, const std::function<void()>& at_death);
bool killed_at(int step, const std::function<bool()>& act);

// Runs `act` to its end in a process of its own and returns how many changes it made.
int changes_of(const std::function<bool()>& act);

// What became of a process that was interfered with; kUntouched: it ended before.
enum class End { kUntouched, kSucceeded, kFailed };

// Runs `act` in a process that waits right before its `step`th change while `meanwhile` runs here.
End paused_at(int step, const std::function<bool()>& act, const std::function<void()>& meanwhile);

// Runs `act` in a process for which everything that takes space fails with `error`, from its
// `step`th such call on.
End failing_from(int step, int error, const std::function<bool()>& act);

}  // namespace mixguard::testing
