// SPDX-License-Identifier: Apache-2.0
#pragma once

// Why something on a command line is refused, as a Part or a Decision shows it.

#include <string>

#include "policy/decision.hpp"

namespace mixguard::policy {

struct Refusal {
  Reason reason = Reason::kNone;
  std::string message;
  std::string instead;
};

}  // namespace mixguard::policy
