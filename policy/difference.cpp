// SPDX-License-Identifier: Apache-2.0
#include "policy/difference.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <optional>
#include <set>
#include <tuple>

#include "policy/builtin.hpp"
#include "policy/expectations.hpp"
#include "policy/text.hpp"
#include "policy/trials.hpp"
#include "policy/values.hpp"

namespace mixguard::policy {
namespace {

using Words = std::vector<std::string>;

constexpr std::string_view kMixEnv = "MIX_ENV";
constexpr std::string_view kAnyAlias = "@alias";
constexpr std::string_view kUnnamed = "unnamed.task";
constexpr std::array kOfTask = {Aspect::kDecision, Aspect::kWrite, Aspect::kNet, Aspect::kMode,
                                Aspect::kSnapshot};
constexpr std::array kOfAll = {Aspect::kRead, Aspect::kHidden, Aspect::kPublish, Aspect::kLimits,
                               Aspect::kSafeguards};

bool contains(const Words& list, std::string_view text) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

void add_once(Words& list, const Words& more) {
  for (const std::string& text : more) {
    if (!contains(list, text)) list.push_back(text);
  }
}

struct Pair {
  const Policy& a;
  const Policy& b;

  void each_layer(const std::function<void(const Ruleset&)>& use) const {
    for (const Policy* policy : {&a, &b}) {
      for (const Ruleset& layer : policy->layers()) use(layer);
    }
  }
};

// Both answers to one question.
struct Answers {
  Decision a;
  Decision b;

  [[nodiscard]] bool differ(Aspect aspect) const {
    return gives_more(aspect, a, b) || gives_more(aspect, b, a);
  }
  [[nodiscard]] bool any_runs() const {
    return a.verdict != Verdict::kDeny || b.verdict != Verdict::kDeny;
  }
  [[nodiscard]] bool both_run() const {
    return a.verdict != Verdict::kDeny && b.verdict != Verdict::kDeny;
  }
};

Answers ask(const Pair& pair, const Example& example) {
  return {judge_example(pair.a, example), judge_example(pair.b, example)};
}

std::vector<RuleRef> rules_of(const Decision& decision) {
  if (!decision.rules.empty()) return decision.rules;
  for (const Part& part : decision.parts) {
    if (part.near_miss) return {*part.near_miss};
  }
  return {};
}

Change change_of(Aspect aspect, const Answers& answers, const Example& example) {
  Change change;
  change.wider = gives_more(aspect, answers.a, answers.b);
  change.aspect = aspect;
  change.from = items(aspect, answers.a);
  change.to = items(aspect, answers.b);
  change.example = example;
  change.from_rules = rules_of(answers.a);
  change.to_rules = rules_of(answers.b);
  return change;
}

// ---- What is asked about

// A task or a program, and every way to ask for it.
struct Subject {
  std::string name;  // as Change::task
  Words run;         // the command without its words
  bool has_env = true;
  Trials trials;
};

Words environments(const Pair& pair) {
  std::set<std::string> more;
  const auto add = [&](const Words& names) { more.insert(names.begin(), names.end()); };
  pair.each_layer([&](const Ruleset& layer) {
    for (const TaskRule& rule : layer.tasks) add(rule.envs);
    for (const EnvRule& rule : layer.env) {
      add(rule.required_envs);
      if (rule.name == kMixEnv) add(rule.choices);
    }
  });
  Words envs(catalog::kEnvironments.begin(), catalog::kEnvironments.end());
  for (const std::string& name : more) {
    if (!contains(envs, name)) envs.push_back(name);
  }
  return envs;
}

// Words of the expectations that speak of `task`, and what stands behind "=" in them.
Words texts_of(const Pair& pair, const std::string& task) {
  Words texts;
  pair.each_layer([&](const Ruleset& layer) {
    for (const Expectation& expectation : layer.expectations) {
      if (!contains(expectation.run, task)) continue;
      for (const std::string& word : expectation.run) {
        const std::size_t equals = word.find('=');
        if (!word.starts_with('-')) add_once(texts, {word});
        if (equals != std::string::npos) add_once(texts, {word.substr(equals + 1)});
      }
    }
  });
  return texts;
}

// The flags that make the catalogue ask and the arguments that it insists on: where no layer speaks
// of a task, all other words are decided as one of these, or as one that is unknown.
void keep_what_matters(TaskRule& rule) {
  std::erase_if(rule.flags,
                [&](const FlagRule& flag) { return !contains(rule.raised_by, flag.name); });
  std::erase_if(rule.args, [](const ArgRule& arg) { return arg.min_count == 0; });
}

// The rules of both policies for one task, and those of the catalogue.
class RulesFor {
 public:
  RulesFor(const Pair& pair, const std::string& task) {
    pair.each_layer([&](const Ruleset& layer) {
      for (const TaskRule& rule : layer.tasks) {
        if (contains(rule.names, task)) rules_.push_back(&rule);
      }
    });
    const catalog::Task* known = find_builtin(task);
    if (known == nullptr) return;
    builtin_ = builtin_rules(*known);
    for (TaskRule& rule : builtin_) {
      if (rules_.empty()) keep_what_matters(rule);
    }
    for (const TaskRule& rule : builtin_) rules_.push_back(&rule);
  }

