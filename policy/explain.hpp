// SPDX-License-Identifier: Apache-2.0
#pragma once

// A Decision told to a person: the same facts as the JSON, as a tree. It never decides anything; it
// reads what decide() wrote down.

#include <string>

#include "policy/decision.hpp"

namespace mixguard::policy {

struct ExplainStyle {
  bool colour = false;
  unsigned width = 80;  // columns; longer sentences are wrapped with a hanging indent
};

// The whole tree, ending in a newline:
//   DENY   mix do ecto.migrate + ecto.drop              2 parts, the strictest wins
//    1 ecto.migrate        MIX_ENV=dev   ALLOW  migrate  .mixguard.toml:42
//    2 ecto.drop …
[[nodiscard]] std::string explain(const Decision& decision, const ExplainStyle& style);

// The one or two lines that `run` prints to standard error when it refuses: what, why, by which
// rule, what instead. Empty for what is allowed.
[[nodiscard]] std::string refusal(const Decision& decision);

// `mixguard policy show`: the effective policy, layer by layer, every rule with its file:line.
class Policy;
[[nodiscard]] std::string show(const Policy& policy, const ExplainStyle& style);

}  // namespace mixguard::policy
