// SPDX-License-Identifier: Apache-2.0
#include "policy/exec_rules.hpp"

#include <algorithm>

#include "policy/env_names.hpp"
#include "policy/gates.hpp"
#include "policy/grants.hpp"
#include "policy/suggestion.hpp"
#include "policy/text.hpp"

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

bool is_file(const ExecRule& rule, const std::vector<std::string>& files, const std::string& root) {
  return std::any_of(rule.paths.begin(), rule.paths.end(), [&](const std::string& path) {
    return is_among(with_root(path, root), files);
  });
}

std::string_view name_of(std::string_view variable) {
  return variable.substr(0, std::min(variable.find('='), variable.size()));
}

std::string place(const Grant& rule) {
  return " [" + rule.file + ":" + std::to_string(rule.line) + "]";
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + quoted(word);
  return text;
}

class ChildJudgement {
 public:
  ChildJudgement(const Policy& policy, const ChildScope& scope, const Child& child)
      : policy_(policy), scope_(scope), child_(child) {}

  ChildVerdict run() {
    if (child_.is_known) return allowed();
    for (const Ruleset& layer : policy_.layers()) {
      const bool may_allow =
          layer.layer != Layer::kProject || layer.named_explicitly || is_development(scope_.env);
      for (const ExecRule& rule : layer.execs) consult(rule, may_allow);
    }
    if (!matched_.empty()) return decided();
    if (child_.is_nameless) return denied("a program in a file without a name");
    if (child_.is_loader) return denied("the dynamic loader runs whatever it is given");
    if (!speaks_ && policy_.has_builtin()) return allowed();
    return unmatched();
  }

 private:
  void consult(const ExecRule& rule, bool may_allow) {
    if (!rule.as_child || !speaks_of(rule, scope_.tasks)) return;
    const bool lifts = rule.verdict != Verdict::kDeny;
    if (lifts && (!may_allow || scope_.tasks.empty())) return;
    speaks_ |= lifts;
    const bool is_it = is_file(rule, child_.same, scope_.project_root) ||
                       (!lifts && is_file(rule, child_.copies, scope_.project_root));
    if (!is_it) return;
    std::vector<PathArgument> paths;
    if (argv_matches(rule, child_.argv, {scope_.project_root, child_.cwd}, paths)) {
      matched_.push_back(&rule);
    } else if (lifts && near_ == nullptr) {
      near_ = &rule;
    }
  }

  ChildVerdict decided() {
    std::sort(matched_.begin(), matched_.end(), decides_before);
    const ExecRule& first = *matched_.front();
    if (first.verdict != Verdict::kAllow) {
      std::string why = "rule " + quoted(first.id) +
                        (first.verdict == Verdict::kAsk
                             ? " asks for it, and there is nobody to ask for what a command starts"
                             : " denies it") +
                        place(first);
      if (!first.because.empty()) why += " because " + first.because;
      if (!first.instead.empty()) why += "; instead: " + first.instead;
      return {false, std::move(why), "", {}};
    }
    ChildVerdict verdict = allowed();
    for (const ExecRule* rule : matched_) {
      verdict.env_drop.insert(verdict.env_drop.end(), rule->env_drop.begin(), rule->env_drop.end());
    }
    for (const std::string& variable : child_.environment) {
      if (!is_poisoned(variable, verdict.env_drop)) continue;
      const std::string name(name_of(variable));
      return {false,
              "it was given " + name + ", which can make it run other code; rule " +
                  quoted(first.id) + " could drop it with env_drop = [" + quoted(name) + "]" +
                  place(first),
              "",
              {}};
    }
    return verdict;
  }

  // What the start scripts of Erlang export tells only them something.
  bool is_poisoned(std::string_view variable, const std::vector<std::string>& dropped) const {
    const std::string_view name = name_of(variable);
    if (!injects_code(name) || is_of_erlang(name)) return false;
    if (is_among(variable, scope_.environment)) return false;
    return std::none_of(dropped.begin(), dropped.end(),
                        [&](const auto& pattern) { return glob_matches(pattern, name); });
  }
  static bool is_of_erlang(std::string_view name) {
    return name == "BINDIR" || name == "ROOTDIR" || name == "EMU" || name == "PROGNAME";
  }

  ChildVerdict unmatched() const {
    ChildVerdict verdict;
    verdict.why = near_ != nullptr
                      ? "the arguments are not those of rule " + quoted(near_->id) + place(*near_)
                      : "no [[exec]] rule allows it under " + joined(scope_.tasks);
    verdict.would_allow = suggest_child(child_.argv, child_.path, scope_.tasks);
    return verdict;
  }

  static ChildVerdict allowed() { return {true, "", "", {}}; }
  static ChildVerdict denied(std::string why) { return {false, std::move(why), "", {}}; }

  const Policy& policy_;
  const ChildScope& scope_;
  const Child& child_;
  std::vector<const ExecRule*> matched_;
  const ExecRule* near_ = nullptr;
  bool speaks_ = false;  // some rule allows or asks under these tasks
};

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

ChildVerdict judge_child(const Policy& policy, const ChildScope& scope, const Child& child) {
  return ChildJudgement(policy, scope, child).run();
}

std::vector<std::string> child_paths(const Policy& policy, const std::string& project_root) {
  std::vector<std::string> paths;
  for (const Ruleset& layer : policy.layers()) {
    for (const ExecRule& rule : layer.execs) {
      if (!rule.as_child) continue;
      for (const std::string& path : rule.paths) paths.push_back(with_root(path, project_root));
    }
  }
  std::sort(paths.begin(), paths.end());
  paths.erase(std::unique(paths.begin(), paths.end()), paths.end());
  return paths;
}

}  // namespace mixguard::policy