  [[nodiscard]] const std::vector<const TaskRule*>& all() const { return rules_; }

 private:
  std::vector<TaskRule> builtin_;
  std::vector<const TaskRule*> rules_;
};

// ---- Answers of one subject, joined

// How a trial comes out when it comes out differently, and where.
struct Bucket {
  Change change;                              // of the first trial
  std::vector<std::set<std::size_t>> trials;  // by environment
};

// What one trial of several says, shortened: numbers that follow each other are a range.
class Labels {
 public:
  explicit Labels(const std::vector<Trial>& trials) : trials_(trials) {
    for (const Trial& trial : trials) {
      if (!trial.group.empty()) numbers_[trial.group].insert(trial.number);
    }
  }

  [[nodiscard]] Words of(const std::set<std::size_t>& chosen) const {
    std::map<std::string, std::set<std::int64_t>> taken;
    Words labels;
    for (const std::size_t i : chosen) {
      const Trial& trial = trials_[i];
      if (trial.group.empty()) {
        add_once(labels, {trial.label});
      } else {
        taken[trial.group].insert(trial.number);
      }
    }
    Words ranges;
    for (const auto& [group, numbers] : taken) add_ranges(group, numbers, ranges);
    add_once(ranges, labels);
    return ranges;
  }

 private:
  void add_ranges(const std::string& group, const std::set<std::int64_t>& numbers,
                  Words& out) const {
    const std::set<std::int64_t>& all = numbers_.at(group);
    for (auto first = all.begin(); first != all.end();) {
      if (!numbers.contains(*first)) {
        ++first;
        continue;
      }
      auto last = first;
      auto next = std::next(first);
      while (next != all.end() && numbers.contains(*next)) last = next++;
      out.push_back(first == last ? label_of(group, *first) : range(group, *first, *last));
      first = next;
    }
  }

  [[nodiscard]] std::string label_of(const std::string& group, std::int64_t number) const {
    const auto found = std::find_if(trials_.begin(), trials_.end(), [&](const Trial& trial) {
      return trial.group == group && trial.number == number;
    });
    return found->label;
  }

  static std::string range(const std::string& group, std::int64_t first, std::int64_t last) {
    const std::string numbers = std::to_string(first) + ".." + std::to_string(last);
    return group.starts_with('-') ? group + " " + numbers : numbers + " " + group;
  }

  const std::vector<Trial>& trials_;
  std::map<std::string, std::set<std::int64_t>> numbers_;
};

class SubjectComparison {
 public:
  SubjectComparison(const Pair& pair, const Subject& subject, const Words& envs)
      : pair_(pair), subject_(subject), envs_(envs), labels_(subject.trials.list) {
    any_runs_.resize(envs.size());
    before_.resize(envs.size());
    after_.resize(envs.size());
    both_run_.resize(envs.size());
  }

  // `see` gets every command that both policies let through.
  std::vector<Change> run(const std::function<void(std::size_t, const Example&, Verdict)>& see) {
    for (std::size_t env = 0; env < envs_.size(); ++env) {
      for (std::size_t i = 0; i < subject_.trials.list.size(); ++i) {
        const Example example = example_of(env, i);
        const Answers answers = ask(pair_, example);
        if (answers.any_runs()) any_runs_[env].insert(i);
        before_[env][std::string(to_string(answers.a.verdict))].insert(i);
        after_[env][std::string(to_string(answers.b.verdict))].insert(i);
        if (answers.both_run()) {
          both_run_[env].insert(i);
          see(env, example, std::max(answers.a.verdict, answers.b.verdict));
        }
        note(env, i, answers, example);
      }
    }
    return join();
  }

