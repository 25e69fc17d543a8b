// SPDX-License-Identifier: Apache-2.0
#include "guard/trust.hpp"

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "guard/cli/verb.hpp"
#include "guard/config.hpp"
#include "guard/exit_code.hpp"
#include "guard/files.hpp"
#include "guard/output/console.hpp"
#include "guard/output/decision_json.hpp"
#include "guard/project.hpp"

namespace mixguard::guard::cli {
namespace {

// FILE as given, else the project's own policy; empty with a message when there is neither.
std::string policy_path(const CommonOptions& common, const std::string& file, Console& console) {
  if (!file.empty()) {
    const std::string path = real_path(file);
    if (path.empty()) console.error(file + ": there is no such file");
    return path;
  }
  const Result<Project> project = find_project(common.project);
  if (!project || !project->found()) {
    console.error(project ? "there is no mix.exs here or above; name the policy file"
                          : project.error().message);
    return {};
  }
  return join_path(project->root, kProjectPolicyName);
}

void done(const std::string& path, bool trusted, std::string_view said, Console& console) {
  console.json() ? console.document(dump_pretty({{"file", path}, {"trusted", trusted}}))
                 : console.say(said);
}

int trust(const std::string& path, Console& console) {
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
  const auto changes = changes_since_trust(path);
  if (!changes) {
    console.error("what changed cannot be shown (" + changes.error().message +
                  "); when you have read the whole file: mixguard untrust, then trust it again");
    return kExitInternal;
  }
  if (!console.json()) console.listing(*changes);
  if (const auto remembered = remember_trust(path, **content); !remembered) {
    console.error(remembered.error().message);
    return kExitInternal;
  }
  done(path, true, "trusted: " + path + " (until its content changes)", console);
  return kExitOk;
}

int untrust(const std::string& path, Console& console) {
  const Result<bool> forgotten = forget_trust(path);
  if (!forgotten) {
    console.error(forgotten.error().message);
    return kExitInternal;
  }
  done(path, false, *forgotten ? "no longer trusted: " + path : path + " was not trusted", console);
  return kExitOk;
}

void define(CLI::App& app, Invocation& invocation, const char* name, const char* help,
            int (*use)(const std::string& path, Console& console)) {
  const auto file = std::make_shared<std::string>();
  CLI::App* verb =
      add_verb(app, invocation, name, help, [&invocation, file, use](Console& console) {
        const std::string path = policy_path(invocation.common, *file, console);
        return path.empty() ? static_cast<int>(kExitUsage) : use(path, console);
      });
  verb->add_option("FILE", *file, "The policy (default: the project's .mixguard.toml)");
}

}  // namespace

void define_trust(CLI::App& app, Invocation& invocation) {
  define(app, invocation, "trust",
         "Let a project policy count, as long as its content stays the same", trust);
}

void define_untrust(CLI::App& app, Invocation& invocation) {
  define(app, invocation, "untrust", "Let it count no longer", untrust);
}

}  // namespace mixguard::guard::cli
