// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "policy/decision.hpp"

namespace mixguard::guard {

enum class Answer { kYes, kNo, kNobody };

// Asks the person at the terminal whether the command may run. kNobody without a terminal on both
// standard input and standard error: a pipe's "yes" is not a person's. Anything but y or yes is
// kNo.
[[nodiscard]] Answer ask_person(const policy::Decision& decision);

}  // namespace mixguard::guard