 private:
  [[nodiscard]] Example example_of(std::size_t env, std::size_t trial) const {
    Example example;
    example.run = subject_.run;
    const Words& words = subject_.trials.list[trial].words;
    example.run.insert(example.run.end(), words.begin(), words.end());
    if (subject_.has_env) example.env.emplace(kMixEnv, envs_[env]);
    example.is_alias = subject_.name == kAnyAlias;
    return example;
  }

  void note(std::size_t env, std::size_t trial, const Answers& answers, const Example& example) {
    for (const Aspect aspect : kOfTask) {
      if (aspect != Aspect::kDecision && !answers.both_run()) continue;
      if (!answers.differ(aspect)) continue;
      const auto key = std::tuple(aspect, items(aspect, answers.a), items(aspect, answers.b));
      Bucket& bucket = buckets_[key];
      if (bucket.trials.empty()) {
        bucket.change = change_of(aspect, answers, example);
        bucket.trials.resize(envs_.size());
      }
      bucket.trials[env].insert(trial);
    }
  }

  // Environments in which the same words come out alike share a change.
  std::vector<Change> join() const {
    std::vector<Change> changes;
    for (const auto& [key, bucket] : buckets_) {
      std::map<Words, std::size_t> places;
      for (std::size_t env = 0; env < envs_.size(); ++env) {
        if (bucket.trials[env].empty()) continue;
        const Words with = words_of(bucket, env);
        const auto [place, is_new] = places.emplace(with, changes.size());
        if (is_new) changes.push_back(start(bucket, env, with));
        if (subject_.has_env) changes[place->second].envs.push_back(envs_[env]);
      }
    }
    for (Change& change : changes) {
      change.task = subject_.name;
      change.everywhere = subject_.has_env && change.envs.size() == envs_.size();
    }
    return changes;
  }

  [[nodiscard]] Words words_of(const Bucket& bucket, std::size_t env) const {
    const Change& change = bucket.change;
    const std::set<std::size_t>& trials = bucket.trials[env];
    if (change.aspect != Aspect::kDecision) {
      return trials == both_run_[env] ? Words{} : labels_.of(trials);
    }
    // What the milder of the two says to the barest command, and to all that goes the same way.
    const auto& milder = change.wider ? after_[env] : before_[env];
    const auto says = milder.find(change.wider ? change.to.front() : change.from.front());
    const bool is_all = trials.contains(*any_runs_[env].begin()) && trials == says->second;
    return is_all ? Words{} : labels_.of(trials);
  }

  [[nodiscard]] Change start(const Bucket& bucket, std::size_t env, const Words& with) const {
    const Example example = example_of(env, *bucket.trials[env].begin());
    Change change = change_of(bucket.change.aspect, ask(pair_, example), example);
    change.with = with;
    return change;
  }

  const Pair& pair_;
  const Subject& subject_;
  const Words& envs_;
  Labels labels_;
  std::map<std::tuple<Aspect, Words, Words>, Bucket> buckets_;
  using TrialSet = std::set<std::size_t>;
  std::vector<std::map<std::string, TrialSet>> before_;  // by environment, then verdict
  std::vector<std::map<std::string, TrialSet>> after_;
  std::vector<TrialSet> any_runs_;  // by environment
  std::vector<TrialSet> both_run_;
};

// ---- Variables

// How a variable comes out, from the strictest on.
struct Fate {
  enum class Kind { kRefused, kAbsent, kSecret, kPassed };
  Kind kind = Kind::kRefused;
  std::string text;

