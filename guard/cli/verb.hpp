// SPDX-License-Identifier: Apache-2.0
#pragma once

// One file a subcommand: each defines its options on a CLI11 subcommand and sets the action that
// runs when it was chosen. app.cpp lists them; nothing registers itself.

#include <functional>
#include <string>
#include <vector>

#include "guard/output/console.hpp"

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
using Action = std::function<int(Console&)>;

// What the command line says; outlives the parse and the action.
struct Invocation {
  CommonOptions common;
  // The words of the command to guard; taken off the command line before CLI11 sees it, because
  // what follows the first word belongs to that command, options and `--` included.
  std::vector<std::string> command;
  Action action;
};

// A subcommand with --json, --policy, --project, -v and -q; `action` runs when it was chosen.
CLI::App* add_verb(CLI::App& app, Invocation& invocation, const char* name, const char* help,
                   Action action);
// The same for one that takes a command to guard; no command is a usage error.
CLI::App* add_guarding_verb(CLI::App& app, Invocation& invocation, const char* name,
                            const char* help, Action action);

void define_run(CLI::App& app, Invocation& invocation);
void define_check(CLI::App& app, Invocation& invocation);
void define_explain(CLI::App& app, Invocation& invocation);
void define_policy(CLI::App& app, Invocation& invocation);
// `policy init`, below `policy`.
void define_policy_init(CLI::App& verb, Invocation& invocation);
void define_learn(CLI::App& app, Invocation& invocation);
void define_trust(CLI::App& app, Invocation& invocation);
void define_untrust(CLI::App& app, Invocation& invocation);
void define_approve(CLI::App& app, Invocation& invocation);
void define_approvals(CLI::App& app, Invocation& invocation);
void define_snapshot(CLI::App& app, Invocation& invocation);
void define_rollback(CLI::App& app, Invocation& invocation);
void define_accept(CLI::App& app, Invocation& invocation);
void define_verify(CLI::App& app, Invocation& invocation);
void define_recover(CLI::App& app, Invocation& invocation);
void define_audit(CLI::App& app, Invocation& invocation);
void define_doctor(CLI::App& app, Invocation& invocation);

}  // namespace mixguard::guard::cli
