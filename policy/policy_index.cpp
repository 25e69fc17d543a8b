// SPDX-License-Identifier: Apache-2.0
#include "policy/policy_index.hpp"

#include <algorithm>

#include "policy/builtin.hpp"
#include "policy/grants.hpp"
#include "policy/text.hpp"

namespace mixguard::policy {
namespace {

// Files of one layer keep the order that they were given in.
std::vector<Ruleset> in_order(std::vector<Ruleset> layers) {
  std::vector<Ruleset> ordered;
  ordered.reserve(layers.size());
  for (const Layer layer : {Layer::kBuiltin, Layer::kSystem, Layer::kUser, Layer::kProject}) {
    for (Ruleset& ruleset : layers) {
      if (ruleset.layer == layer) ordered.push_back(std::move(ruleset));
    }
  }
  return ordered;
}

bool extends_builtin(const std::vector<Ruleset>& layers) {
  return layers.empty() || std::any_of(layers.begin(), layers.end(),
                                       [](const Ruleset& layer) { return !layer.extends.empty(); });
}

// The strictest of the layers that name a default.
Verdict strictest_default(const std::vector<Ruleset>& layers) {
  bool is_named = false;
  Verdict verdict = Verdict::kAllow;
  for (const Ruleset& layer : layers) {
    if (!layer.default_verdict) continue;
    is_named = true;
    verdict = std::max(verdict, *layer.default_verdict);
  }
  return is_named ? verdict : Verdict::kDeny;
}

std::vector<std::string> names_of(const std::vector<Ruleset>& layers, bool has_builtin) {
  std::vector<std::string> names;
  if (has_builtin) names.emplace_back(to_string(Layer::kBuiltin));
  for (const Ruleset& layer : layers) {
    std::string name(to_string(layer.layer));
    if (names.empty() || names.back() != name) names.push_back(std::move(name));
  }
  return names;
}

bool is_entitled(const Ruleset& layer) {
  return layer.layer != Layer::kProject || layer.named_explicitly;
}

}  // namespace

const std::vector<TaskRule>& BuiltinRules::of(std::string_view task) const {
  const std::lock_guard lock(mutex_);
  if (const auto found = rules_.find(task); found != rules_.end()) return found->second;
  const catalog::Task* entry = find_builtin(task);
  std::vector<TaskRule> rules = entry == nullptr ? std::vector<TaskRule>() : builtin_rules(*entry);
  static const std::vector<TaskRule> kNone;
  if (rules.empty()) return kNone;
  return rules_.emplace(std::string(task), std::move(rules)).first->second;
}

Policy::Index::Index(std::vector<Ruleset> rulesets)
    : layers(in_order(std::move(rulesets))),
      has_builtin(extends_builtin(layers)),
      default_verdict(strictest_default(layers)),
      layer_names(names_of(layers, has_builtin)),
      environment(layers),
      common(common_confinement(layers)) {
  for (const Ruleset& layer : layers) {
    for (const TaskRule& rule : layer.tasks) {
      for (const std::string& name : rule.names) {
        tasks_[task_key(name)].push_back({&rule, is_entitled(layer)});
      }
    }
  }
}

const std::vector<IndexedRule>& Policy::Index::rules_of(std::string_view task) const {
  static const std::vector<IndexedRule> kNone;
  const auto found = tasks_.find(task_key(task));
  return found == tasks_.end() ? kNone : found->second;
}

std::string task_key(std::string_view name) {
  std::string key;
  key.reserve(name.size());
  for (std::size_t i = 0; i < name.size(); ++i) {
    const bool is_silent = name[i] == '_' && i + 1 < name.size() && is_digit(name[i + 1]);
    if (!is_silent) key += name[i];
  }
  return key;
}

}  // namespace mixguard::policy
