// SPDX-License-Identifier: Apache-2.0
#pragma once

// What recorded denials suggest: narrow rules for the project's own policy, each proved by deciding
// the commands again. It proposes and never applies; a rule that would not let its commands through
// is not shown.

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "policy/engine.hpp"

namespace mixguard::policy {

// A command that was refused or asked for, as often as that happened.
struct Denial {
  std::vector<std::string> argv;  // canonical
  Facts facts;                    // as far as they are recorded; MIX_ENV is set where it was known
  std::string reason;             // as recorded: "E_NO_RULE"
  std::size_t count = 0;
  std::string first;  // times as recorded; they compare as text
  std::string last;
};

// The policy that is to be extended: what stands above the project's file, and its text.
struct PolicySource {
  std::vector<Ruleset> above;
  std::string file;  // as shown to people
  std::string text;  // "version = 1\n" where there is none yet
};

struct Proposal {
  std::string id;
  std::string toml;                                // one [[task]] or [[exec]] table
  std::vector<std::vector<std::string>> commands;  // each once, in the order they were seen
  std::size_t count = 0;
  std::string first;
  std::string last;
};

struct Learned {
  std::vector<Proposal> proposals;                   // those most often needed first
  std::map<std::string, std::size_t> not_learnable;  // why no rule is for them, and how many
};

// `text` with tables after it, an empty line before each.
[[nodiscard]] std::string with_tables(std::string_view text,
                                      const std::vector<std::string>& tables);

// The whole policy with `text` as the project's file.
[[nodiscard]] tl::expected<Policy, std::vector<PolicyError>> build_with(const PolicySource& source,
                                                                        std::string_view text);

// One proposal for each task or program and set of environments it was seen in, as far as its
// commands can be said in one rule. Not learnable: what the hard gates, launchers, spelling or a
// rule of a file refused, anything outside dev and test, code, and words that may hold a secret.
// Fails when the project's file is no policy.
[[nodiscard]] tl::expected<Learned, std::vector<PolicyError>> propose(
    const PolicySource& source, const std::vector<Denial>& denials);

// Whether every task of the command is let through.
[[nodiscard]] bool allows(const Policy& policy, const Denial& denial);

}  // namespace mixguard::policy