  bool operator==(const Fate& other) const { return kind == other.kind && text == other.text; }
  [[nodiscard]] bool gives_more_than(const Fate& other) const {
    return kind == other.kind ? text != other.text : kind > other.kind;
  }
};

Fate fate_of(const Decision& decision, const std::string& name, bool is_given) {
  if (decision.reason == Reason::kEnv || decision.reason == Reason::kEnvDup)
    return {Fate::Kind::kRefused, "refused"};
  for (const EnvVariable& variable : decision.environment) {
    if (variable.name != name) continue;
    if (variable.secret)
      return {Fate::Kind::kSecret, is_given ? "passed as a secret" : "set to a secret"};
    return {Fate::Kind::kPassed, is_given ? "passed" : "set to " + quoted(variable.value)};
  }
  return {Fate::Kind::kAbsent, is_given ? "left out" : "unset"};
}

struct VariableKnowledge {
  std::string name;
  std::vector<const EnvRule*> rules;
  Words values;  // to try, each once
};

bool fits(const EnvRule& rule, const std::string& value) {
  return (rule.choices.empty() || contains(rule.choices, value)) &&
         (!rule.match || rule.match->matches(value));
}

// All values that a rule names, and of the others one for each way that the rules take it.
void choose_values(const Words& texts, VariableKnowledge& variable) {
  Words named;
  Words others = texts;
  for (const EnvRule* rule : variable.rules) {
    add_once(named, rule->choices);
    if (rule->default_value) add_once(named, {*rule->default_value});
    ValueType type;
    type.match = rule->match;
    add_once(others, candidates(type));
  }
  std::set<std::vector<bool>> ways;
  for (const Words* list : {&named, &others}) {
    for (const std::string& text : *list) {
      std::vector<bool> way;
      for (const EnvRule* rule : variable.rules) way.push_back(fits(*rule, text));
      const bool is_new = ways.insert(std::move(way)).second;
      if (is_new || list == &named) add_once(variable.values, {text});
    }
  }
}

std::vector<VariableKnowledge> variables_of(const Pair& pair) {
  std::map<std::string, VariableKnowledge> known;
  std::map<std::string, Words> texts;
  pair.each_layer([&](const Ruleset& layer) {
    for (const EnvRule& rule : layer.env) known[rule.name].rules.push_back(&rule);
    for (const Expectation& expectation : layer.expectations) {
      for (const auto& [name, value] : expectation.env) add_once(texts[name], {value});
    }
  });
  std::vector<VariableKnowledge> variables;
  for (auto& [name, variable] : known) {
    variable.name = name;
    choose_values(texts[name], variable);
    variables.push_back(std::move(variable));
  }
  return variables;
}

bool is_required(const VariableKnowledge& variable, const std::string& env) {
  return std::any_of(variable.rules.begin(), variable.rules.end(), [&](const EnvRule* rule) {
    return rule->required_always || contains(rule->required_envs, env);
  });
}

// ---- What cannot be tried

bool says_same(const Grant& rule, const Unfit& unfit) {
  return rule.id == unfit.rule->id && rule.verdict == unfit.rule->verdict;
}

bool is_same(const ValueType& type, const Unfit& unfit) {
  return describe(type) == describe(*unfit.type);
}

// Whether the policy has a rule like that one, with that type.
bool has_same(const Policy& policy, const Unfit& unfit) {
  const auto in_task = [&](const TaskRule& rule) {
    return says_same(rule, unfit) &&
           (std::any_of(rule.flags.begin(), rule.flags.end(),
                        [&](const FlagRule& flag) { return is_same(flag.type, unfit); }) ||
            std::any_of(rule.args.begin(), rule.args.end(),
                        [&](const ArgRule& arg) { return is_same(arg.type, unfit); }));
  };
  const auto in_exec = [&](const ExecRule& rule) {
    return says_same(rule, unfit) &&
           std::any_of(rule.argv.begin(), rule.argv.end(),
                       [&](const ArgvElement& element) { return is_same(element.type, unfit); });
  };
  return std::any_of(policy.layers().begin(), policy.layers().end(), [&](const Ruleset& layer) {
    return std::any_of(layer.tasks.begin(), layer.tasks.end(), in_task) ||
           std::any_of(layer.execs.begin(), layer.execs.end(), in_exec);
  });
}

bool has_same(const Policy& policy, const EnvRule& wanted) {
  const auto is_like = [&](const EnvRule& rule) {
    return rule.name == wanted.name && rule.match && rule.match->text() == wanted.match->text();
  };
  return std::any_of(policy.layers().begin(), policy.layers().end(), [&](const Ruleset& layer) {
    return std::any_of(layer.env.begin(), layer.env.end(), is_like);
  });
}

// ---- The whole

class Comparison {
 public:
  Comparison(const Policy& a, const Policy& b)
      : pair_{a, b}, envs_(environments(pair_)), variables_(variables_of(pair_)) {
    witnesses_.resize(envs_.size());
  }

