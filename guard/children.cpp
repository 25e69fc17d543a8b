// SPDX-License-Identifier: Apache-2.0
#include "guard/children.hpp"

#include <algorithm>

#include "guard/output/console.hpp"
#include "policy/exec_rules.hpp"
#include "policy/layout.hpp"

namespace mixguard::guard {
namespace {

// Said of one run; the record has the rest.
constexpr std::size_t kDescribed = 5;

policy::ChildScope scope_of(const Judgement& judgement,
                            const std::vector<std::string>& environment) {
  policy::ChildScope scope;
  scope.project_root = judgement.project.root;
  scope.environment = environment;
  for (const policy::Part& part : judgement.decision.parts) {
    if (!part.task.empty()) scope.tasks.push_back(part.task);
    scope.env = part.env;
  }
  return scope;
}

bool fetches(const std::string& task) {
  return task.starts_with("deps.") || task.starts_with("archive.") || task.starts_with("escript.");
}

// What Mix fetches with.
void add_git(std::vector<std::string>& helpers) {
  helpers.insert(helpers.end(),
                 {"/usr/bin/git", "/usr/lib/git-core/git", "/usr/lib/git-core/git-remote-http",
                  "/usr/libexec/git-core/git", "/usr/libexec/git-core/git-remote-http"});
}

}  // namespace

sandbox::ExecRules exec_rules(const Judgement& judgement,
                              const std::vector<std::string>& environment) {
  const Toolchain& toolchain = judgement.toolchain;
  sandbox::ExecRules rules;
  rules.paths = policy::child_paths(*judgement.rules, judgement.project.root);
  const policy::ChildScope scope = scope_of(judgement, environment);
  if (!toolchain.erts_bin.empty() && !scope.tasks.empty()) {
    const std::string& erts = toolchain.erts_bin;
    rules.helpers = {erts + "/erl_child_setup", erts + "/inet_gethost", erts + "/epmd"};
    rules.engine = erts + "/beam.smp";
    rules.starters = {rules.engine,        erts + "/erlexec",  erts + "/dyn_erl",
                      toolchain.mix.real,  toolchain.iex.real, toolchain.elixir.real,
                      toolchain.erl.real,  "/bin/sh",          "/bin/bash",
                      "/usr/bin/env",      "/usr/bin/dirname", "/usr/bin/basename",
                      "/usr/bin/readlink", "/usr/bin/sed"};
    if (std::any_of(scope.tasks.begin(), scope.tasks.end(), fetches)) add_git(rules.helpers);
  }
  rules.judge = [policy = *judgement.rules, scope](const sandbox::ExecAttempt& attempt) {
    const policy::Child child{attempt.path,     attempt.same,        attempt.copies,
                              attempt.argv,     attempt.environment, attempt.cwd,
                              attempt.is_known, attempt.is_loader,   attempt.is_nameless};
    policy::ChildVerdict verdict = policy::judge_child(policy, scope, child);
    return sandbox::ExecVerdict{verdict.allowed, std::move(verdict.why),
                                std::move(verdict.would_allow), std::move(verdict.env_drop)};
  };
  return rules;
}

std::vector<std::string> describe_refusals(const sandbox::ExecReport& report) {
  std::vector<std::string> lines;
  const std::size_t shown = std::min(report.refusals.size(), kDescribed);
  for (std::size_t i = 0; i < shown; ++i) {
    const sandbox::ExecRefusal& refusal = report.refusals[i];
    std::string line = "not started: " + printable(policy::shell_line(refusal.argv));
    if (refusal.count > 1) line += " (" + std::to_string(refusal.count) + " times)";
    line += ": " + printable(refusal.why);
    lines.push_back(std::move(line));
    if (refusal.would_allow.empty()) continue;
    lines.push_back("to allow exactly this:\n" + refusal.would_allow);
  }
  if (report.refusals.size() > shown) {
    lines.push_back("and " + std::to_string(report.refusals.size() - shown) +
                    " more, all in the record: mixguard audit tail");
  }
  return lines;
}

}  // namespace mixguard::guard
