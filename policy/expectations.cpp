// SPDX-License-Identifier: Apache-2.0
#include "policy/expectations.hpp"

#include <algorithm>

#include "policy/layout.hpp"
#include "policy/text.hpp"

namespace mixguard::policy {
namespace {

std::string found(const Decision& decision) {
  std::string text(to_string(decision.verdict));
  if (!decision.rules.empty()) text += " by rule " + quoted(decision.rules.front().id);
  if (!decision.message.empty()) text += " (" + decision.message + ")";
  return text;
}

bool is_by(const Decision& decision, const std::string& rule) {
  return rule.empty() || std::any_of(decision.rules.begin(), decision.rules.end(),
                                     [&](const RuleRef& known) { return known.id == rule; });
}

}  // namespace

Facts imaginary_facts(const Policy& policy, const std::string& program,
                      const std::map<std::string, std::string>& environment) {
  Facts facts;
  facts.project_root = "/project";
  facts.cwd = facts.project_root;
  facts.environment_is_complete = false;
  for (const auto& [name, value] : environment) facts.environment.push_back(name + "=" + value);
  for (const std::string& path : policy.command_paths(facts.project_root)) {
    if (path == program || path.ends_with("/" + program)) {
      facts.same_file_as_program.push_back(path);
      facts.program_path = path;
    }
  }
  return facts;
}

Decision try_expectation(const Policy& policy, const Expectation& expectation) {
  return decide(policy, expectation.run,
                imaginary_facts(policy, expectation.run.front(), expectation.env));
}

void check_expectations(const Policy& policy, const Ruleset& layer,
                        std::vector<PolicyError>& errors) {
  for (const Expectation& expectation : layer.expectations) {
    const Decision decision = try_expectation(policy, expectation);
    if (decision.verdict == expectation.is && is_by(decision, expectation.rule)) continue;
    std::string wanted(to_string(expectation.is));
    if (!expectation.rule.empty()) wanted += " by rule " + quoted(expectation.rule);
    errors.push_back({layer.file, expectation.line, 1,
                      "expected " + wanted + " for " + quoted(command_line(expectation.run)) +
                          "; found " + found(decision)});
  }
}

}  // namespace mixguard::policy
