// SPDX-License-Identifier: Apache-2.0
#pragma once

// What this kernel lets the sandbox be, and with that what each test may expect. `tests/helpers/
// hide.cpp` makes less of it and says so in MIXGUARD_HIDDEN: then exactly that has to be missing.

#include <string>
#include <string_view>

#include "sandbox/kernel_support.hpp"

namespace mixguard::test {

class Box;

enum class Strength {
  kFull,     // a view of its own by namespaces
  kReduced,  // Landlock and seccomp in place
  kRefuses,  // nothing would hold: no command may run
};

struct Mode {
  Strength strength = Strength::kFull;
  int landlock_abi = 0;
  std::string refusal;  // kRefuses: what the error says
};
const Mode& mode();
// What the kernel supports, less what hide.cpp can only tell.
[[nodiscard]] sandbox::KernelSupport known_kernel();
[[nodiscard]] bool hidden(std::string_view feature);

// Opens a test: false where nothing may run, after it was seen that nothing does.
[[nodiscard]] bool can_confine(Box& box);
// The same for what only a view of its own can do; elsewhere the test is listed as not tried.
[[nodiscard]] bool has_view(Box& box);

}  // namespace mixguard::test
