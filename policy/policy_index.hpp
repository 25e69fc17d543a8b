// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a Policy is made of: all layers, ordered so that one command finds its rules without looking
// at the others'. Private to the engine, explain and lint.

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "policy/confinement.hpp"
#include "policy/engine.hpp"
#include "policy/environment.hpp"

namespace mixguard::policy {

struct StringHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const {
    return std::hash<std::string_view>{}(text);
  }
};

// A rule of a layer, and whether its layer may allow in every environment.
struct IndexedRule {
  const TaskRule* rule = nullptr;
  bool entitled = false;
};

// The rules of the catalogue, made when a task is first asked for. Safe to share between threads.
class BuiltinRules {
 public:
  [[nodiscard]] const std::vector<TaskRule>& of(std::string_view task) const;

 private:
  mutable std::mutex mutex_;
  mutable std::unordered_map<std::string, std::vector<TaskRule>, StringHash, std::equal_to<>>
      rules_;
};

struct Policy::Index {
  explicit Index(std::vector<Ruleset> rulesets);

  [[nodiscard]] const std::vector<IndexedRule>& rules_of(std::string_view task) const;

  std::vector<Ruleset> layers;  // system first, project last
  bool has_builtin = true;
  Verdict default_verdict = Verdict::kDeny;
  std::vector<std::string> layer_names;
  EnvironmentRules environment;
  Confinement common;
  BuiltinRules builtin;

 private:
  std::unordered_map<std::string, std::vector<IndexedRule>, StringHash, std::equal_to<>> tasks_;
};

// Two canonical names that Mix looks up as one module ("a_1", "a1") have one key.
[[nodiscard]] std::string task_key(std::string_view name);

}  // namespace mixguard::policy
