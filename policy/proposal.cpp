// SPDX-License-Identifier: Apache-2.0
#include "policy/proposal.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <tuple>

#include "policy/arguments.hpp"
#include "policy/builtin.hpp"
#include "policy/mix_command.hpp"
#include "policy/rule_parser.hpp"
#include "policy/suggestion.hpp"
#include "policy/text.hpp"

namespace mixguard::policy {
namespace {

using Words = std::vector<std::string>;

constexpr const char* kByNow = "allowed by now";
constexpr const char* kNeedsMore = "a rule alone would not allow it";

bool is_any_of(std::string_view text, std::initializer_list<Reason> reasons) {
  return std::any_of(reasons.begin(), reasons.end(),
                     [&](Reason reason) { return text == to_string(reason); });
}

bool names_secret(std::string_view word) {
  const std::string name = to_lower(word.substr(0, word.find('=')));
  const bool is_named = word.starts_with('-') || name.size() != word.size();
  constexpr std::array kNames = {"pass",   "pwd",  "secret", "token",   "cred", "key",
                                 "bearer", "auth", "cookie", "session", "pin",  "otp"};
  return is_named && std::any_of(kNames.begin(), kNames.end(), [&](const char* part) {
           return name.find(part) != std::string::npos;
         });
}

// Such as keys and tokens are: one long run of letters and digits of several kinds.
bool looks_random(std::string_view word) {
  constexpr std::size_t kShortest = 16;
  std::size_t run = 0;
  bool has_digit = false;
  bool has_letter = false;
  for (const char c : word) {
    const bool is_part = is_digit(c) || is_lower(c) || is_upper(c) || c == '_' || c == '-';
    run = is_part ? run + 1 : 0;
    has_digit = is_part && (has_digit || is_digit(c));
    has_letter = is_part && (has_letter || is_lower(c) || is_upper(c));
    if (run >= kShortest && has_digit && has_letter) return true;
  }
  return false;
}

bool may_hold_secret(const std::string& word) {
  const std::size_t scheme = word.find("://");
  const bool has_login = scheme != std::string::npos && word.find('@', scheme) != std::string::npos;
  return has_login || word.find("(secret)") != std::string::npos || names_secret(word) ||
         looks_random(word) || word.find("Bearer") != std::string::npos;
}

// A flag of the catalogue's whose value is Elixir code.
bool mentions_code(const Part& part) {
  const catalog::Task* known = find_builtin(part.task);
  if (known == nullptr) return false;
  std::vector<FlagRule> code;
  for (const catalog::Flag& flag : known->flags) {
    if (flag.type.kind != ValueKind::kCode) continue;
    code.push_back({std::string(flag.name), std::string(flag.alias), {}, false, 0});
  }
  const bool takes_code = std::any_of(known->args.begin(), known->args.end(), [](const auto& arg) {
    return arg.type.kind == ValueKind::kCode;
  });
  return takes_code || std::any_of(code.begin(), code.end(), [&](const FlagRule& flag) {
           return mentions_flag(flag, part.canonical);
         });
}

bool is_by_file(const Part& part) {
  return std::any_of(part.rules.begin(), part.rules.end(),
                     [](const RuleRef& rule) { return rule.layer != to_string(Layer::kBuiltin); });
}

const char* obstacle_in_reason(std::string_view reason) {
  if (is_any_of(reason, {Reason::kControl, Reason::kUnicode, Reason::kLimit, Reason::kMeta,
                         Reason::kDoLimit}))
    return "hard gate";
  if (is_any_of(reason, {Reason::kTaskSpelling})) return "misspelt task";
  if (is_any_of(reason, {Reason::kFlagDup})) return "repeated flag";
  if (is_any_of(reason, {Reason::kEnv, Reason::kEnvDup})) return "environment variables";
  if (is_any_of(reason, {Reason::kUntrusted, Reason::kPolicy})) return "policy not trusted";
  if (is_any_of(reason, {Reason::kCode, Reason::kDatabase})) return "code or database";
  if (is_any_of(reason, {Reason::kAlias})) return "alias that cannot be followed";
  return nullptr;
}

// Why no rule is for a part that is not allowed; nothing when one may be.
const char* obstacle(const Part& part, const Words& argv) {
  if (const char* why = obstacle_in_reason(to_string(part.reason))) return why;
  const bool has_meta = std::any_of(part.canonical.begin(), part.canonical.end(),
                                    [](const auto& word) { return find_metacharacter(word); });
  if (has_meta) return "hard gate";
  if (part.reason == Reason::kLauncher && part.would_allow.empty()) return "launcher or wrapper";
  if (part.reason == Reason::kRule && is_by_file(part)) return "rule of a policy file";
  if (!part.task.empty() && !is_development(part.env)) return "neither dev nor test";
  if (std::any_of(argv.begin(), argv.end(), may_hold_secret)) return "secret among the words";
  if (mentions_code(part)) return "code or database";
  const bool is_console = part.task == "iex" || part.task == "help";
  if (part.would_allow.empty() || is_console) return "no narrow rule can say it";
  return nullptr;
}

// One part that a rule could allow, wherever it was seen with the same words.
struct SeenPart {
  Words canonical;
  std::string program;  // real path, of a plain program
  TaskCall call;
  std::set<std::string> envs;
  std::optional<RuleRef> near_miss;
  std::vector<const Denial*> denials;
};

class Learner {
 public:
  Learner(const PolicySource& source, const Policy& policy) : source_(source), policy_(policy) {
    for (const Ruleset& layer : policy.layers()) {
      for (const TaskRule& rule : layer.tasks) taken_.insert(rule.id);
      for (const ExecRule& rule : layer.execs) taken_.insert(rule.id);
    }
  }

