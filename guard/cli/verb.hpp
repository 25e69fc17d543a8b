// SPDX-License-Identifier: Apache-2.0
#pragma once

// One file a subcommand: each defines its options on a CLI11 subcommand and sets the action that
// runs when it was chosen. main wires them; nothing registers itself.

#include <functional>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace mixguard::guard::cli {

// What every verb takes.
struct CommonOptions {
  bool json = false;
  std::string policy;   // --policy FILE
  std::string project;  // --project DIR
  bool verbose = false;
  bool quiet = false;
};

// Runs the chosen verb and returns the exit code.
using Action = std::function<int()>;

// Adds --json, --policy, --project, -v and -q. `options` must outlive the parse.
void add_common(CLI::App& verb, CommonOptions& options);

// The words of the command to guard; taken off the command line before CLI11 sees it, because what
// follows the first word belongs to that command, options and `--` included.
using GuardedCommand = std::vector<std::string>;

// Throws CLI11's usage error when there is no command.
void require_command(const CLI::App& verb, const GuardedCommand& command);

void define_run(CLI::App& app, Action& action, const GuardedCommand& command);
void define_check(CLI::App& app, Action& action, const GuardedCommand& command);
void define_explain(CLI::App& app, Action& action, const GuardedCommand& command);
void define_policy(CLI::App& app, Action& action);
void define_trust(CLI::App& app, Action& action);
void define_rollback(CLI::App& app, Action& action);
void define_recover(CLI::App& app, Action& action);
void define_audit(CLI::App& app, Action& action);
void define_doctor(CLI::App& app, Action& action);

}  // namespace mixguard::guard::cli
