// SPDX-License-Identifier: Apache-2.0
#include "policy/environment.hpp"

#include <algorithm>

#include "policy/builtin.hpp"
#include "policy/env_names.hpp"
#include "policy/text.hpp"

namespace mixguard::policy {
namespace {

constexpr std::string_view kMixEnv = "MIX_ENV";

bool satisfies(const EnvRule& rule, std::string_view value) {
  if (!rule.choices.empty() &&
      std::find(rule.choices.begin(), rule.choices.end(), value) == rule.choices.end()) {
    return false;
  }
  if (rule.match) return rule.match->matches(value);
  if (!rule.choices.empty()) return true;
  std::string_view rest = value;
  while (!rest.empty()) {
    const auto code_point = take_code_point(rest);
    if (!code_point || is_control(*code_point)) return false;
  }
  return true;
}

const EnvRule* first_unsatisfied(const VariableRules& variable, std::string_view value) {
  for (const EnvRule* rule : variable.rules) {
    if (!satisfies(*rule, value)) return rule;
  }
  return nullptr;
}

bool is_secret(const VariableRules& variable) {
  return std::any_of(variable.rules.begin(), variable.rules.end(),
                     [](const EnvRule* rule) { return rule->secret; });
}

const std::string* default_of(const VariableRules& variable) {
  const std::string* value = nullptr;
  for (const EnvRule* rule : variable.rules) {
    if (rule->default_value) value = &*rule->default_value;
  }
  return value;
}

bool is_required(const VariableRules& variable, std::string_view mix_env) {
  return std::any_of(variable.rules.begin(), variable.rules.end(), [&](const EnvRule* rule) {
    return rule->required_always ||
           std::find(rule->required_envs.begin(), rule->required_envs.end(), mix_env) !=
               rule->required_envs.end();
  });
}

std::string expectation(const EnvRule& rule) {
  if (!rule.choices.empty()) return "expected one of " + comma_list(rule.choices);
  if (rule.match) return "expected a match of " + rule.match->text();
  return "expected text without control characters";
}

Refusal unfit(const VariableRules& variable, const EnvRule& rule, std::string_view value) {
  const std::string shown = is_secret(variable) ? " does not fit its rule" : " is " + quoted(value);
  return {Reason::kEnv, std::string(variable.name) + shown + "; " + expectation(rule), ""};
}

// The line of policy that would pass a variable, without telling its value.
std::string passing_line(std::string_view name, std::string_view value) {
  if (injects_code(name)) return concat({name, " = { enum = ['…'] }"});
  constexpr std::size_t kLongestRepeat = 1'000;
  const std::string_view letters = is_plain_text(value) ? "[ -~]" : "(?s:.)";
  const std::string_view count = value.size() <= 256              ? "{0,256}"
                                 : value.size() <= kLongestRepeat ? "{0,1000}"
                                                                  : "*";
  return concat({name, " = { match = '", letters, count, "'",
                 sounds_secret(name) ? ", secret = true }" : " }"});
}

class Builder {
 public:
  Builder(const EnvironmentRules& rules, const Facts& facts, std::string_view first_task)
      : rules_(rules), facts_(facts), first_task_(first_task) {}

  Environment build() {
    out_.variables.reserve(facts_.environment.size() + rules_.all().size() + 1);
    if (!first_task_.empty()) out_.variables.push_back({std::string(kMixEnv), "", false});
    for (const std::string& entry : facts_.environment) take(entry);
    if (!first_task_.empty()) choose_mix_env();
    for (const VariableRules& variable : rules_.all()) complete(variable);
    return std::move(out_);
  }

 private:
  void refuse(Refusal refusal) {
    if (!out_.refusal) out_.refusal = std::move(refusal);
  }

  void add(std::string_view name, std::string_view value, bool secret) {
    if (has(name)) return refuse_twice(name);
    out_.variables.push_back({std::string(name), std::string(value), secret});
  }

  void refuse_twice(std::string_view name) {
    refuse({Reason::kEnvDup, std::string(name) + " appears twice in the environment", ""});
  }

  [[nodiscard]] bool has(std::string_view name) const {
    return std::any_of(out_.variables.begin(), out_.variables.end(),
                       [&](const EnvVariable& variable) { return variable.name == name; });
  }

  void take(std::string_view entry) {
    const std::size_t equals = entry.find('=');
    if (equals == std::string_view::npos || equals == 0) return;
    const std::string_view name = entry.substr(0, equals);
    const std::string_view value = entry.substr(equals + 1);
    if (name == kMixEnv && !first_task_.empty()) {
      if (given_) refuse_twice(name);
      given_ = value;
    } else if (name == kMixEnv && value.empty()) {
      return;  // to Mix an empty one is none, whoever starts it
    } else if (const VariableRules* variable = rules_.find(name)) {
      take_ruled(*variable, value);
    } else if (is_harmless(name) && is_harmless_value(name, value)) {
      add(name, value, false);
    } else if (!is_rebuilt(name)) {
      out_.dropped.push_back({std::string(name), passing_line(name, value)});
    }
  }

