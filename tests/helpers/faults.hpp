// SPDX-License-Identifier: Apache-2.0
#pragma once

// System calls that fail, for this process and all that it starts: how an old kernel or a
// container's filter looks ("landlock", "clone3", "openat2", "userns"), and each step of the
// sandbox made impossible ("step:pivot_root"). A seccomp filter does it, so the program under test
// needs no hook.

#include <string>
#include <vector>

namespace mixguard::test {

// A system call of one set-up step that can be made to fail alone.
struct StepFault {
  const char* name;   // of the fault
  const char* stage;  // how the sandbox calls the step
};
std::vector<StepFault> step_faults();

// Applies the named ones at once. Sets no_new_privs where it has to (without CAP_SYS_ADMIN).
// Returns what went wrong; empty: nothing did.
[[nodiscard]] std::string make_fail(const std::vector<std::string>& names);

}  // namespace mixguard::test
