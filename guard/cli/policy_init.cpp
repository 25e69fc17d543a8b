// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <optional>

#include "guard/cli/verb.hpp"
#include "guard/config.hpp"
#include "guard/exit_code.hpp"
#include "guard/files.hpp"
#include "guard/mix_files.hpp"
#include "guard/output/decision_json.hpp"
#include "guard/project.hpp"
#include "policy/starter.hpp"

namespace mixguard::guard::cli {
namespace {

// The text of a file of the project; empty when it is not there or cannot be read, for all that is
// written from it is a suggestion.
std::string text_of(const std::string& root, const char* name) {
  constexpr std::size_t kLargest = 4U << 20U;  // a lock file grows
  const auto text = read_file(join_path(root, name), kLargest);
  return text && *text ? **text : std::string();
}

policy::ProjectSketch sketch(const std::string& root) {
  const std::string mix_exs = text_of(root, "mix.exs");
  policy::ProjectSketch project;
  project.name = policy::read_app_name(mix_exs);
  if (project.name.empty()) project.name = printable(root.substr(root.rfind('/') + 1));
  project.mix_exs = read_mix_files(root, root);
  project.dependencies = policy::read_dependencies(mix_exs, text_of(root, "mix.lock"));
  return project;
}

// Why there is nothing to start with, for the person; empty when there is.
std::string refusal(const Invocation& invocation, const Result<Project>& project) {
  if (!invocation.common.policy.empty())
    return "policy init writes the project's own policy; leave out --policy";
  if (!project) return project.error().message;
  if (project->found()) return "";
  return "there is no mix.exs here or above; change to a Mix project or name one with --project "
         "DIR";
}

int write_policy(const std::string& root, Console& console) {
  const auto starter = policy::starting_policy(sketch(root));
  if (!starter) {
    for (const policy::PolicyError& error : starter.error()) console.error(error.to_string());
    return kExitInternal;
  }
  const std::string path = join_path(root, kProjectPolicyName);
  const Result<bool> created = create_file(path, starter->text);
  if (!created) {
    console.error(created.error().message);
    return kExitInternal;
  }
  if (!*created) {
    console.error(path +
                  " is there already and is left as it is; edit it, or move it away first; "
                  "mixguard learn proposes additions");
    return kExitUsage;
  }
  if (console.json()) {
    console.document(dump_pretty({{"file", path}, {"suggestions", starter->suggestions}}));
  } else {
    console.say("written: " + path + " (" + counted(starter->suggestions, "suggestion") +
                ", all commented out); read it, then: mixguard trust");
  }
  return kExitOk;
}

}  // namespace

void define_policy_init(CLI::App& verb, Invocation& invocation) {
  add_verb(verb, invocation, "init", "Write a commented first policy into the project",
           [&invocation](Console& console) {
             const Result<Project> project = find_project(invocation.common.project);
             const std::string why = refusal(invocation, project);
             if (why.empty()) return write_policy(project->root, console);
             console.error(why);
             return static_cast<int>(kExitUsage);
           });
}

}  // namespace mixguard::guard::cli