  void take_ruled(const VariableRules& variable, std::string_view value) {
    if (is_rebuilt(variable.name)) return;
    if (const EnvRule* rule = first_unsatisfied(variable, value)) {
      refuse(unfit(variable, *rule, value));
    } else {
      add(variable.name, value, is_secret(variable));
    }
  }

  void choose_mix_env() {
    const VariableRules* variable = rules_.find(kMixEnv);
    if (given_ && !given_->empty()) {
      out_.mix_env = *given_;
      out_.source = "given";
    } else {
      choose_without_given(variable);
    }
    check_mix_env(variable);
    out_.variables.front().value = out_.mix_env;
  }

  // The order of Mix.Project.push/3 and, in versions before 1.15, of Mix.CLI.
  void choose_without_given(const VariableRules* variable) {
    const catalog::Task* task = find_builtin(first_task_);
    const std::string* named = default_of_variable(variable);
    const std::string* preferred = preferred_by_project();
    const std::string* usual = default_of_project();
    if (preferred != nullptr) {
      choose(*preferred, "preferred by the project for " + std::string(first_task_));
    } else if (task != nullptr && !task->preferred_env.empty()) {
      choose(task->preferred_env, "preferred by " + std::string(first_task_));
    } else if (usual != nullptr) {
      choose(*usual, "the project's default");
    } else {
      choose(named == nullptr ? "dev" : *named, "default");
    }
    out_.unknown = unread_preference();
  }

  void choose(std::string_view env, std::string source) {
    out_.mix_env = env;
    out_.source = std::move(source);
  }

  static const std::string* default_of_variable(const VariableRules* variable) {
    return variable == nullptr ? nullptr : default_of(*variable);
  }

  [[nodiscard]] const std::string* preferred_by_project() const {
    if (facts_.mix_exs.empty() || !facts_.mix_exs.front().preferred_envs) return nullptr;
    for (const PreferredEnv& preferred : *facts_.mix_exs.front().preferred_envs) {
      if (preferred.task == first_task_) return &preferred.env;
    }
    return nullptr;
  }

  [[nodiscard]] const std::string* default_of_project() const {
    if (facts_.mix_exs.empty()) return nullptr;
    const Read<std::string>& env = facts_.mix_exs.front().default_env;
    return env && !env->empty() ? &*env : nullptr;
  }

  [[nodiscard]] std::optional<Unreadable> unread_preference() const {
    if (facts_.mix_exs.empty()) return std::nullopt;
    const MixExs& exs = facts_.mix_exs.front();
    if (!exs.preferred_envs) return exs.preferred_envs.error();
    if (!exs.default_env) return exs.default_env.error();
    return std::nullopt;
  }

  void check_mix_env(const VariableRules* variable) {
    if (variable != nullptr) {
      const EnvRule* rule = first_unsatisfied(*variable, out_.mix_env);
      if (rule != nullptr) refuse(unfit(*variable, *rule, out_.mix_env));
      return;
    }
    const auto& known = catalog::kEnvironments;
    if (std::find(known.begin(), known.end(), out_.mix_env) == known.end()) {
      refuse({Reason::kEnv,
              "MIX_ENV is " + quoted(out_.mix_env) + "; expected one of dev, test, staging, prod",
              ""});
    }
  }

  // Defaults of what the caller did not set, and complaints about what it had to.
  void complete(const VariableRules& variable) {
    if (variable.name == kMixEnv || is_rebuilt(variable.name) || has(variable.name)) return;
    if (const std::string* value = default_of(variable)) {
      out_.variables.push_back({std::string(variable.name), *value, is_secret(variable)});
    } else if (facts_.environment_is_complete && is_required(variable, out_.mix_env)) {
      refuse({Reason::kEnv,
              std::string(variable.name) + " is required" +
                  (out_.mix_env.empty() ? "" : " in " + out_.mix_env) + " and is not set",
              ""});
    }
  }

  const EnvironmentRules& rules_;
  const Facts& facts_;
  std::string_view first_task_;
  std::optional<std::string_view> given_;
  Environment out_;
};

}  // namespace

EnvironmentRules::EnvironmentRules(const std::vector<Ruleset>& layers) {
  for (const Ruleset& layer : layers) {
    for (const EnvRule& rule : layer.env) {
      const auto place =
          std::lower_bound(variables_.begin(), variables_.end(), rule.name,
                           [](const VariableRules& variable, const std::string& name) {
                             return variable.name < name;
                           });
      if (place != variables_.end() && place->name == rule.name) {
        place->rules.push_back(&rule);
      } else {
        variables_.insert(place, {rule.name, {&rule}});
      }
    }
  }
}

const VariableRules* EnvironmentRules::find(std::string_view name) const {
  const auto place = std::lower_bound(variables_.begin(), variables_.end(), name,
                                      [](const VariableRules& variable, std::string_view wanted) {
                                        return variable.name < wanted;
                                      });
  return place != variables_.end() && place->name == name ? &*place : nullptr;
}

Environment make_environment(const EnvironmentRules& rules, const Facts& facts,
                             std::string_view first_task) {
  return Builder(rules, facts, first_task).build();
}

}  // namespace mixguard::policy
