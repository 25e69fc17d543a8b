// SPDX-License-Identifier: Apache-2.0
#include "guard/cli/app.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <iostream>

#include "guard/cli/verb.hpp"
#include "guard/exit_code.hpp"

namespace mixguard::guard::cli {
namespace {

constexpr const char* kDescription =
    "mixguard decides by policy whether a Mix command may run, runs it in a sandbox, and can put "
    "everything back.\n\n"
    "  mixguard mix test              guard a command (the same as: mixguard run -- mix test)\n"
    "  mixguard check -- mix ecto.drop   ask only; nothing runs\n"
    "  mixguard rollback last         undo what the last command changed";

// `mixguard mix test` is `mixguard run mix test`: anything that is no verb of ours begins a command
// or its options.
bool is_one_of(const std::string& word, std::initializer_list<const char*> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

bool needs_run(const CLI::App& app, const std::string& first) {
  if (is_one_of(first, {"--help", "-h", "--version"})) return false;
  const auto verbs = app.get_subcommands([](const CLI::App*) { return true; });
  return std::none_of(verbs.begin(), verbs.end(),
                      [&](const CLI::App* verb) { return verb->check_name(first); });
}

bool takes_value(const CLI::App& verb, const std::string& word) {
  if (word.find('=') != std::string::npos) return false;
  const CLI::Option* option = verb.get_option_no_throw(word);
  return option != nullptr && option->get_items_expected_max() > 0;
}

// Cuts the command off `words` (a verb, its options, the command): it begins at the first word that
// is no option of the verb, or after `--`.
GuardedCommand cut_command(const CLI::App& app, std::vector<std::string>& words) {
  if (words.empty() || !is_one_of(words.front(), {"run", "check", "explain"})) return {};
  const CLI::App& verb = *app.get_subcommand(words.front());
  std::size_t begin = 1;
  while (begin < words.size() && words[begin] != "--" && words[begin].starts_with('-')) {
    begin += takes_value(verb, words[begin]) ? 2 : 1;
  }
  begin = std::min(begin, words.size());
  GuardedCommand command(words.begin() + static_cast<std::ptrdiff_t>(begin), words.end());
  words.resize(begin);
  if (!command.empty() && command.front() == "--") command.erase(command.begin());
  return command;
}

int usage_error(const CLI::App& app, const CLI::ParseError& error) {
  if (error.get_exit_code() == 0)
    return app.exit(error);  // --help and --version are thrown as well
  std::cerr << "mixguard: " << error.what() << "\nmixguard: see mixguard --help\n";
  return kExitUsage;
}

}  // namespace

void add_common(CLI::App& verb, CommonOptions& options) {
  verb.add_flag("--json", options.json, "One JSON document on standard output");
  verb.add_option("--policy", options.policy, "Use FILE in place of the project's policy")
      ->type_name("FILE");
  verb.add_option("--project", options.project,
                  "The Mix project (default: the nearest mix.exs upwards)")
      ->type_name("DIR");
  verb.add_flag("-v,--verbose", options.verbose, "Say what was checked, left out and weakened");
  verb.add_flag("-q,--quiet", options.quiet, "Say nothing but errors");
}

void require_command(const CLI::App& verb, const GuardedCommand& command) {
  if (command.empty())
    throw CLI::RequiredError("a command (as in: mixguard " + verb.get_name() + " -- mix test)");
}

int run_app(int argc, char** argv) {
  CLI::App app(kDescription, "mixguard");
  app.set_version_flag("--version", std::string("mixguard " MIXGUARD_VERSION));
  app.require_subcommand(1);
  Action action;
  GuardedCommand command;
  for (const auto define : {define_run, define_check, define_explain}) define(app, action, command);
  for (const auto define : {define_policy, define_trust, define_rollback, define_recover,
                            define_audit, define_doctor}) {
    define(app, action);
  }

  std::vector<std::string> words(argv + 1, argv + argc);
  if (!words.empty() && needs_run(app, words.front())) words.insert(words.begin(), "run");
  command = cut_command(app, words);
  std::reverse(words.begin(), words.end());  // the order in which CLI11 takes a vector
  try {
    app.parse(words);
    return action();
  } catch (const CLI::ParseError& error) {
    return usage_error(app, error);
  }
}

}  // namespace mixguard::guard::cli
