// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "guard/cli/judged.hpp"
#include "guard/cli/verb.hpp"
#include "guard/config.hpp"
#include "guard/exit_code.hpp"
#include "guard/output/console.hpp"
#include "guard/project.hpp"
#include "policy/coverage.hpp"
#include "policy/difference.hpp"
#include "policy/explain.hpp"
#include "policy/layout.hpp"
#include "policy/lint.hpp"
#include "policy/schema.hpp"

namespace mixguard::guard::cli {
namespace {

using Json = nlohmann::ordered_json;

// Nothing when there is something wrong with it, which is said.
std::optional<LoadedPolicy> load(const std::string& project_root, const std::string& file,
                                 Console& console) {
  auto loaded = load_policy(project_root, file);
  if (loaded) return std::move(*loaded);
  for (const std::string& line : loaded.error().lines) console.error(line);
  return std::nullopt;
}

// Loads the policy in force, says what is wrong with it otherwise, and hands it to `use`.
int with_policy(const Invocation& invocation, Console& console,
                const std::function<int(const LoadedPolicy&)>& use) {
  const CommonOptions& common = invocation.common;
  const Result<Project> project = find_project(common.project);
  if (!project) {
    console.error(project.error().message);
    return kExitUsage;
  }
  const auto loaded = load(project->root, common.policy, console);
  if (!loaded) return kExitPolicyInvalid;
  if (loaded->untrusted) {
    console.say(loaded->untrusted->path +
                " is not trusted and is left out; read it, then: mixguard trust");
  }
  return use(*loaded);
}

Json warnings_json(const std::vector<policy::LintWarning>& warnings) {
  Json list = Json::array();
  for (const policy::LintWarning& warning : warnings)
    list.push_back({{"file", warning.file}, {"line", warning.line}, {"what", warning.what}});
  return list;
}

Json layer_json(const policy::Ruleset& rules) {
  Json tasks = Json::array();
  for (const policy::TaskRule& rule : rules.tasks) {
    tasks.push_back({{"id", rule.id},
                     {"line", rule.line},
                     {"names", rule.names},
                     {"env", rule.envs},
                     {"decision", to_string(rule.verdict)},
                     {"write", rule.write},
                     {"net", rule.net}});
  }
  Json execs = Json::array();
  for (const policy::ExecRule& rule : rules.execs) {
    execs.push_back({{"id", rule.id},
                     {"line", rule.line},
                     {"paths", rule.paths},
                     {"decision", to_string(rule.verdict)}});
  }
  return {{"layer", to_string(rules.layer)},
          {"file", rules.file},
          {"name", rules.name},
          {"tasks", std::move(tasks)},
          {"exec", std::move(execs)}};
}

int show(const Invocation& invocation, Console& console) {
  return with_policy(invocation, console, [&](const LoadedPolicy& loaded) {
    if (!console.json()) {
      console.document(policy::show(loaded.policy, terminal_style()));
      return kExitOk;
    }
    Json layers = Json::array();
    for (const policy::Ruleset& rules : loaded.policy.layers()) layers.push_back(layer_json(rules));
    console.document(dump_pretty({{"revision", loaded.identity.revision},
                                  {"builtin", loaded.policy.has_builtin()},
                                  {"layers", std::move(layers)}}));
    return kExitOk;
  });
}

// Errors are found by loading; what remains are warnings, and those do not fail the command.
int lint(const Invocation& invocation, Console& console) {
  return with_policy(invocation, console, [&](const LoadedPolicy& loaded) {
    const std::vector<policy::LintWarning> warnings = policy::lint(loaded.policy);
    if (console.json()) {
      console.document(dump_pretty({{"warnings", warnings_json(warnings)}}));
      return kExitOk;
    }
    for (const policy::LintWarning& warning : warnings)
      console.document(policy::place(warning.file, warning.line) + ": warning: " + warning.what);
    if (warnings.empty()) console.say("the policy is valid; nothing to warn about");
    return kExitOk;
  });
}

struct TestArguments {
  bool coverage = false;
  unsigned threshold = 0;
};

Json tried_json(const std::vector<policy::TriedExpectation>& tried) {
  Json list = Json::array();
  for (const policy::TriedExpectation& one : tried) {
    Json rules = Json::array();
    for (const policy::RuleRef& rule : one.rules) rules.push_back(rule.id);
    list.push_back({{"file", one.file},
                    {"line", one.line},
                    {"run", one.run},
                    {"decision", to_string(one.verdict)},
                    {"rules", std::move(rules)}});
  }
  return list;
}

void print(const policy::Coverage& result, const TestArguments& arguments, Console& console) {
  for (const policy::TriedExpectation& one : result.tried) {
    std::string line = policy::place(one.file, one.line) + ": " +
                       std::string(to_string(one.verdict)) + "  " + policy::command_line(one.run);
    if (!one.rules.empty()) line += "  (" + one.rules.front().id + ")";
    console.document(line);
  }
  if (arguments.coverage) {
    for (const policy::LintWarning& one : result.uncovered)
      console.document(policy::place(one.file, one.line) + ": " + one.what);
  }
  console.document(counted(result.tried.size(), "expectation") + ", all hold; " +
                   std::to_string(result.items - result.uncovered.size()) + " of " +
                   std::to_string(result.items) + " rules, flags, bounds and reasons reached, " +
                   std::to_string(result.percent()) + " %");
}

// An expectation that fails has failed the loading already.
int test(const Invocation& invocation, const TestArguments& arguments, Console& console) {
  return with_policy(invocation, console, [&](const LoadedPolicy& loaded) -> int {
    const policy::Coverage result = policy::cover(loaded.policy);
    if (console.json()) {
      console.document(dump_pretty({{"expectations", tried_json(result.tried)},
                                    {"items", result.items},
                                    {"percent", result.percent()},
                                    {"uncovered", warnings_json(result.uncovered)}}));
    } else {
      print(result, arguments, console);
    }
    if (result.percent() >= arguments.threshold) return kExitOk;
    console.error("fewer than the " + std::to_string(arguments.threshold) +
                  " % of --threshold are reached; --coverage lists the rest");
    return kExitPolicyInvalid;
  });
}

void define_test(CLI::App& verb, Invocation& invocation) {
  const auto arguments = std::make_shared<TestArguments>();
  CLI::App* sub = add_verb(
      verb, invocation, "test", "Try the [[expect]] entries, and say what they do not reach",
      [&invocation, arguments](Console& console) { return test(invocation, *arguments, console); });
  sub->add_flag("--coverage", arguments->coverage,
                "List the rules, flags, bounds and reasons that no expectation reaches");
  sub->add_option("--threshold", arguments->threshold,
                  "Fail when fewer per cent than this are reached")
      ->check(CLI::Range(0U, 100U));
}

struct DiffArguments {
  std::string a;
  std::string b;
};

Json side_json(policy::Aspect aspect, const std::vector<std::string>& side) {
  const bool is_word = aspect == policy::Aspect::kDecision || aspect == policy::Aspect::kVariable ||
                       aspect == policy::Aspect::kMode;
  return is_word ? Json(side.front()) : Json(side);
}

Json change_json(const policy::Change& change) {
  return {
      {"wider", change.wider},
      {"what", to_string(change.aspect)},
      {"task", text_or_null(change.task)},
      {"env", change.envs},
      {"with", change.with},
      {"from", side_json(change.aspect, change.from)},
      {"to", side_json(change.aspect, change.to)},
      {"example", change.example.run},
      {"example_env", change.example.env},
      {"rules", {{"from", rules_json(change.from_rules)}, {"to", rules_json(change.to_rules)}}}};
}

Json difference_json(const policy::Difference& difference) {
  Json changes = Json::array();
  for (const policy::Change& change : difference.changes) changes.push_back(change_json(change));
  Json rest = Json::array();
  for (const policy::NotCompared& one : difference.not_compared)
    rest.push_back({{"file", one.file}, {"line", one.line}, {"what", one.what}});
  return {{"changes", std::move(changes)}, {"not_compared", std::move(rest)}};
}

// Each stands where the project's file would, under the user's and the system's.
std::optional<LoadedPolicy> load_named(const std::string& name, Console& console) {
  return load("", name == "builtin" ? "" : name, console);
}

int diff(const Invocation& invocation, const DiffArguments& arguments, Console& console) {
  if (!invocation.common.policy.empty()) {
    console.error("policy diff takes both policies as A and B; leave out --policy");
    return kExitUsage;
  }
  const auto a = load_named(arguments.a, console);
  const auto b = load_named(arguments.b, console);
  if (!a || !b) return kExitPolicyInvalid;
  const policy::Difference difference = policy::difference(a->policy, b->policy);
  console.document(console.json() ? dump_pretty(difference_json(difference))
                                  : policy::tell(difference, terminal_style()));
  return kExitOk;
}

void define_diff(CLI::App& verb, Invocation& invocation) {
  const auto arguments = std::make_shared<DiffArguments>();
  CLI::App* sub = add_verb(
      verb, invocation, "diff", "What changes between two policies, with an example for each",
      [&invocation, arguments](Console& console) { return diff(invocation, *arguments, console); });
  sub->add_option("A", arguments->a, "A policy file, or `builtin`")->required();
  sub->add_option("B", arguments->b, "The policy to compare it with")->required();
}

}  // namespace

void define_policy(CLI::App& app, Invocation& invocation) {
  CLI::App* verb = app.add_subcommand("policy", "Look at policies");
  verb->require_subcommand(1);
  add_verb(*verb, invocation, "show",
           "The effective policy: every layer, every rule with file and line",
           [&](Console& console) { return show(invocation, console); });
  add_verb(*verb, invocation, "lint", "Errors, and what is legal but probably a mistake",
           [&](Console& console) { return lint(invocation, console); });
  define_test(*verb, invocation);
  define_policy_init(*verb, invocation);
  define_diff(*verb, invocation);
  add_verb(*verb, invocation, "schema", "The policy language as a JSON schema, for editors",
           [](Console& console) {
             console.document(policy::schema());
             return kExitOk;
           });
}

}  // namespace mixguard::guard::cli
