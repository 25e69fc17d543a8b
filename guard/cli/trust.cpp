// SPDX-License-Identifier: Apache-2.0
#include "guard/trust.hpp"

#include <CLI/CLI.hpp>
#include <memory>

#include "guard/cli/verb.hpp"
#include "guard/config.hpp"
#include "guard/exit_code.hpp"
#include "guard/files.hpp"
#include "guard/output/console.hpp"
#include "guard/project.hpp"

namespace mixguard::guard::cli {
namespace {

struct TrustArguments {
  CommonOptions common;
  std::string file;
};

// FILE as given, else the project's own policy; empty with a message when there is neither.
std::string policy_path(const TrustArguments& arguments, const Console& console) {
  if (!arguments.file.empty()) {
    const std::string path = real_path(arguments.file);
    if (path.empty()) console.error(arguments.file + ": there is no such file");
    return path;
  }
  const Result<Project> project = find_project(arguments.common.project);
  if (!project || !project->found()) {
    console.error(project ? "there is no mix.exs here or above; name the policy file"
                          : project.error().message);
    return {};
  }
  return join_path(project->root, kProjectPolicyName);
}

int trust(const TrustArguments& arguments) {
  const Console console(arguments.common.verbose, arguments.common.quiet);
  const std::string path = policy_path(arguments, console);
  if (path.empty()) return kExitUsage;
  const auto content = read_file(path);
  if (!content || !*content) {
    console.error(content ? path + ": there is no such file" : content.error().message);
    return kExitUsage;
  }
  const auto parsed = policy::parse_ruleset(**content, path, policy::Layer::kProject);
  if (!parsed) {
    for (const policy::PolicyError& error : parsed.error()) console.error(error.to_string());
    return kExitPolicyInvalid;
  }
  if (const auto remembered = remember_trust(path, **content); !remembered) {
    console.error(remembered.error().message);
    return kExitInternal;
  }
  console.say("trusted: " + path + " (until its content changes)");
  return kExitOk;
}

int untrust(const TrustArguments& arguments) {
  const Console console(arguments.common.verbose, arguments.common.quiet);
  const std::string path = policy_path(arguments, console);
  if (path.empty()) return kExitUsage;
  const Result<bool> forgotten = forget_trust(path);
  if (!forgotten) {
    console.error(forgotten.error().message);
    return kExitInternal;
  }
  console.say(*forgotten ? "no longer trusted: " + path : path + " was not trusted");
  return kExitOk;
}

void define(CLI::App& app, Action& action, const char* name, const char* help,
            int (*run)(const TrustArguments&)) {
  CLI::App* verb = app.add_subcommand(name, help);
  const auto arguments = std::make_shared<TrustArguments>();
  add_common(*verb, arguments->common);
  verb->add_option("FILE", arguments->file, "The policy (default: the project's .mixguard.toml)");
  verb->callback(
      [arguments, run, &action] { action = [arguments, run] { return run(*arguments); }; });
}

}  // namespace

void define_trust(CLI::App& app, Action& action) {
  define(app, action, "trust", "Let a project policy count, as long as its content stays the same",
         trust);
  define(app, action, "untrust", "Let it count no longer", untrust);
}

}  // namespace mixguard::guard::cli
