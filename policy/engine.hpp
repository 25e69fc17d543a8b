// SPDX-License-Identifier: Apache-2.0
#pragma once

// The judgement. A Policy is the effective rule set of all layers, built once; decide() is a pure
// function of the command, the facts and the policy. Order and specificity of rules never matter:
// the strictest of all that match wins, and what nothing matches is the default. Any error on the
// way is a denial.

#include <memory>
#include <string>
#include <vector>

#include "policy/decision.hpp"
#include "policy/facts.hpp"
#include "policy/ruleset.hpp"

namespace mixguard::policy {

// How much a Decision tells of the way to it.
enum class Detail {
  kEverything,  // as explain() needs it
  kRefusals,    // Part::findings may lack the checks that passed
};

class Policy {
 public:
  // Layers in any order; at most one project layer. With none at all the builtin catalogue decides
  // alone. Failing expectations ([[expect]]) make a policy unusable and come back as errors.
  static tl::expected<Policy, std::vector<PolicyError>> build(std::vector<Ruleset> layers);

  [[nodiscard]] const std::vector<Ruleset>& layers() const;
  // Whether the builtin catalogue is underneath: always, until every layer that is present says
  // `extends = []`.
  [[nodiscard]] bool has_builtin() const;
  // Paths written in [[exec]] rules with as = "command", for guard to compare with the program by
  // device and inode; "${root}" is replaced, and a path below it left out where there is no
  // project.
  [[nodiscard]] std::vector<std::string> command_paths(const std::string& project_root) const;

  struct Index;  // by task name, private to the engine

 private:
  friend Decision decide(const Policy&, const std::vector<std::string>&, const Facts&, Detail);
  explicit Policy(std::shared_ptr<const Index> index) : index_(std::move(index)) {}
  std::shared_ptr<const Index> index_;
};

// Judges `argv` (argv[0] is the program: "mix", "iex", "elixir", a path, …). Never throws, never
// fails: what cannot be understood is denied, with the reason. The Decision's id, policy.revision
// and the facts that only the world knows (symlinks of `paths`) are left to guard.
[[nodiscard]] Decision decide(const Policy& policy, const std::vector<std::string>& argv,
                              const Facts& facts, Detail detail = Detail::kEverything);

}  // namespace mixguard::policy