  Learned learn(const std::vector<Denial>& denials) {
    for (const Denial& denial : denials) look_at(denial);
    for (const auto& [key, parts] : grouped()) propose_for(parts);
    settle();
    return std::move(out_);
  }

 private:
  struct Draft {
    Proposal proposal;
    std::vector<const Denial*> denials;
  };

  void give_up(const Denial& denial, const char* why) { out_.not_learnable[why] += denial.count; }

  void look_at(const Denial& denial) {
    if (const char* why = obstacle_in_reason(denial.reason)) return give_up(denial, why);
    const Decision now = decide(policy_, denial.argv, denial.facts);
    const bool left_by_symlink =
        denial.reason == to_string(Reason::kPath) && now.reason != Reason::kPath;
    if (left_by_symlink) return give_up(denial, "path that leaves by a symlink");
    if (now.verdict == Verdict::kAllow) return give_up(denial, kByNow);
    for (const Part& part : now.parts) {
      if (part.verdict == Verdict::kAllow) continue;
      if (const char* why = obstacle(part, denial.argv)) return give_up(denial, why);
    }
    learnable_.push_back(&denial);
    for (const Part& part : now.parts) {
      if (part.verdict != Verdict::kAllow) remember(part, denial);
    }
  }

  void remember(const Part& part, const Denial& denial) {
    const auto found = std::find_if(seen_.begin(), seen_.end(), [&](const SeenPart& seen) {
      return seen.canonical == part.canonical && seen.program == denial.facts.program_path &&
             seen.denials.front()->facts.cwd == denial.facts.cwd;
    });
    SeenPart& seen = found == seen_.end() ? seen_.emplace_back() : *found;
    if (seen.denials.empty()) {
      seen.canonical = part.canonical;
      if (part.task.empty()) seen.program = denial.facts.program_path;
      if (!part.task.empty())
        seen.call = read_task({part.canonical.begin() + 1, part.canonical.end()});
      seen.near_miss = part.near_miss;
    }
    if (!part.env.empty()) seen.envs.insert(part.env);
    seen.denials.push_back(&denial);
  }

  using Group = std::vector<const SeenPart*>;
  // Only what has the same flags is said in one rule: others would combine.
  using Key = std::tuple<std::string, std::string, std::set<std::string>, Words>;

  static Words flags_of(const Words& canonical) {
    Words flags;
    for (const std::string& word : canonical) {
      if (word.starts_with('-')) flags.push_back(word.substr(0, word.find('=')));
    }
    return flags;
  }

  std::map<Key, Group> grouped() const {
    std::map<Key, Group> groups;
    for (const SeenPart& seen : seen_)
      groups[Key(seen.program, seen.call.task, seen.envs, flags_of(seen.canonical))].push_back(
          &seen);
    return groups;
  }

  // All in one rule where that can be said; else a rule for each.
  void propose_for(const Group& parts) {
    if (add_draft(parts) || parts.size() == 1) return;
    for (const SeenPart* part : parts) static_cast<void>(add_draft({part}));
  }

  bool add_draft(const Group& parts) {
    Draft draft;
    const SeenPart& first = *parts.front();
    const Words envs(first.envs.begin(), first.envs.end());
    const std::string_view name =
        first.program.empty()
            ? std::string_view(first.call.task)
            : std::string_view(first.program).substr(first.program.rfind('/') + 1);
    draft.proposal.id = free_id(suggested_id(name, envs));
    draft.proposal.toml = first.program.empty() ? task_rule(parts, envs, draft.proposal.id)
                                                : program_rule(parts, draft.proposal.id);
    if (!is_proved(draft.proposal.toml, parts)) return false;
    for (const SeenPart* part : parts) {
      draft.proposal.commands.push_back(part->canonical);
      draft.denials.insert(draft.denials.end(), part->denials.begin(), part->denials.end());
    }
    taken_.insert(draft.proposal.id);
    drafts_.push_back(std::move(draft));
    return true;
  }

  std::string free_id(const std::string& wanted) const {
    std::string id = wanted;
    for (std::size_t n = 2; taken_.contains(id); ++n) {
      const std::string suffix = "-" + std::to_string(n);
      id = wanted.substr(0, kLongestId - suffix.size()) + suffix;
    }
    return id;
  }

