// SPDX-License-Identifier: Apache-2.0
#include "policy/judgement.hpp"

#include <algorithm>
#include <tuple>

#include "policy/arguments.hpp"
#include "policy/builtin.hpp"
#include "policy/suggestion.hpp"
#include "policy/text.hpp"
#include "policy/values.hpp"

namespace mixguard::policy {
namespace {

bool covers(const std::vector<std::string>& envs, std::string_view env) {
  return envs.empty() || std::find(envs.begin(), envs.end(), env) != envs.end();
}

std::string quoted_id(const Grant& rule) { return "rule " + quoted(rule.id); }

std::string_view verb(Verdict verdict) {
  switch (verdict) {
    case Verdict::kAllow:
      return " allows ";
    case Verdict::kAsk:
      return " asks before ";
    case Verdict::kDeny:
      break;
  }
  return " denies ";
}

// What is judged: a task that Mix finds, a function that an alias runs, or the name of an alias.
enum class Subject { kTask, kFunction, kAlias };

constexpr std::string_view kAnyAlias = "@alias";

constexpr std::size_t kUsualFindings = 4;  // besides one a word

class Judge {
 public:
  Judge(const Policy::Index& index, const TaskQuestion& question, Part& part,
        Subject subject = Subject::kTask, std::string_view function = {})
      : index_(index),
        rules_(index.rules_of(question.call.task)),
        question_(question),
        subject_(subject),
        function_(function),
        part_(part) {
    if (subject_ == Subject::kTask) known_ = find_builtin(question.call.task);
    flags_first_ = known_ != nullptr && known_->flags_first;
  }

  Permission judge() {
    ask();
    return std::move(permission_);
  }

 private:
  struct Near {
    const TaskRule* rule = nullptr;
    Fit fit;
  };

  void ask() {
    part_.task = question_.call.task;
    part_.env = question_.env;
    if (tells_all()) {
      part_.findings.reserve(kUsualFindings + words().size());
      note(Finding::Kind::kPassed,
           concat({"MIX_ENV=", part_.env, " (", question_.env_source, ")"}));
    }
    if (question_.call.refusal) return refuse(*question_.call.refusal);
    consult_layers(rules_);
    if (subject_ != Subject::kTask) consult_layers(index_.rules_of(kAnyAlias));
    if (const Refusal* spelling = misspelt_twin()) return refuse(*spelling);
    if (index_.has_builtin && subject_ != Subject::kFunction) consult_builtin();
    if (matched_.empty() && subject_ == Subject::kAlias) {
      part_.verdict = Verdict::kAllow;
    } else if (matched_.empty()) {
      decide_without_rule();
    } else {
      decide_by_rule();
    }
    if (part_.verdict != Verdict::kAllow) part_.would_allow = suggest();
    spell(best_fit_rule_ == nullptr ? words() : best_fit_.canonical);
    part_.paths = std::move(best_fit_.paths);
    permission_.mode = choose_mode();
  }

  [[nodiscard]] const std::vector<std::string>& words() const { return question_.call.words; }

  void note(Finding::Kind kind, std::string text, const Grant* rule = nullptr) {
    Finding& finding = part_.findings.emplace_back();
    finding.kind = kind;
    finding.text = std::move(text);
    if (rule != nullptr) finding.rule = reference(*rule);
  }

  [[nodiscard]] bool tells_all() const { return question_.detail == Detail::kEverything; }

  void note_passed(const Fit& fit) {
    if (!tells_all()) return;
    for (const Check& check : fit.checked) note(Finding::Kind::kPassed, to_string(check));
  }

  void refuse(const Refusal& refusal) {
    spell(words());
    part_.verdict = Verdict::kDeny;
    part_.reason = refusal.reason;
    part_.message = refusal.message;
    part_.instead = refusal.instead;
    note(Finding::Kind::kRaised, refusal.message);
  }

  [[nodiscard]] bool may_allow(const IndexedRule& indexed) const {
    return indexed.entitled || is_development(question_.env);
  }

  void consult_layers(const std::vector<IndexedRule>& rules) {
    for (const IndexedRule& indexed : rules) {
      const TaskRule& rule = *indexed.rule;
      if (!covers(rule.envs, question_.env)) {
        elsewhere_.push_back(&rule);
      } else if (rule.verdict == Verdict::kDeny) {
        consult_denial(rule);
      } else if (rule.verdict == Verdict::kAllow && !may_allow(indexed)) {
        unentitled_.push_back(&rule);
      } else {
        const bool lifts = indexed.entitled || rule.verdict == Verdict::kAllow;
        (lifts ? speaks_ : asks_) = true;
        consult(rule);
      }
    }
  }

  void consult_denial(const TaskRule& rule) {
    const bool matches = !rule.has_flags || std::any_of(rule.flags.begin(), rule.flags.end(),
                                                        [&](const FlagRule& flag) {
                                                          return mentions_flag(flag, words());
                                                        });
    if (matches) matched_.push_back(&rule);
  }

