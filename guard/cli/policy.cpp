// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "guard/cli/judged.hpp"
#include "guard/cli/verb.hpp"
#include "guard/config.hpp"
#include "guard/exit_code.hpp"
#include "guard/output/console.hpp"
#include "guard/project.hpp"
#include "policy/explain.hpp"
#include "policy/lint.hpp"

namespace mixguard::guard::cli {
namespace {

using Json = nlohmann::ordered_json;

// Loads the policy in force, says what is wrong with it otherwise, and hands it to `use`.
int with_policy(const Invocation& invocation, Console& console,
                const std::function<void(const LoadedPolicy&)>& use) {
  const CommonOptions& common = invocation.common;
  const Result<Project> project = find_project(common.project);
  if (!project) {
    console.error(project.error().message);
    return kExitUsage;
  }
  const auto loaded = load_policy(project->root, common.policy);
  if (!loaded) {
    for (const std::string& line : loaded.error().lines) console.error(line);
    return kExitPolicyInvalid;
  }
  if (loaded->untrusted) {
    console.say(loaded->untrusted->path +
                " is not trusted and is left out; read it, then: mixguard trust");
  }
  use(*loaded);
  return kExitOk;
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
    if (!console.json()) return console.document(policy::show(loaded.policy, terminal_style()));
    Json layers = Json::array();
    for (const policy::Ruleset& rules : loaded.policy.layers()) layers.push_back(layer_json(rules));
    console.document(dump_pretty({{"revision", loaded.identity.revision},
                                  {"builtin", loaded.policy.has_builtin()},
                                  {"layers", std::move(layers)}}));
  });
}

// Errors are found by loading; what remains are warnings, and those do not fail the command.
int lint(const Invocation& invocation, Console& console) {
  return with_policy(invocation, console, [&](const LoadedPolicy& loaded) {
    const std::vector<policy::LintWarning> warnings = policy::lint(loaded.policy);
    Json list = Json::array();
    for (const policy::LintWarning& warning : warnings) {
      list.push_back({{"file", warning.file}, {"line", warning.line}, {"what", warning.what}});
      if (!console.json())
        console.document(warning.file + ":" + std::to_string(warning.line) +
                         ": warning: " + warning.what);
    }
    if (console.json()) console.document(dump_pretty({{"warnings", std::move(list)}}));
    if (!console.json() && warnings.empty())
      console.say("the policy is valid; nothing to warn about");
  });
}

}  // namespace

void define_policy(CLI::App& app, Invocation& invocation) {
  CLI::App* verb = app.add_subcommand("policy", "Look at the policy in force");
  verb->require_subcommand(1);
  add_verb(*verb, invocation, "show",
           "The effective policy: every layer, every rule with file and line",
           [&](Console& console) { return show(invocation, console); });
  add_verb(*verb, invocation, "lint", "Errors, and what is legal but probably a mistake",
           [&](Console& console) { return lint(invocation, console); });
}

}  // namespace mixguard::guard::cli
