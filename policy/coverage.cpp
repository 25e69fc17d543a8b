// SPDX-License-Identifier: Apache-2.0
#include "policy/coverage.hpp"

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "policy/expectations.hpp"
#include "policy/text.hpp"

namespace mixguard::policy {
namespace {

using RuleKey = std::pair<std::string, std::string>;  // file, id

bool has_bounds(const ValueType& type) {
  return type.kind != ValueKind::kBool;  // every other kind refuses something
}

// True when `words` give the flag: --name, --name=…, --no-name, -n or -n….
bool gives(const std::vector<std::string>& words, const FlagRule& flag) {
  return std::any_of(words.begin(), words.end(), [&](const std::string& word) {
    const std::string name = word.substr(0, word.find('='));
    if (name == "--" + flag.name || name == "--no-" + flag.name) return true;
    return !flag.alias.empty() && !word.starts_with("--") && word.starts_with("-" + flag.alias);
  });
}

class Coverer {
 public:
  explicit Coverer(const Policy& policy) : policy_(policy) {}

  Coverage run() {
    for (const Ruleset& layer : policy_.layers()) {
      for (const Expectation& expectation : layer.expectations) attempt(layer, expectation);
    }
    for (const Ruleset& layer : policy_.layers()) {
      for (const TaskRule& rule : layer.tasks) judge(rule);
      for (const ExecRule& rule : layer.execs) {
        if (rule.as_command)
          require(reached_.contains({rule.file, rule.id}), rule, unreached(rule));
      }
    }
    for (const Ruleset& layer : policy_.layers()) judge_reasons(layer);
    std::sort(result_.uncovered.begin(), result_.uncovered.end(),
              [](const LintWarning& a, const LintWarning& b) {
                return std::tie(a.file, a.line, a.what) < std::tie(b.file, b.line, b.what);
              });
    return std::move(result_);
  }

 private:
  void attempt(const Ruleset& layer, const Expectation& expectation) {
    const Decision decision = try_expectation(policy_, expectation);
    met_.insert(decision.reason);
    for (const RuleRef& rule : decision.rules) reached_.insert({rule.file, rule.id});
    for (const Part& part : decision.parts) note(part);
    result_.tried.push_back(
        {layer.file, expectation.line, expectation.run, decision.verdict, decision.rules});
  }

  void note(const Part& part) {
    for (const RuleRef& ref : part.rules) {
      if (part.verdict == Verdict::kAllow) allowed_.push_back({{ref.file, ref.id}, part.canonical});
    }
    if (part.reason == Reason::kFlagType && part.near_miss)
      refused_.push_back({{part.near_miss->file, part.near_miss->id}, part.message});
  }

  void judge(const TaskRule& rule) {
    require(reached_.contains({rule.file, rule.id}), rule, unreached(rule));
    if (rule.verdict != Verdict::kAllow) return;
    for (const FlagRule& flag : rule.flags) {
      const std::string name = "rule " + quoted(rule.id) + ": ";
      require(is_used(rule, flag), rule, name + "no expectation is let through with --" + flag.name,
              flag.line);
      if (!has_bounds(flag.type)) continue;
      require(is_broken(rule, flag), rule,
              name + "no expectation is refused for its --" + flag.name, flag.line);
    }
  }

  // Why a policy refuses, as far as this one can at all.
  void judge_reasons(const Ruleset& layer) {
    const auto any = [&](const auto& holds) {
      return std::any_of(layer.tasks.begin(), layer.tasks.end(), holds);
    };
    if (layer.tasks.empty()) return;
    require_reason(layer, Reason::kNoRule, "for want of a rule");
    if (any([](const TaskRule& rule) { return rule.verdict != Verdict::kAllow; }))
      require_reason(layer, Reason::kRule, "by a rule");
    if (any([](const TaskRule& rule) { return rule.has_flags; }))
      require_reason(layer, Reason::kFlagUnknown, "for an unknown flag");
    if (any([](const TaskRule& rule) { return rule.has_args; }))
      require_reason(layer, Reason::kArg, "for an argument");
    if (!layer.env.empty()) require_reason(layer, Reason::kEnv, "for its environment");
  }

  void require_reason(const Ruleset& layer, Reason reason, std::string_view how) {
    ++result_.items;
    if (met_.contains(reason)) return;
    result_.uncovered.push_back(
        {layer.file, 0, concat({to_string(reason), ": no expectation is refused ", how})});
  }

  [[nodiscard]] bool is_used(const TaskRule& rule, const FlagRule& flag) const {
    return std::any_of(allowed_.begin(), allowed_.end(), [&](const auto& one) {
      return one.first == RuleKey(rule.file, rule.id) && gives(one.second, flag);
    });
  }

  [[nodiscard]] bool is_broken(const TaskRule& rule, const FlagRule& flag) const {
    return std::any_of(refused_.begin(), refused_.end(), [&](const auto& one) {
      return one.first == RuleKey(rule.file, rule.id) &&
             one.second.starts_with("--" + flag.name + ":");
    });
  }

  static std::string unreached(const Grant& rule) {
    return "rule " + quoted(rule.id) + ": no expectation reaches it";
  }

  void require(bool covered, const Grant& rule, std::string what, std::uint32_t line = 0) {
    ++result_.items;
    if (!covered)
      result_.uncovered.push_back({rule.file, line == 0 ? rule.line : line, std::move(what)});
  }

  const Policy& policy_;
  Coverage result_;
  std::set<RuleKey> reached_;
  std::set<Reason> met_;
  std::vector<std::pair<RuleKey, std::vector<std::string>>> allowed_;  // rule, canonical words
  std::vector<std::pair<RuleKey, std::string>> refused_;               // nearest rule, message
};

}  // namespace

unsigned Coverage::percent() const {
  return items == 0 ? 100 : static_cast<unsigned>((items - uncovered.size()) * 100 / items);
}

Coverage cover(const Policy& policy) { return Coverer(policy).run(); }

}  // namespace mixguard::policy
