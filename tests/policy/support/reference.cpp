// SPDX-License-Identifier: Apache-2.0
#include "tests/policy/support/reference.hpp"

namespace mixguard::policy::test::reference {
namespace {

// What the catalogue says of five tasks, as a person would read it in policy/catalog. Only flags
// that the tests give are here.
struct Known {
  std::string task;
  Verdict dev;
  Verdict test;
  Verdict staging;
  Verdict prod;
  std::vector<Flag> flags;
};

std::vector<Known> known_tasks() {
  constexpr Verdict kAllow = Verdict::kAllow;
  constexpr Verdict kAsk = Verdict::kAsk;
  constexpr Verdict kDeny = Verdict::kDeny;
  const Flag force{"force", Flag::Type::kBool, 0, 0, {}};
  const Flag quiet{"quiet", Flag::Type::kBool, 0, 0, {}};
  const Flag step{"step", Flag::Type::kInt, 1, 1000, {}};
  return {{"compile", kAllow, kAllow, kAllow, kAllow, {force}},
          {"ecto.migrate", kAllow, kAllow, kAsk, kDeny, {quiet, step}},
          {"ecto.rollback", kAsk, kAsk, kAsk, kDeny, {quiet, step}},
          {"ecto.drop", kAsk, kAsk, kAsk, kDeny, {quiet, force}},
          {"hex.publish", kDeny, kDeny, kDeny, kDeny, {}}};
}

bool holds(const std::vector<std::string>& list, const std::string& text) {
  for (const std::string& item : list) {
    if (item == text) return true;
  }
  return false;
}

bool is_number_between(const std::string& text, int min, int max) {
  for (int number = min; number <= max; ++number) {
    if (std::to_string(number) == text) return true;
  }
  return false;
}

bool value_fits(const Flag& flag, const Given& given) {
  if (flag.type == Flag::Type::kBool) {
    if (given.is_negated) return !given.value;
    return !given.value || given.value == "true" || given.value == "false";
  }
  if (given.is_negated || !given.value) return false;
  if (flag.type == Flag::Type::kInt) return is_number_between(*given.value, flag.min, flag.max);
  return holds(flag.choices, *given.value);
}

bool flags_fit(const std::vector<Flag>& table, const std::vector<Given>& flags) {
  std::set<std::string> seen;
  for (const Given& given : flags) {
    if (!seen.insert(given.name).second) return false;
    bool fits = false;
    for (const Flag& flag : table) {
      if (flag.name == given.name && value_fits(flag, given)) fits = true;
    }
    if (!fits) return false;
  }
  return true;
}

bool is_there(const std::vector<Flag>& table, const std::vector<Given>& flags) {
  for (const Given& given : flags) {
    for (const Flag& flag : table) {
      if (flag.name == given.name) return true;
    }
  }
  return false;
}

bool is_development(const std::string& env) { return env == "dev" || env == "test"; }

class Question {
 public:
  Question(const Model& model, std::string env, const Call& call)
      : model_(model), env_(std::move(env)), call_(call) {}

  Answer ask() {
    for (const Layer& layer : model_.layers) {
      for (const Rule& rule : layer.rules) take_rule(layer, rule);
    }
    const bool is_silenced = is_spoken_of_ || (project_asks_ && is_development(env_));
    if (model_.has_builtin && !is_silenced) take_catalogue();
    if (!has_match_) return {is_misfit_ ? Verdict::kDeny : default_verdict(), {}};
    return answer_;
  }

 private:
  // A trusted project allows in dev and test; a file that the user named, and the layers above,
  // anywhere.
  static bool is_entitled(const Layer& layer) {
    return layer.layer != policy::Layer::kProject || layer.is_named;
  }

  void take_rule(const Layer& layer, const Rule& rule) {
    if (!holds(rule.names, call_.task)) return;
    if (!rule.envs.empty() && !holds(rule.envs, env_)) return;
    if (rule.verdict == Verdict::kDeny) {
      if (!rule.has_flags || is_there(rule.flags, call_.flags)) match(rule.verdict, rule.id);
      return;
    }
    const bool may_give = is_entitled(layer) || rule.verdict == Verdict::kAsk;
    if (!may_give && !is_development(env_)) return;
    if (is_entitled(layer) || rule.verdict == Verdict::kAllow) {
      is_spoken_of_ = true;
    } else {
      project_asks_ = true;
    }
    if (flags_fit(rule.flags, call_.flags)) {
      match(rule.verdict, rule.id);
    } else {
      is_misfit_ = true;
    }
  }

  // A project that only asks cannot lift the catalogue's denials outside dev and test.
  void take_catalogue() {
    for (const Known& known : known_tasks()) {
      if (known.task != call_.task) continue;
      const Verdict verdict = env_ == "dev"       ? known.dev
                              : env_ == "test"    ? known.test
                              : env_ == "staging" ? known.staging
                                                  : known.prod;
      if (verdict == Verdict::kDeny) {
        match(verdict, known.task);
      } else if (project_asks_) {
        continue;
      } else if (flags_fit(known.flags, call_.flags)) {
        match(verdict, known.task);
      } else {
        is_misfit_ = true;
      }
    }
  }

  void match(Verdict verdict, const std::string& id) {
    if (!has_match_ || verdict > answer_.verdict) answer_ = {verdict, {}};
    if (verdict == answer_.verdict) answer_.rules.insert(id);
    has_match_ = true;
  }

  [[nodiscard]] Verdict default_verdict() const {
    std::optional<Verdict> strictest;
    for (const Layer& layer : model_.layers) {
      if (!layer.default_verdict) continue;
      if (!strictest || *layer.default_verdict > *strictest) strictest = layer.default_verdict;
    }
    return strictest.value_or(Verdict::kDeny);
  }

  const Model& model_;
  std::string env_;
  const Call& call_;
  bool is_spoken_of_ = false;
  bool project_asks_ = false;
  bool is_misfit_ = false;
  bool has_match_ = false;
  Answer answer_;
};

}  // namespace

Answer answer(const Model& model, const std::string& env, const Call& call) {
  return Question(model, env, call).ask();
}

}  // namespace mixguard::policy::test::reference