  Difference run() {
    compare_tasks();
    compare_programs();
    compare_what_all_share();
    for (const VariableKnowledge& variable : variables_) compare_variable(variable);
    std::stable_sort(out_.changes.begin(), out_.changes.end(),
                     [](const Change& a, const Change& b) {
                       return std::tie(b.wider, a.task) < std::tie(a.wider, b.task);
                     });
    return std::move(out_);
  }

 private:
  // A command that both policies let through, to try variables with.
  struct Witness {
    Example example;
    Verdict verdict = Verdict::kDeny;
  };

  void compare_tasks() {
    std::set<std::string> names;
    if (pair_.a.has_builtin() || pair_.b.has_builtin()) {
      for (const std::string_view name : builtin_names()) names.emplace(name);
    }
    names.emplace(kUnnamed);
    pair_.each_layer([&](const Ruleset& layer) {
      for (const TaskRule& rule : layer.tasks) names.insert(rule.names.begin(), rule.names.end());
    });
    names.erase(std::string(kAnyAlias));
    for (const std::string& name : names) {
      const bool is_console = name == "iex";
      compare_task(name, is_console ? Words{"iex", "-S", "mix"} : Words{"mix", name});
    }
    std::string alias = "some_alias";
    while (names.contains(alias)) alias += "_x";
    compare_task(std::string(kAnyAlias), {"mix", alias});
  }

  void compare_task(const std::string& name, Words run) {
    const RulesFor rules(pair_, name);
    Subject subject{name, std::move(run), true, trials_of(rules.all(), texts_of(pair_, name))};
    // Words after `iex -S mix` are a task of their own.
    if (name == "iex") subject.trials.list.resize(1);
    const catalog::Task* known = find_builtin(name);
    const bool is_plain =
        name != kAnyAlias && name != "iex" && (known == nullptr || known->preferred_env.empty());
    compare(subject, envs_, is_plain);
  }

  void compare(const Subject& subject, const Words& envs, bool may_witness) {
    static const Words kUsual = {"mix", "compile"};
    const auto see = [&](std::size_t env, const Example& example, Verdict verdict) {
      const bool is_usual = verdict == witnesses_[env].verdict && example.run == kUsual;
      if (may_witness && (verdict < witnesses_[env].verdict || is_usual)) {
        witnesses_[env] = {example, verdict};
      }
    };
    for (Change& change : SubjectComparison(pair_, subject, envs).run(see))
      out_.changes.push_back(std::move(change));
    tell_unfit(subject);
  }

  void compare_programs() {
    std::map<std::string, std::vector<const ExecRule*>> programs;
    pair_.each_layer([&](const Ruleset& layer) {
      for (const ExecRule& rule : layer.execs) {
        for (const std::string& path : rule.paths) {
          if (rule.as_command) programs[path].push_back(&rule);
        }
      }
    });
    for (const auto& [path, rules] : programs) {
      const Subject subject{path, {path}, false, trials_of(rules)};
      compare(subject, {""}, false);
    }
  }

  // What cannot be tried is told unless both policies say the same of it.
  void tell_unfit(const Subject& subject) {
    for (const Unfit& unfit : subject.trials.unfit) {
      const bool is_known = unfit.rule->layer == Layer::kBuiltin ||
                            (has_same(pair_.a, unfit) && has_same(pair_.b, unfit));
      if (is_known) continue;
      not_compared(unfit.rule->file, unfit.line,
                   subject.name + " with " + unfit.name + ": no text is known that is " +
                       describe(*unfit.type));
    }
  }

  void not_compared(const std::string& file, std::uint32_t line, std::string what) {
    out_.not_compared.push_back({file, line, std::move(what)});
  }

  void compare_what_all_share() {
    const auto witness = std::find_if(witnesses_.begin(), witnesses_.end(), [](const auto& one) {
      return one.verdict != Verdict::kDeny;
    });
    if (witness == witnesses_.end()) return;
    const Answers answers = ask(pair_, witness->example);
    for (const Aspect aspect : kOfAll) {
      if (!answers.differ(aspect)) continue;
      Change change = change_of(aspect, answers, witness->example);
      change.envs = envs_;
      change.everywhere = true;
      out_.changes.push_back(std::move(change));
    }
  }

