// SPDX-License-Identifier: Apache-2.0
#pragma once

// A Decision taken apart into what one can compare and list: whether the command may run, and each
// kind of thing that it is given.

#include <string>
#include <string_view>
#include <vector>

#include "policy/decision.hpp"

namespace mixguard::policy {

enum class Aspect {
  kDecision,
  kVariable,
  kWrite,
  kNet,
  kMode,
  kSnapshot,
  kRead,
  kHidden,
  kPublish,
  kLimits,
  kSafeguards,
};

// "decision", "variable", "write", "network", "mode", "snapshot", "read", "hidden", "published",
// "limits", "safeguards"
[[nodiscard]] std::string_view to_string(Aspect aspect);
[[nodiscard]] std::string_view to_string(Requirement requirement);

// What the decision says of an aspect, one item an element and sorted: {"deny"}, {"_build/**"},
// {"wall 10m"}. Nothing for kVariable.
[[nodiscard]] std::vector<std::string> items(Aspect aspect, const Decision& decision);
[[nodiscard]] std::vector<std::string> limit_list(const Limits& limits);

// Whether `to` lets the command do anything that `from` does not: run at all or without being
// asked, write elsewhere, reach something, work without an overlay, leave less to go back to, run
// longer, insist on less. Both ways round is possible.
[[nodiscard]] bool gives_more(Aspect aspect, const Decision& from, const Decision& to);

}  // namespace mixguard::policy
