// SPDX-License-Identifier: Apache-2.0
#include "guard/cli/app.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

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

struct Verb {
  std::string_view name;
  void (*define)(CLI::App& app, Invocation& invocation);
  bool guards;  // the rest of its command line is a command
};

constexpr std::array kVerbs{
    Verb{"run", define_run, true},          Verb{"check", define_check, true},
    Verb{"explain", define_explain, true},  Verb{"policy", define_policy, false},
    Verb{"trust", define_trust, false},     Verb{"untrust", define_untrust, false},
    Verb{"approve", define_approve, false}, Verb{"approvals", define_approvals, false},
    Verb{"learn", define_learn, false},     Verb{"rollback", define_rollback, false},
    Verb{"accept", define_accept, false},   Verb{"verify", define_verify, false},
    Verb{"recover", define_recover, false}, Verb{"audit", define_audit, false},
    Verb{"doctor", define_doctor, false},   Verb{"snapshot", define_snapshot, false},
};

const Verb* find_verb(std::string_view word) {
  const auto* found = std::find_if(kVerbs.begin(), kVerbs.end(),
                                   [&](const Verb& verb) { return verb.name == word; });
  return found == kVerbs.end() ? nullptr : found;
}

bool asks_about_us(std::string_view word) {
  return word == "--help" || word == "-h" || word == "--version";
}

bool takes_value(const CLI::App& verb, const std::string& word) {
  if (word.find('=') != std::string::npos) return false;
  const CLI::Option* option = verb.get_option_no_throw(word);
  return option != nullptr && option->get_items_expected_max() > 0;
}

// Cuts the command off `words` (the verb's options, the command): it begins at the first word that
// is no option of the verb, or after `--`. The `--` stays with it.
std::vector<std::string> cut_command(const CLI::App& verb, std::vector<std::string>& words) {
  std::size_t begin = 0;
  while (begin < words.size() && words[begin] != "--" && words[begin].starts_with('-')) {
    begin += takes_value(verb, words[begin]) ? 2 : 1;
  }
  begin = std::min(begin, words.size());
  std::vector<std::string> command(words.begin() + static_cast<std::ptrdiff_t>(begin), words.end());
  words.resize(begin);
  return command;
}

// Splits the command line: the words for CLI11 stay in `words`, the rest becomes the command.
void split(const CLI::App& app, const Verb* verb, std::vector<std::string>& words,
           Invocation& invocation) {
  if (verb != nullptr) words.erase(words.begin());
  const bool implied = verb == nullptr;
  if (implied) verb = find_verb("run");
  if (verb->guards) {
    invocation.command = cut_command(*app.get_subcommand(std::string(verb->name)), words);
    std::vector<std::string>& command = invocation.command;
    if (implied && !command.empty() && find_verb(command.front()) != nullptr) {
      throw CLI::ParseError("options come after the verb (mixguard " + command.front() +
                                " …); to guard a program of that name: mixguard run -- " +
                                command.front(),
                            kExitUsage);
    }
    if (!command.empty() && command.front() == "--") command.erase(command.begin());
  }
  words.insert(words.begin(), std::string(verb->name));
}

int usage_error(const CLI::App& app, const CLI::ParseError& error, bool json) {
  if (error.get_exit_code() == 0)
    return app.exit(error);  // --help and --version are thrown as well
  Console console(json, false, false);
  console.error(std::string(error.what()) + "; see mixguard --help");
  return console.close(kExitUsage);
}

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

}  // namespace

CLI::App* add_verb(CLI::App& app, Invocation& invocation, const char* name, const char* help,
                   Action action) {
  CLI::App* verb = app.add_subcommand(name, help);
  add_common(*verb, invocation.common);
  verb->callback([&invocation, action = std::move(action)] { invocation.action = action; });
  return verb;
}

CLI::App* add_guarding_verb(CLI::App& app, Invocation& invocation, const char* name,
                            const char* help, Action action) {
  CLI::App* verb = add_verb(app, invocation, name, help, {});
  verb->callback([&invocation, name, action = std::move(action)] {
    if (invocation.command.empty())
      throw CLI::RequiredError(std::string("a command (as in: mixguard ") + name + " -- mix test)");
    invocation.action = action;
  });
  return verb;
}

int run_app(int argc, char** argv) {
  CLI::App app(kDescription, "mixguard");
  app.set_version_flag("--version", std::string("mixguard " MIXGUARD_VERSION));
  app.require_subcommand(1);
  Invocation invocation;
  std::vector<std::string> words(argv + 1, argv + argc);
  const bool about_us = words.empty() || asks_about_us(words.front());
  const Verb* chosen = about_us ? nullptr : find_verb(words.front());
  // Only the verb that is meant: to define them all takes longer than to decide.
  for (const Verb& verb : kVerbs) {
    if (about_us || &verb == (chosen != nullptr ? chosen : find_verb("run")))
      verb.define(app, invocation);
  }
  try {
    if (!about_us) split(app, chosen, words, invocation);
    std::vector<std::string> reversed(words.rbegin(), words.rend());  // as CLI11 takes a vector
    app.parse(reversed);
  } catch (const CLI::ParseError& error) {
    return usage_error(app, error, std::find(words.begin(), words.end(), "--json") != words.end());
  }
  const CommonOptions& common = invocation.common;
  Console console(common.json, common.verbose, common.quiet);
  return console.close(invocation.action(console));
}

}  // namespace mixguard::guard::cli