  void consult(const TaskRule& rule) {
    if (subject_ == Subject::kAlias) {
      if (rule.verdict != Verdict::kAllow) matched_.push_back(&rule);
      return;
    }
    Fit fit = fit_words(rule, words(), flags_first_, question_.scope);
    if (fit.refusal) {
      near_.push_back({&rule, std::move(fit)});
      return;
    }
    matched_.push_back(&rule);
    if (best_fit_rule_ == nullptr || decides_before(&rule, best_fit_rule_)) {
      best_fit_rule_ = &rule;
      best_fit_ = std::move(fit);
    }
  }

  // The catalogue speaks where no layer does. Where the only layer that speaks is a project that
  // asks, a denial of the catalogue stands outside dev and test: that is for the user to lift.
  void consult_builtin() {
    if (speaks_ || (asks_ && is_development(question_.env))) return;
    for (const TaskRule& rule : index_.builtin.of(question_.call.task)) {
      if (!covers(rule.envs, question_.env)) continue;
      if (rule.verdict == Verdict::kDeny) {
        matched_.push_back(&rule);
      } else if (!asks_ && is_raised(rule)) {
        consult(rule);
      }
    }
  }

  [[nodiscard]] bool is_raised(const TaskRule& rule) const {
    if (rule.raised_by.empty()) return true;
    const auto& names = rule.raised_by;
    return std::any_of(rule.flags.begin(), rule.flags.end(), [&](const FlagRule& flag) {
      return std::find(names.begin(), names.end(), flag.name) != names.end() &&
             mentions_flag(flag, words());
    });
  }

  // A rule may name the same module in another canonical spelling ("a_1" for "a1").
  const Refusal* misspelt_twin() {
    if (rules_.empty()) return nullptr;
    const std::string* twin = nullptr;
    for (const IndexedRule& indexed : rules_) {
      for (const std::string& name : indexed.rule->names) {
        if (name == question_.call.task) return nullptr;
        if (task_key(name) == task_key(question_.call.task)) twin = &name;
      }
    }
    spelling_ = {Reason::kTaskSpelling,
                 quoted(question_.call.task) + " and " + quoted(*twin) +
                     " are the same module to Mix, and the policy speaks of the latter",
                 "mix " + *twin};
    return &spelling_;
  }

  void decide_by_rule() {
    std::sort(matched_.begin(), matched_.end(), decides_before);
    const TaskRule& first = *matched_.front();
    part_.verdict = first.verdict;
    part_.because = first.because;
    part_.instead = first.instead;
    for (const TaskRule* rule : matched_) {
      if (rule->verdict == part_.verdict) part_.rules.push_back(reference(*rule));
      if (rule->verdict != Verdict::kDeny) permission_.grants.push_back(rule);
    }
    note_passed(best_fit_);
    if (part_.verdict == Verdict::kAllow) {
      if (tells_all()) note(Finding::Kind::kPassed, what_says(first), &first);
      return;
    }
    part_.reason = Reason::kRule;
    part_.message = what_says(first);
    note(Finding::Kind::kRaised, part_.message, &first);
    note_near();
  }

  [[nodiscard]] std::string what_says(const TaskRule& rule) const {
    return concat(
        {"rule \"", rule.id, "\"", verb(rule.verdict), "\"", part_.task, "\" in ", part_.env});
  }

  void decide_without_rule() {
    if (!near_.empty()) return decide_by_misfit();
    if (subject_ == Subject::kFunction) return decide_on_function();
    part_.verdict = index_.default_verdict;
    part_.reason = Reason::kNoRule;
    part_.message = "no rule allows " + quoted(part_.task) + " in " + part_.env;
    note(Finding::Kind::kRaised, part_.message);
    note_near();
    if (elsewhere_.empty() && unentitled_.empty()) note_similar();
  }

  void decide_on_function() {
    const bool may_ask = is_development(part_.env) || part_.env == "staging";
    part_.verdict = may_ask ? Verdict::kAsk : Verdict::kDeny;
    part_.reason = Reason::kAlias;
    part_.message = concat({"alias ", quoted(part_.task), " runs the function ", function_,
                            " of mix.exs, which no rule speaks of in ", part_.env});
    note(Finding::Kind::kRaised, part_.message);
    note_near();
  }

  // Of several rules that nearly fit, the one that understood most words is the nearest.
  void decide_by_misfit() {
    const Near& nearest_rule =
        *std::min_element(near_.begin(), near_.end(), [](const Near& a, const Near& b) {
          return std::tie(b.fit.understood, a.rule->layer, a.rule->file, a.rule->line, a.rule->id) <
                 std::tie(a.fit.understood, b.rule->layer, b.rule->file, b.rule->line, b.rule->id);
        });
    note_passed(nearest_rule.fit);
    part_.verdict = Verdict::kDeny;
    part_.reason = nearest_rule.fit.refusal->reason;
    part_.message = nearest_rule.fit.refusal->message;
    part_.instead = nearest_rule.rule->instead;
    come_near(*nearest_rule.rule);
    note(Finding::Kind::kRaised, part_.message, nearest_rule.rule);
  }