  std::string task_rule(const Group& parts, const Words& envs, const std::string& id) const {
    const SeenPart& first = *parts.front();
    TaskSuggestion wanted;
    for (const SeenPart* part : parts)
      wanted.calls.push_back({&part->call, part->denials.front()->facts.cwd});
    wanted.envs = envs;
    wanted.known = find_builtin(first.call.task);
    wanted.flags = known_flags(wanted.known, rules_of(first.call.task));
    wanted.like = near_rule(first);
    wanted.root = first.denials.front()->facts.project_root;
    wanted.id = id;
    return suggest_task(wanted);
  }

  static std::string program_rule(const Group& parts, const std::string& id) {
    std::vector<Words> argvs;
    for (const SeenPart* part : parts) argvs.push_back(part->canonical);
    return suggest_program(argvs, parts.front()->program, id);
  }

  std::vector<const TaskRule*> rules_of(const std::string& task) const {
    std::vector<const TaskRule*> rules;
    for (const Ruleset& layer : policy_.layers()) {
      for (const TaskRule& rule : layer.tasks) {
        if (std::find(rule.names.begin(), rule.names.end(), task) != rule.names.end())
          rules.push_back(&rule);
      }
    }
    return rules;
  }

  const TaskRule* near_rule(const SeenPart& seen) const {
    if (!seen.near_miss) return nullptr;
    for (const TaskRule* rule : rules_of(seen.call.task)) {
      if (rule->id == seen.near_miss->id && rule->file == seen.near_miss->file) return rule;
    }
    return nullptr;
  }

  bool is_proved(const std::string& toml, const Group& parts) const {
    if (toml.empty()) return false;
    const auto policy = build_with(source_, with_tables(source_.text, {toml}));
    return policy && std::all_of(parts.begin(), parts.end(), [&](const SeenPart* part) {
             return allows_everywhere(*policy, *part);
           });
  }

  // The part alone, as a command of its own: no alias leads to it.
  static bool allows_everywhere(const Policy& policy, const SeenPart& part) {
    Facts facts = part.denials.front()->facts;
    facts.mix_exs.clear();
    const auto is_allowed = [&] {
      return decide(policy, part.canonical, facts).verdict == Verdict::kAllow;
    };
    if (part.envs.empty()) return is_allowed();
    return std::all_of(part.envs.begin(), part.envs.end(), [&](const std::string& env) {
      facts.environment = {"MIX_ENV=" + env};
      return is_allowed();
    });
  }

  // With every proposal in force, the commands themselves have to be allowed.
  void settle() {
    std::vector<std::string> tables;
    for (const Draft& draft : drafts_) tables.push_back(draft.proposal.toml);
    const auto policy = build_with(source_, with_tables(source_.text, tables));
    std::set<const Denial*> settled;
    for (const Denial* denial : learnable_) {
      const bool is_allowed = policy && allows(*policy, *denial);
      is_allowed ? static_cast<void>(settled.insert(denial)) : give_up(*denial, kNeedsMore);
    }
    for (Draft& draft : drafts_) keep(draft, settled);
    std::stable_sort(out_.proposals.begin(), out_.proposals.end(),
                     [](const Proposal& a, const Proposal& b) { return a.count > b.count; });
  }

  void keep(Draft& draft, const std::set<const Denial*>& settled) {
    Proposal& proposal = draft.proposal;
    for (const Denial* denial : std::set(draft.denials.begin(), draft.denials.end())) {
      if (!settled.contains(denial)) continue;
      proposal.count += denial->count;
      if (proposal.first.empty() || denial->first < proposal.first) proposal.first = denial->first;
      proposal.last = std::max(proposal.last, denial->last);
    }
    if (proposal.count != 0) out_.proposals.push_back(std::move(proposal));
  }

  const PolicySource& source_;
  const Policy& policy_;
  std::set<std::string> taken_;  // ids
  std::vector<const Denial*> learnable_;
  std::vector<SeenPart> seen_;
  std::vector<Draft> drafts_;
  Learned out_;
};

}  // namespace

std::string with_tables(std::string_view text, const std::vector<std::string>& tables) {
  std::string out(text);
  for (const std::string& table : tables) {
    if (!out.empty() && !out.ends_with('\n')) out += '\n';
    if (!out.empty() && !out.ends_with("\n\n")) out += '\n';
    out += table;
  }
  return out;
}

tl::expected<Policy, std::vector<PolicyError>> build_with(const PolicySource& source,
                                                          std::string_view text) {
  auto project = parse_ruleset(text, source.file, Layer::kProject);
  if (!project) return tl::unexpected(std::move(project.error()));
  std::vector<Ruleset> layers = source.above;
  layers.push_back(std::move(*project));
  return Policy::build(std::move(layers));
}

tl::expected<Learned, std::vector<PolicyError>> propose(const PolicySource& source,
                                                        const std::vector<Denial>& denials) {
  const auto policy = build_with(source, source.text);
  if (!policy) return tl::unexpected(policy.error());
  return Learner(source, *policy).learn(denials);
}

bool allows(const Policy& policy, const Denial& denial) {
  return decide(policy, denial.argv, denial.facts).verdict == Verdict::kAllow;
}

}  // namespace mixguard::policy
