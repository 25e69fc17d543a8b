// SPDX-License-Identifier: Apache-2.0
#include "policy/engine.hpp"

#include <algorithm>
#include <tuple>

#include "policy/alias_expansion.hpp"
#include "policy/builtin.hpp"
#include "policy/exec_rules.hpp"
#include "policy/expectations.hpp"
#include "policy/gates.hpp"
#include "policy/judgement.hpp"
#include "policy/launcher.hpp"
#include "policy/policy_index.hpp"
#include "policy/text.hpp"
#include "policy/values.hpp"

namespace mixguard::policy {
namespace {

using Words = std::vector<std::string>;

// Where in the order of evaluation a reason is met; the earliest is the one reported.
int phase(Reason reason) {
  switch (reason) {
    case Reason::kLimit:
    case Reason::kControl:
    case Reason::kUnicode:
      return 1;
    case Reason::kLauncher:
      return 2;
    case Reason::kTaskSpelling:
      return 3;
    case Reason::kDoLimit:
      return 4;
    case Reason::kAlias:
      return 5;
    case Reason::kEnv:
    case Reason::kEnvDup:
      return 6;
    case Reason::kMeta:
    case Reason::kFlagUnknown:
    case Reason::kFlagDup:
    case Reason::kFlagType:
    case Reason::kArg:
    case Reason::kPath:
      return 7;
    case Reason::kRule:
    case Reason::kNoRule:
    case Reason::kUntrusted:
    case Reason::kPolicy:
      return 8;
    case Reason::kCode:
    case Reason::kDatabase:
      return 9;
    case Reason::kNone:
      break;
  }
  return 10;
}

bool decides_sooner(const Part& a, const Part& b) {
  return std::tuple(b.verdict, phase(a.reason)) < std::tuple(a.verdict, phase(b.reason));
}

void add_rules(const Part& part, Decision& decision) {
  decision.rules.reserve(decision.rules.size() + part.rules.size());
  for (const RuleRef& rule : part.rules) {
    const bool is_known =
        std::any_of(decision.rules.begin(), decision.rules.end(), [&](const RuleRef& known) {
          return known.id == rule.id && known.file == rule.file && known.line == rule.line;
        });
    if (!is_known) decision.rules.push_back(rule);
  }
}

// The strictest part speaks for the whole; of several, the one refused at the earliest step.
void sum_up(Decision& decision) {
  const Part& part =
      *std::min_element(decision.parts.begin(), decision.parts.end(), decides_sooner);
  decision.verdict = part.verdict;
  decision.reason = part.reason;
  decision.message = part.message;
  decision.because = part.because;
  decision.instead = part.instead;
  add_rules(part, decision);
  for (const Part& other : decision.parts) {
    if (&other != &part && other.verdict == decision.verdict) add_rules(other, decision);
  }
}

void refuse(const Refusal& refusal, Words canonical, Decision& decision) {
  decision.parts = {refused_part(std::move(canonical), refusal)};
  decision.canonical = decision.parts.front().canonical;
  sum_up(decision);
}

// Rules for children in force under this command, strictest first.
Words child_rules(const Policy::Index& index, const std::vector<Part>& parts) {
  std::vector<const Grant*> rules;
  for (const Ruleset& layer : index.layers) {
    for (const ExecRule& rule : layer.execs) {
      const bool applies =
          rule.tasks.empty() || std::any_of(parts.begin(), parts.end(), [&](const Part& part) {
            return std::find(rule.tasks.begin(), rule.tasks.end(), part.task) != rule.tasks.end();
          });
      if (rule.as_child && applies) rules.push_back(&rule);
    }
  }
  std::sort(rules.begin(), rules.end(), decides_before);
  Words ids;
  for (const Grant* rule : rules) ids.push_back(rule->id);
  return ids;
}

// Git dependencies come from where mix.exs says; a rule of a policy's own names its hosts itself.
bool fetches_dependencies(std::string_view task, const Permission& permission) {
  const bool is_builtin =
      std::any_of(permission.grants.begin(), permission.grants.end(),
                  [](const Grant* grant) { return grant->layer == Layer::kBuiltin; });
  return is_builtin && (task == "deps.get" || task == "deps.update");
}

// `permissions`: one for each of the decision's parts.
void confine(const Policy::Index& index, const std::vector<Permission>& permissions,
             const Facts& facts, Decision& decision) {
  Confinement& confinement = decision.confinement;
  confinement = index.common;
  for (std::size_t i = 0; i < permissions.size(); ++i) {
    const Permission& permission = permissions[i];
    add_grants(index.layers, permission.grants, confinement, decision.snapshot);
    if (fetches_dependencies(decision.parts[i].task, permission)) {
      for (const MixExs& exs : facts.mix_exs)
        add_builtin_endpoints(index.layers, exs.git_hosts, confinement);
    }
    // A server or a console among the parts makes the whole run live: it does not end by itself.
    if (permission.mode == RunMode::kLive) confinement.mode = RunMode::kLive;
  }
  for (Words* patterns : {&confinement.read, &confinement.deny}) {
    for (std::string& pattern : *patterns) pattern = with_root(pattern, facts.project_root);
  }
  confinement.exec = child_rules(index, decision.parts);
}

void pass_environment(Environment& environment, Decision& decision) {
  decision.environment = std::move(environment.variables);
  decision.dropped = std::move(environment.dropped);
}

void conclude(const Policy::Index& index, const std::vector<Permission>& permissions,
              const Facts& facts, Decision& decision) {
  sum_up(decision);
  if (decision.verdict != Verdict::kDeny) confine(index, permissions, facts, decision);
}

// What is typed in place of a task ("--version") loads no project. The console's empty place does.
bool loads_project(const TaskCall& call) { return !call.typed || call.typed->empty(); }

void tell_alias(const Words& via, Part& part) {
  part.via = via;
  if (via.empty() || part.verdict == Verdict::kAllow || part.task == via.back()) return;
  part.message = concat({part.message, "; alias ", quoted(via.back()), " of mix.exs runs it"});
}

// An allowed part is asked for; one that is asked for or denied already says why itself.
void raise(const Refusal& doubt, Part& part) {
  part.findings.push_back({Finding::Kind::kRaised, doubt.message, std::nullopt});
  if (part.verdict != Verdict::kAllow) return;
  part.verdict = Verdict::kAsk;
  part.reason = doubt.reason;
  part.message = doubt.message;
  part.instead = doubt.instead;
  part.because.clear();
  part.rules.clear();  // they allowed it; no rule asked
}

// What is not known of the project, when it matters.
std::optional<Refusal> doubt_about(const Facts& facts, const Environment& environment) {
  const auto names_file = [](const EnvVariable& variable) {
    return variable.name == std::string_view("MIX_EXS");
  };
  if (std::any_of(environment.variables.begin(), environment.variables.end(), names_file)) {
    return Refusal{Reason::kAlias, "MIX_EXS names another mix.exs, whose aliases are not known",
                   ""};
  }
  if (const auto why = unknown_aliases(facts.mix_exs)) {
    return Refusal{Reason::kAlias, "the aliases of the project cannot be read (" + *why + ")",
                   "write them out in mix.exs as a keyword list of strings"};
  }
  if (!environment.unknown) return std::nullopt;
  const MixExs& exs = facts.mix_exs.front();
  return Refusal{Reason::kEnv,
                 "the environment that the project prefers cannot be read (" +
                     to_string(*environment.unknown, exs.file) + "), and MIX_ENV is not set",
                 "set MIX_ENV"};
}

std::vector<Permission> judge_leaves(const Policy::Index& index, const Expansion& expansion,
                                     const Environment& environment, const Facts& facts,
                                     Detail detail, std::vector<Part>& parts) {
  std::vector<Permission> permissions;
  permissions.reserve(expansion.leaves.size());
  parts.reserve(expansion.leaves.size());
  const auto question = [&](const TaskCall& call) {
    return TaskQuestion{
        call, environment.mix_env, environment.source, {facts.project_root, facts.cwd}, detail};
  };
  const std::optional<Refusal> doubt = doubt_about(facts, environment);
  for (const Leaf& leaf : expansion.leaves) {
    Part& part = parts.emplace_back();
    permissions.push_back(leaf.function.empty()
                              ? judge_task(index, question(leaf.call), part)
                              : judge_function(index, question(leaf.call), leaf.function, part));
    part.function = leaf.function;
    tell_alias(leaf.via, part);
    if (doubt && loads_project(leaf.call)) raise(*doubt, part);
  }
  for (const AliasUse& use : expansion.aliases) {
    Part part;
    Permission permission = judge_alias(index, question(use.call), part);
    if (part.verdict == Verdict::kAllow) continue;
    tell_alias(use.via, part);
    parts.push_back(std::move(part));
    permissions.push_back(std::move(permission));
  }
  return permissions;
}

const TaskCall* first_misspelt(const std::vector<TaskCall>& calls) {
  for (const TaskCall& call : calls) {
    if (call.refusal) return &call;
  }
  return nullptr;
}

const TaskCall* first_misspelt(const std::vector<Leaf>& leaves) {
  for (const Leaf& leaf : leaves) {
    if (leaf.call.refusal) return &leaf.call;
  }
  return nullptr;
}

// Why the whole is refused: `whole`, unless a misspelt task is met before it.
const Refusal& met_first(const Refusal& whole, const TaskCall* misspelt) {
  const bool is_sooner =
      misspelt != nullptr && phase(misspelt->refusal->reason) < phase(whole.reason);
  return is_sooner ? *misspelt->refusal : whole;
}

// Mix refuses a task such as `test` in dev, unless MIX_ENV is set: exporting the "dev" that Mix
// would take anyway would switch that off (docs/design/effective-environment.md).
bool needs_unset_env(const Expansion& expansion, const Environment& environment) {
  if (environment.source != "default" || environment.mix_env != "dev" || environment.unknown) {
    return false;
  }
  return std::any_of(expansion.leaves.begin(), expansion.leaves.end(), [](const Leaf& leaf) {
    const catalog::Task* task = leaf.function.empty() ? find_builtin(leaf.call.task) : nullptr;
    return task != nullptr && !task->preferred_env.empty() && task->preferred_env != "dev";
  });
}

// What is executed: the judged words of a task, and the name of an alias as it was typed. The
// leaves of typed tasks come in the order of the calls.
Words spell_out(const MixCommand& command, const Expansion& expansion,
                const std::vector<Part>& parts) {
  if (expansion.aliases.empty() && parts.size() == command.calls.size()) {
    return spell(command, parts);
  }
  std::vector<Part> spelled(command.calls.size());
  std::size_t next = 0;
  for (std::size_t i = 0; i < spelled.size(); ++i) {
    if (expansion.is_alias[i]) {
      const TaskCall& call = command.calls[i];
      spelled[i].canonical = {"mix", call.task};
      spelled[i].canonical.insert(spelled[i].canonical.end(), call.words.begin(), call.words.end());
      continue;
    }
    while (!expansion.leaves[next].via.empty()) ++next;
    spelled[i].canonical = parts[next++].canonical;
  }
  return spell(command, spelled);
}

// `mix` alone runs the project's default task, which is then spelled out, so that no version of
// Elixir can pick another.
std::optional<Refusal> take_default_task(const Facts& facts, MixCommand& command) {
  if (facts.mix_exs.empty()) return std::nullopt;
  const MixExs& exs = facts.mix_exs.front();
  if (!exs.default_tasks) {
    return Refusal{Reason::kAlias,
                   "what `mix` alone runs cannot be read (" +
                       to_string(exs.default_tasks.error(), exs.file) + ")",
                   "name the task"};
  }
  command.calls = {read_task({exs.default_tasks->front()})};
  return std::nullopt;
}

// Mix looks its preference up by the word it was given (Mix.CLI, maybe_change_env_and_target): a
// `do` has none, whatever its first part prefers.
std::string first_task_of(const MixCommand& command, const Facts& facts) {
  if (command.is_do) return "do";
  const bool is_bare_console = command.is_iex && command.calls.size() == 1;
  if (!is_bare_console || facts.mix_exs.empty()) return command.calls.front().task;
  const auto& tasks = facts.mix_exs.front().default_tasks;
  return tasks ? tasks->front() : "run";
}

void judge_mix(const Policy::Index& index, MixCommand command, const Words& argv,
               const Facts& facts, Detail detail, Decision& decision) {
  if (command.refusal) {
    return refuse(met_first(*command.refusal, first_misspelt(command.calls)), argv, decision);
  }
  if (argv.size() == 1 && !command.is_iex) {
    if (const auto refusal = take_default_task(facts, command)) {
      return refuse(*refusal, argv, decision);
    }
  }
  const Expansion expansion = expand(command, facts.mix_exs);
  const TaskCall* misspelt = first_misspelt(command.calls);
  if (misspelt == nullptr) misspelt = first_misspelt(expansion.leaves);
  if (expansion.refusal) return refuse(met_first(*expansion.refusal, misspelt), argv, decision);
  Environment environment =
      make_environment(index.environment, facts, first_task_of(command, facts));
  if (environment.refusal) {
    pass_environment(environment, decision);
    return refuse(met_first(*environment.refusal, misspelt), argv, decision);
  }
  const std::vector<Permission> permissions =
      judge_leaves(index, expansion, environment, facts, detail, decision.parts);
  conclude(index, permissions, facts, decision);
  decision.canonical = spell_out(command, expansion, decision.parts);
  if (needs_unset_env(expansion, environment)) {
    std::erase_if(environment.variables,
                  [](const EnvVariable& variable) { return variable.name == "MIX_ENV"; });
  }
  pass_environment(environment, decision);
}

void judge_plain(const Policy::Index& index, const Words& argv, const Facts& facts,
                 const std::optional<Runtime>& runtime, Decision& decision) {
  decision.program = facts.program_path;
  decision.canonical = argv;
  Environment environment = make_environment(index.environment, facts, "");
  Part& part = decision.parts.emplace_back();
  const std::vector<Permission> permissions = {judge_program(index, argv, facts, runtime, part)};
  const bool is_known = part.reason != Reason::kLauncher;
  if (environment.refusal && is_known) return refuse(*environment.refusal, argv, decision);
  conclude(index, permissions, facts, decision);
  pass_environment(environment, decision);
}

}  // namespace

tl::expected<Policy, std::vector<PolicyError>> Policy::build(std::vector<Ruleset> layers) {
  std::vector<PolicyError> errors;
  const Ruleset* project = nullptr;
  for (const Ruleset& layer : layers) {
    if (layer.layer != Layer::kProject) continue;
    if (project != nullptr) {
      errors.push_back({layer.file, 1, 1, "a second project policy, besides " + project->file});
    }
    project = &layer;
  }
  if (!errors.empty()) return tl::unexpected(std::move(errors));
  for (const Ruleset& layer : layers) {
    if (layer.expectations.empty()) continue;
    // A file's expectations are about that file; what the layers above take away is not its fault.
    const Policy alone(std::make_shared<const Index>(std::vector<Ruleset>{layer}));
    check_expectations(alone, layer, errors);
  }
  if (!errors.empty()) return tl::unexpected(std::move(errors));
  return Policy(std::make_shared<const Index>(std::move(layers)));
}

const std::vector<Ruleset>& Policy::layers() const { return index_->layers; }

bool Policy::has_builtin() const { return index_->has_builtin; }

std::vector<std::string> Policy::command_paths(const std::string& project_root) const {
  std::vector<std::string> paths;
  for (const Ruleset& layer : index_->layers) {
    for (const ExecRule& rule : layer.execs) {
      if (!rule.as_command) continue;
      for (const std::string& path : rule.paths) {
        if (project_root.empty() && path.starts_with("${root}")) continue;
        paths.push_back(with_root(path, project_root));
      }
    }
  }
  return paths;
}

Decision decide(const Policy& policy, const std::vector<std::string>& argv, const Facts& facts,
                Detail detail) {
  const Policy::Index& index = *policy.index_;
  Decision decision;
  decision.policy.layers = index.layer_names;
  if (const auto refusal = check_gates(argv)) {
    refuse(*refusal, argv, decision);
    return decision;
  }
  const Launcher launcher = read_launcher(argv, facts);
  if (launcher.program == Program::kRefused) {
    refuse(launcher.refusal, argv, decision);
    return decision;
  }
  if (launcher.program == Program::kPlain) {
    judge_plain(index, argv, facts, launcher.runtime, decision);
    return decision;
  }
  const Words words(argv.begin() + 1, argv.end());
  const bool is_mix = launcher.program == Program::kMix;
  decision.program = is_mix ? "mix" : "iex";
  judge_mix(index, is_mix ? read_mix(words) : read_iex(words), argv, facts, detail, decision);
  return decision;
}

}  // namespace mixguard::policy