  void compare_variable(const VariableKnowledge& variable) {
    tell_unfit(variable);
    // Each way from one fate to another, with the values that go it, by environment.
    std::map<std::pair<std::string, std::string>, std::map<Words, Change>> ways;
    for (std::size_t env = 0; env < envs_.size(); ++env) {
      if (witnesses_[env].verdict == Verdict::kDeny) continue;
      std::map<std::pair<std::string, std::string>, Change> here;
      for (const Example& example : uses_of(variable, env)) try_variable(variable, example, here);
      for (auto& [way, change] : here) {
        Change& joined = ways[way].try_emplace(change.with, change).first->second;
        if (variable.name != kMixEnv) joined.envs.push_back(envs_[env]);
      }
    }
    for (auto& [way, changes] : ways) {
      for (auto& [with, change] : changes) {
        change.everywhere = change.envs.size() == envs_.size();
        out_.changes.push_back(std::move(change));
      }
    }
  }

  // The environment's command with the variable unset, and with each of its values. MIX_ENV has
  // been tried with all its values already.
  [[nodiscard]] std::vector<Example> uses_of(const VariableKnowledge& variable,
                                             std::size_t env) const {
    std::vector<Example> uses;
    const Example& bare = witnesses_[env].example;
    if (variable.name == kMixEnv) {
      if (env != 0) return uses;
      uses.push_back(bare);
      uses.back().env.clear();
      return uses;
    }
    if (auto unset = without(variable, env)) uses.push_back(std::move(*unset));
    for (const std::string& value : variable.values) {
      uses.push_back(bare);
      uses.back().env.insert_or_assign(variable.name, value);
    }
    return uses;
  }

  // With all that is required besides, so that only this variable can be missed.
  [[nodiscard]] std::optional<Example> without(const VariableKnowledge& variable,
                                               std::size_t env) const {
    Example example = witnesses_[env].example;
    example.is_complete = true;
    for (const VariableKnowledge& other : variables_) {
      const bool is_needed =
          other.name != variable.name && other.name != kMixEnv && is_required(other, envs_[env]);
      if (!is_needed) continue;
      const auto fitting =
          std::find_if(other.values.begin(), other.values.end(), [&](const std::string& value) {
            return std::all_of(other.rules.begin(), other.rules.end(),
                               [&](const EnvRule* rule) { return fits(*rule, value); });
          });
      if (fitting == other.values.end()) return std::nullopt;
      example.env.insert_or_assign(other.name, *fitting);
    }
    return example;
  }

  void try_variable(const VariableKnowledge& variable, const Example& example,
                    std::map<std::pair<std::string, std::string>, Change>& out) const {
    const auto value = example.env.find(variable.name);
    const bool is_given = value != example.env.end();
    const Answers answers = ask(pair_, example);
    const Fate before = fate_of(answers.a, variable.name, is_given);
    const Fate after = fate_of(answers.b, variable.name, is_given);
    if (before == after) return;
    const auto [place, is_new] = out.try_emplace({before.text, after.text});
    Change& change = place->second;
    if (is_new) {
      change = change_of(Aspect::kVariable, answers, example);
      change.wider = after.gives_more_than(before);
      change.from = {before.text};
      change.to = {after.text};
    }
    change.with.push_back(is_given ? variable.name + "=" + value->second
                                   : variable.name + " unset");
  }

  void tell_unfit(const VariableKnowledge& variable) {
    pair_.each_layer([&](const Ruleset& layer) {
      for (const EnvRule& rule : layer.env) {
        if (rule.name != variable.name || !rule.match) continue;
        const bool is_tried = std::any_of(variable.values.begin(), variable.values.end(),
                                          [&](const auto& value) { return fits(rule, value); });
        if (is_tried || (has_same(pair_.a, rule) && has_same(pair_.b, rule))) continue;
        not_compared(layer.file, rule.line,
                     rule.name + ": no text is known that matches " + rule.match->text());
      }
    });
  }

  Pair pair_;
  Words envs_;
  std::vector<VariableKnowledge> variables_;
  std::vector<Witness> witnesses_;  // by environment
  Difference out_;
};

}  // namespace

Decision judge_example(const Policy& policy, const Example& example) {
  Facts facts = imaginary_facts(policy, example.run.front(), example.env);
  facts.environment_is_complete = example.is_complete;
  if (example.is_alias) {
    MixExs exs;
    exs.aliases = std::vector<Alias>{{example.run.at(1), {{"&run/1", true}}, 1}};
    facts.mix_exs.push_back(std::move(exs));
  }
  return decide(policy, example.run, facts);
}

Difference difference(const Policy& a, const Policy& b) { return Comparison(a, b).run(); }

}  // namespace mixguard::policy
