// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the tests of the policy layer share: rulesets from text, and an imaginary project to judge
// commands in.

#include <catch2/catch.hpp>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "policy/builtin.hpp"
#include "policy/engine.hpp"
#include "policy/ruleset.hpp"

namespace mixguard::policy::test {

using Words = std::vector<std::string>;

inline Ruleset ruleset(std::string_view text, Layer layer = Layer::kProject,
                       std::string_view file = "p.toml") {
  auto parsed = parse_ruleset("version = 1\n" + std::string(text), file, layer);
  if (!parsed) {
    std::string all;
    for (const PolicyError& error : parsed.error()) all += error.to_string() + "\n";
    FAIL(all);
  }
  return std::move(*parsed);
}

inline Policy policy_of(std::vector<Ruleset> layers) {
  auto built = Policy::build(std::move(layers));
  if (!built) FAIL(built.error().front().to_string());
  return std::move(*built);
}

// A single project policy without the catalogue underneath.
inline Policy bare_policy(std::string_view text) {
  return policy_of({ruleset("extends = []\n" + std::string(text))});
}

inline Facts facts(const std::map<std::string, std::string>& environment = {}) {
  Facts result;
  result.project_root = "/home/u/shop";
  result.cwd = result.project_root;
  for (const auto& [name, value] : environment) result.environment.push_back(name + "=" + value);
  return result;
}

inline Words words(std::string_view line) {
  Words result;
  while (!line.empty()) {
    const std::size_t space = line.find(' ');
    if (space != 0) result.emplace_back(line.substr(0, space));
    line = space == std::string_view::npos ? std::string_view() : line.substr(space + 1);
  }
  return result;
}

inline Decision judge(const Policy& policy, std::string_view line,
                      const std::map<std::string, std::string>& environment = {}) {
  return decide(policy, words(line), facts(environment));
}

inline std::string outcome(const Decision& decision) {
  std::string text(to_string(decision.verdict));
  if (decision.reason != Reason::kNone) text += " " + std::string(to_string(decision.reason));
  return text;
}

// The catalogue alone.
inline const Policy& builtin() {
  static const Policy policy = policy_of({});
  return policy;
}

// Its verdicts in dev, test, staging and prod.
inline std::string verdicts(std::string_view line) {
  std::string text;
  for (const std::string_view env : catalog::kEnvironments) {
    const Decision decision = judge(builtin(), line, {{"MIX_ENV", std::string(env)}});
    text += std::string(text.empty() ? "" : " ") + std::string(to_string(decision.verdict));
  }
  return text;
}

inline std::string outcome(const Policy& policy, std::string_view line,
                           const std::map<std::string, std::string>& environment = {}) {
  return outcome(judge(policy, line, environment));
}

}  // namespace mixguard::policy::test
