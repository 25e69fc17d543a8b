// SPDX-License-Identifier: Apache-2.0
#include "policy/builtin.hpp"

#include <algorithm>

#include "policy/text.hpp"

namespace mixguard::policy {
namespace {

std::vector<std::string> strings(std::span<const std::string_view> views) {
  return {views.begin(), views.end()};
}

ValueType type_of(const catalog::Type& source) {
  ValueType type;
  type.kind = source.kind;
  if (source.min != catalog::kNoMin) type.min = source.min;
  if (source.max != catalog::kNoMax) type.max = source.max;
  if (source.max_len != 0) type.max_len = source.max_len;
  type.choices = strings(source.choices);
  type.under = source.under;
  if (source.match.empty()) return type;
  Result<Pattern> pattern = Pattern::make(source.match);
  // Every pattern of the catalogue is compiled by a test; one that is broken must not allow more.
  if (pattern) {
    type.match = std::move(*pattern);
  } else {
    type.max_len = 0;
  }
  return type;
}

FlagRule flag_of(const catalog::Flag& source) {
  FlagRule flag;
  flag.name = source.name;
  flag.alias = source.alias;
  flag.type = type_of(source.type);
  flag.repeat = source.repeat;
  return flag;
}

TaskRule base_rule(const catalog::Task& task, Verdict verdict) {
  TaskRule rule;
  rule.id = task.name;
  rule.file = kBuiltinFile;
  rule.layer = Layer::kBuiltin;
  rule.verdict = verdict;
  rule.because = concat({"it ", task.because});
  rule.instead = task.instead;
  rule.names = {std::string(task.name)};
  for (std::size_t i = 0; i < task.verdicts.size(); ++i) {
    if (task.verdicts[i] == verdict) rule.envs.emplace_back(catalog::kEnvironments[i]);
  }
  return rule;
}

// What the command may do once it is allowed; denials need none of it.
void add_grants(const catalog::Task& task, TaskRule& rule) {
  rule.write = strings(task.write);
  rule.net = strings(task.net);
  rule.snapshot.what = strings(task.snapshot);
  rule.snapshot.keeps_build = task.keeps_build;
  if (task.live) rule.mode = RunMode::kLive;
  rule.has_args = true;
  for (const catalog::Arg& arg : task.args) {
    rule.args.push_back({type_of(arg.type), arg.min_count, arg.max_count, 0});
  }
}

void add_flags(const catalog::Task& task, bool with_asking, TaskRule& rule) {
  rule.has_flags = true;
  for (const catalog::Flag& flag : task.flags) {
    if (!flag.asks || with_asking) rule.flags.push_back(flag_of(flag));
  }
}

TaskRule asking_rule(const catalog::Task& task, TaskRule allowing) {
  TaskRule rule = std::move(allowing);
  rule.verdict = Verdict::kAsk;
  rule.because = "one of its flags gives it code, or a place of its own choice to read or write";
  rule.flags.clear();
  add_flags(task, true, rule);
  for (const catalog::Flag& flag : task.flags) {
    if (flag.asks) rule.raised_by.emplace_back(flag.name);
  }
  return rule;
}

}  // namespace

const catalog::Task* find_builtin(std::string_view name) {
  const auto found = std::lower_bound(
      catalog::kTasks.begin(), catalog::kTasks.end(), name,
      [](const catalog::Task& task, std::string_view wanted) { return task.name < wanted; });
  return found != catalog::kTasks.end() && found->name == name ? &*found : nullptr;
}

std::vector<TaskRule> builtin_rules(const catalog::Task& task) {
  std::vector<TaskRule> rules;
  for (const Verdict verdict : {Verdict::kAllow, Verdict::kAsk, Verdict::kDeny}) {
    TaskRule rule = base_rule(task, verdict);
    if (rule.envs.empty()) continue;
    if (verdict == Verdict::kDeny) {
      rules.push_back(std::move(rule));
      continue;
    }
    add_grants(task, rule);
    const bool is_allow = verdict == Verdict::kAllow;
    add_flags(task, !is_allow, rule);
    const bool has_asking = is_allow && std::any_of(task.flags.begin(), task.flags.end(),
                                                    [](const catalog::Flag& f) { return f.asks; });
    if (has_asking) rules.push_back(asking_rule(task, rule));
    rules.push_back(std::move(rule));
  }
  return rules;
}

std::vector<std::string_view> builtin_names() {
  std::vector<std::string_view> names;
  for (const catalog::Task& task : catalog::kTasks) names.push_back(task.name);
  return names;
}

std::string nearest_builtin(std::string_view name) {
  static const Dictionary kNames(builtin_names());
  return kNames.nearest(name);
}

}  // namespace mixguard::policy
