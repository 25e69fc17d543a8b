// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the expectations of a policy reach: a rule that none of them reaches, or a bound that none
// of them breaks, a reason to refuse that none of them meets, may say something else than its
// author thinks.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "policy/engine.hpp"
#include "policy/lint.hpp"

namespace mixguard::policy {

// An expectation and what was decided; all of them hold, for a policy with one that fails is none.
struct TriedExpectation {
  std::string file;
  std::uint32_t line = 0;
  std::vector<std::string> run;
  Verdict verdict = Verdict::kDeny;
  std::vector<RuleRef> rules;
};

struct Coverage {
  std::vector<TriedExpectation> tried;
  std::size_t items = 0;  // what could be reached
  // In file and line order: `rule "migrate": no expectation reaches it`.
  std::vector<LintWarning> uncovered;

  // Whole per cent of the items that are reached, rounded down; 100 for a policy without any.
  [[nodiscard]] unsigned percent() const;
};

// Tries every expectation of every layer. Items are: each [[task]] rule and each [[exec]] rule for
// commands (it must be among those that decided), each flag of an allowing rule (a command with it
// must be let through), and each bound of such a flag (a command must be refused for it).
[[nodiscard]] Coverage cover(const Policy& policy);

}  // namespace mixguard::policy
