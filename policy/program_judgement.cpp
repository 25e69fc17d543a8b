// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "policy/builtin.hpp"
#include "policy/exec_rules.hpp"
#include "policy/judgement.hpp"
#include "policy/suggestion.hpp"
#include "policy/text.hpp"
#include "policy/values.hpp"

namespace mixguard::policy {
namespace {

std::string quoted_id(const Grant& rule) { return "rule " + quoted(rule.id); }

bool is_of_program(const ExecRule& rule, const Facts& facts) {
  return std::any_of(rule.paths.begin(), rule.paths.end(), [&](const std::string& written) {
    if (facts.project_root.empty() && written.starts_with("${root}")) return false;
    const std::string path = with_root(written, facts.project_root);
    const auto& same = facts.same_file_as_program;
    return path == facts.program_path || std::find(same.begin(), same.end(), path) != same.end();
  });
}

struct Candidates {
  std::vector<const ExecRule*> matched;
  const ExecRule* near = nullptr;
  std::vector<PathArgument> paths;
};

Candidates find_candidates(const Policy::Index& index, const std::vector<std::string>& argv,
                           const Facts& facts) {
  const PathScope scope{facts.project_root, facts.cwd};
  Candidates found;
  for (const Ruleset& layer : index.layers) {
    for (const ExecRule& rule : layer.execs) {
      if (!rule.as_command || !is_of_program(rule, facts)) continue;
      if (argv_matches(rule, argv, scope, found.paths)) {
        found.matched.push_back(&rule);
      } else if (found.near == nullptr || decides_before(&rule, found.near)) {
        found.near = &rule;
      }
    }
  }
  std::sort(found.matched.begin(), found.matched.end(), decides_before);
  return found;
}

Part unmatched_part(const std::vector<std::string>& argv, const Facts& facts,
                    const std::optional<Runtime>& runtime, const ExecRule* near) {
  Refusal refusal{Reason::kLauncher, "", ""};
  if (near != nullptr) {
    refusal = {Reason::kArg, "the arguments are not those of " + quoted_id(*near), near->instead};
  } else if (runtime) {
    refusal.message = runtime->note;
    refusal.instead = runtime->instead;
  } else {
    refusal.message = quoted(argv.front()) +
                      " is not a program that mixguard guards, and no [[exec]] rule with as = "
                      "[\"command\"] names it";
  }
  Part part = refused_part(argv, refusal);
  if (near != nullptr) part.near_miss = reference(*near);
  part.would_allow = suggest_program({argv}, facts.program_path);
  return part;
}

Grants decide(const std::vector<const ExecRule*>& matched, Part& part) {
  const ExecRule& first = *matched.front();
  part.verdict = first.verdict;
  part.because = first.because;
  part.instead = first.instead;
  std::string said = quoted_id(first) + " says " + std::string(to_string(first.verdict)) + " to " +
                     quoted(part.canonical.front());
  const bool is_allowed = part.verdict == Verdict::kAllow;
  if (!is_allowed) {
    part.reason = Reason::kRule;
    part.message = said;
  }
  part.findings.push_back({is_allowed ? Finding::Kind::kPassed : Finding::Kind::kRaised,
                           std::move(said), reference(first)});
  Grants grants;
  for (const ExecRule* rule : matched) {
    if (rule->verdict == part.verdict) part.rules.push_back(reference(*rule));
    if (rule->verdict != Verdict::kDeny) grants.push_back(rule);
  }
  return grants;
}

// A version or a help text, for which the builtin catalogue needs no rule.
Part query_part(const std::vector<std::string>& argv) {
  Part part;
  part.canonical = argv;
  part.verdict = Verdict::kAllow;
  const RuleRef rule{"version", std::string(kBuiltinFile), 0, "builtin"};
  part.rules = {rule};
  part.findings.push_back(
      {Finding::Kind::kPassed, quoted(argv.front()) + " only prints what it is", rule});
  return part;
}

RunMode mode_of(const Grants& grants) {
  bool is_live = false;
  for (const Grant* grant : grants) {
    if (grant->mode == RunMode::kTransaction) return RunMode::kTransaction;
    is_live = is_live || grant->mode == RunMode::kLive;
  }
  return is_live ? RunMode::kLive : RunMode::kTransaction;
}

}  // namespace

Permission judge_program(const Policy::Index& index, const std::vector<std::string>& argv,
                         const Facts& facts, const std::optional<Runtime>& runtime, Part& part) {
  Candidates found = find_candidates(index, argv, facts);
  if (found.matched.empty()) {
    const bool is_query =
        runtime && runtime->is_query && index.has_builtin && found.near == nullptr;
    part = is_query ? query_part(argv) : unmatched_part(argv, facts, runtime, found.near);
    return {};
  }
  part.canonical = argv;
  part.paths = std::move(found.paths);
  Permission permission;
  permission.grants = decide(found.matched, part);
  permission.mode = mode_of(permission.grants);
  return permission;
}

}  // namespace mixguard::policy
