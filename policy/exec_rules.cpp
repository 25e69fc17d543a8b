// SPDX-License-Identifier: Apache-2.0
#include "policy/exec_rules.hpp"

#include <algorithm>

#include "policy/gates.hpp"
#include "policy/grants.hpp"

namespace mixguard::policy {
namespace {

std::string_view last_component(std::string_view path) { return path.substr(path.rfind('/') + 1); }

bool is_among(std::string_view word, const std::vector<std::string>& words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

bool element_matches(const ArgvElement& element, std::string_view word, bool is_program,
                     const PathScope& scope, std::vector<PathArgument>& paths) {
  if (element.kind == ArgvElement::Kind::kType) {
    return !check_value(element.type, word, scope, paths);
  }
  return is_among(word, element.words) ||
         (is_program && is_among(last_component(word), element.words));
}

bool rest_matches(const ArgvElement& element, const std::vector<std::string>& argv,
                  std::size_t from) {
  if (element.kind == ArgvElement::Kind::kAnyRest) return true;
  const auto begin = argv.begin() + static_cast<std::ptrdiff_t>(std::min(from, argv.size()));
  return !check_gates({begin, argv.end()});
}

bool speaks_of(const ExecRule& rule, const std::vector<std::string>& tasks) {
  return rule.tasks.empty() || std::any_of(tasks.begin(), tasks.end(), [&](const auto& task) {
           return is_among(task, rule.tasks);
         });
}

void add(const ExecRule& rule, ChildVerdict& verdict) {
  if (verdict.rules.empty() || rule.verdict > verdict.verdict) {
    verdict.verdict = rule.verdict;
    verdict.because = rule.because;
    verdict.rules.clear();
  }
  if (rule.verdict == verdict.verdict) verdict.rules.push_back(reference(rule));
  verdict.env_drop.insert(verdict.env_drop.end(), rule.env_drop.begin(), rule.env_drop.end());
}

}  // namespace

bool argv_matches(const ExecRule& rule, const std::vector<std::string>& argv,
                  const PathScope& scope, std::vector<PathArgument>& paths) {
  if (!rule.has_argv) return true;
  for (std::size_t i = 0; i < rule.argv.size(); ++i) {
    const ArgvElement& element = rule.argv[i];
    const bool is_rest =
        element.kind == ArgvElement::Kind::kSafeRest || element.kind == ArgvElement::Kind::kAnyRest;
    if (is_rest) return rest_matches(element, argv, i);
    if (i >= argv.size() || !element_matches(element, argv[i], i == 0, scope, paths)) return false;
  }
  return argv.size() == rule.argv.size();
}

std::optional<ChildVerdict> judge_child(const Policy& policy, const std::vector<std::string>& tasks,
                                        const std::vector<std::string>& same_files,
                                        const std::vector<std::string>& argv,
                                        const PathScope& scope) {
  ChildVerdict verdict;
  for (const Ruleset& layer : policy.layers()) {
    for (const ExecRule& rule : layer.execs) {
      std::vector<PathArgument> paths;
      const bool is_file = std::any_of(rule.paths.begin(), rule.paths.end(), [&](const auto& path) {
        return is_among(path, same_files);
      });
      const bool matches = rule.as_child && is_file && speaks_of(rule, tasks) &&
                           argv_matches(rule, argv, scope, paths);
      if (matches) add(rule, verdict);
    }
  }
  if (verdict.rules.empty()) return std::nullopt;
  return verdict;
}

std::vector<std::string> child_paths(const Policy& policy) {
  std::vector<std::string> paths;
  for (const Ruleset& layer : policy.layers()) {
    for (const ExecRule& rule : layer.execs) {
      if (rule.as_child) paths.insert(paths.end(), rule.paths.begin(), rule.paths.end());
    }
  }
  return paths;
}

}  // namespace mixguard::policy
