// SPDX-License-Identifier: Apache-2.0
#include "guard/cli/judged.hpp"

#include <unistd.h>

#include <CLI/CLI.hpp>

#include "guard/exit_code.hpp"
#include "guard/files.hpp"
#include "guard/snapshot/tree.hpp"

namespace mixguard::guard::cli {

int with_judgement(const Invocation& invocation, policy::Detail detail, Console& console,
                   const std::function<void(const Judgement&)>& print) {
  const auto judged = judge(
      {invocation.command, invocation.common.policy, invocation.common.project, false, detail});
  if (!judged) {
    for (const std::string& line : judged.error().lines) console.error(line);
    return judged.error().exit_code;
  }
  for (const std::string& note : judged->notes) console.note(note);
  print(*judged);
  console.listing(judged->policy_changes);
  switch (judged->decision.verdict) {
    case policy::Verdict::kAllow:
      return kExitOk;
    case policy::Verdict::kAsk:
      return judged->decision.reason == policy::Reason::kUntrusted ? kExitUntrusted
                                                                   : kExitApprovalNeeded;
    case policy::Verdict::kDeny:
      return judged->decision.reason == policy::Reason::kUntrusted ? kExitUntrusted : kExitDenied;
  }
  return kExitInternal;
}

int with_store(const Invocation& invocation, Console& console,
               const std::function<Result<int>(const Store&)>& use) {
  Result<Project> project = find_project(invocation.common.project);
  // Where a project was made there is a record of it, and no mix.exs.
  if (project && !project->found() && ::access(".mixguard", F_OK) == 0)
    project->root = project->cwd;
  const Result<Store> store = project ? open_store_of(*project) : propagate(project);
  const Result<int> code = store ? use(*store) : propagate(store);
  if (code) return *code;
  console.error(code.error().message);
  return kExitInternal;
}

int with_held_store(
    const Invocation& invocation, Console& console,
    const std::function<Result<int>(const Store&, const std::vector<Recovery>&)>& use,
    Unfinished unfinished) {
  return with_store(invocation, console, [&](const Store& store) -> Result<int> {
    const Result<HeldStore> held = hold_and_recover(store, console, unfinished);
    if (!held) return propagate(held);
    auto code = use(store, held->recovered);
    static_cast<void>(store.empty_trash(within(kTrashTime)));
    return code;
  });
}

CLI::Validator written_path() {
  const auto check = [](std::string& text) -> std::string {
    if (text.starts_with('/')) {
      text = normal_path(text);
      return {};
    }
    auto path = tree::as_written(text);
    if (!path) return "\"" + text + "\" is no path in the project";
    text = std::move(*path);
    return {};
  };
  return {check, "PATH"};
}

std::string in_project(const Store& store, const std::string& path) {
  const std::string& root = store.project_root();
  const bool below = path.starts_with(root + "/") && !root.empty();
  return below ? path.substr(root.size() + 1) : path;
}

policy::ExplainStyle terminal_style() {
  policy::ExplainStyle style;
  style.colour = ::isatty(STDOUT_FILENO) != 0 && !environment_variable("NO_COLOR");
  return style;
}

}  // namespace mixguard::guard::cli