  void come_near(const TaskRule& rule) {
    nearest_ = &rule;
    part_.near_miss = reference(rule);
  }

  void note_near() {
    if (!unentitled_.empty()) {
      const TaskRule& rule =
          **std::min_element(unentitled_.begin(), unentitled_.end(), decides_before);
      come_near(rule);
      note(Finding::Kind::kNote,
           quoted_id(rule) +
               " would allow it, but a project's own policy allows only in dev and "
               "test; the user's policy has to allow " +
               part_.env,
           &rule);
    } else if (!elsewhere_.empty()) {
      const TaskRule& rule =
          **std::min_element(elsewhere_.begin(), elsewhere_.end(), decides_before);
      come_near(rule);
      note(Finding::Kind::kNote,
           quoted_id(rule) + " speaks of it in " + comma_list(rule.envs) + ", not in " + part_.env,
           &rule);
    }
  }

  void note_similar() {
    if (known_ != nullptr) return;
    const std::string near = nearest_builtin(part_.task);
    if (near.empty()) return;
    part_.instead = "mix " + near;
    note(Finding::Kind::kNote,
         "the catalogue knows no " + quoted(part_.task) + "; did you mean " + quoted(near) + "?");
  }

  // A denial that a rule of a file gives cannot be lifted by another rule.
  [[nodiscard]] std::string suggest() const {
    const bool is_final = std::any_of(matched_.begin(), matched_.end(), [](const TaskRule* rule) {
      return rule->verdict != Verdict::kAllow && rule->layer != Layer::kBuiltin;
    });
    // No rule can name an environment that is no name (of a command that is refused for it anyway).
    if (is_final || !has_shape(ValueKind::kName, question_.env)) return "";
    std::vector<const TaskRule*> rules;
    for (const IndexedRule& indexed : rules_) rules.push_back(indexed.rule);
    return suggest_task({{{&question_.call, question_.scope.cwd}},
                         {std::string(question_.env)},
                         known_,
                         known_flags(known_, rules),
                         nearest_,
                         question_.scope.root,
                         ""});
  }

  void spell(const std::vector<std::string>& canonical_words) {
    const std::vector<std::string>& rest =
        question_.call.typed ? *question_.call.typed : canonical_words;
    part_.canonical.reserve(rest.size() + 2);
    part_.canonical.emplace_back(part_.task == "iex" ? "iex" : "mix");
    if (!question_.call.typed) part_.canonical.push_back(part_.task);
    part_.canonical.insert(part_.canonical.end(), rest.begin(), rest.end());
  }

  // What a rule says; else what kind of task it is. Of two rules that disagree, the transaction.
  [[nodiscard]] RunMode choose_mode() const {
    bool is_live = false;
    for (const Grant* grant : permission_.grants) {
      if (grant->mode == RunMode::kTransaction) return RunMode::kTransaction;
      is_live = is_live || grant->mode == RunMode::kLive;
    }
    const bool is_known_live = known_ != nullptr && known_->live;
    return is_live || is_known_live ? RunMode::kLive : RunMode::kTransaction;
  }

  const Policy::Index& index_;
  const std::vector<IndexedRule>& rules_;  // of the layers for the task
  const TaskQuestion& question_;
  Subject subject_;
  std::string_view function_;
  const catalog::Task* known_ = nullptr;
  bool flags_first_ = false;
  bool speaks_ = false;  // an allow rule, or an ask rule of a layer entitled to lift anything
  bool asks_ = false;    // an ask rule of a project
  std::vector<const TaskRule*> matched_;
  std::vector<Near> near_;
  std::vector<const TaskRule*> elsewhere_;   // for other environments
  std::vector<const TaskRule*> unentitled_;  // allow rules of a layer that may not
  const TaskRule* nearest_ = nullptr;        // what near_miss refers to
  const TaskRule* best_fit_rule_ = nullptr;
  Fit best_fit_;
  Refusal spelling_;
  Part& part_;
  Permission permission_;
};

}  // namespace

Permission judge_task(const Policy::Index& index, const TaskQuestion& question, Part& part) {
  return Judge(index, question, part).judge();
}

Permission judge_function(const Policy::Index& index, const TaskQuestion& question,
                          std::string_view function, Part& part) {
  return Judge(index, question, part, Subject::kFunction, function).judge();
}

Permission judge_alias(const Policy::Index& index, const TaskQuestion& question, Part& part) {
  return Judge(index, question, part, Subject::kAlias).judge();
}

Part refused_part(std::vector<std::string> canonical, const Refusal& refusal) {
  Part part;
  part.canonical = std::move(canonical);
  part.reason = refusal.reason;
  part.message = refusal.message;
  part.instead = refusal.instead;
  part.findings.push_back({Finding::Kind::kRaised, refusal.message, std::nullopt});
  return part;
}

}  // namespace mixguard::policy
