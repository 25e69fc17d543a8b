// SPDX-License-Identifier: Apache-2.0
#include "guard/review.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <optional>

#include "guard/files.hpp"
#include "guard/helper_process.hpp"
#include "policy/alias_expansion.hpp"
#include "policy/layout.hpp"

namespace mixguard::guard {
namespace {

constexpr std::size_t kShownCommands = 3;

// A directory that only the user can look into, gone when this is.
class PrivateDirectory {
 public:
  PrivateDirectory() : path_(environment_variable("TMPDIR").value_or("/tmp") + "/mixguard-XXXXXX") {
    if (::mkdtemp(path_.data()) == nullptr) path_.clear();
  }
  ~PrivateDirectory() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  PrivateDirectory(const PrivateDirectory&) = delete;
  PrivateDirectory& operator=(const PrivateDirectory&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

std::optional<std::vector<std::string>> editor() {
  for (const char* name : {"VISUAL", "EDITOR"}) {
    const auto value = environment_variable(name);
    if (!value) continue;
    auto words = policy::split_words(*value);
    if (words && !words->empty()) return words;
  }
  return std::nullopt;
}

// `text` as the person left it.
Result<std::string> edited(const std::string& text) {
  auto command = editor();
  if (!command) return fail("there is no editor: neither VISUAL nor EDITOR is set");
  const PrivateDirectory directory;
  if (directory.path().empty())
    return fail(std::string("make a temporary directory: ") + std::strerror(errno), errno);
  const std::string file = join_path(directory.path(), "proposal.toml");
  if (auto written = write_file(file, text); !written) return propagate(written);
  std::string program = command->front();
  if (program.find('/') == std::string::npos)
    program = find_in_path(program, environment_variable("PATH").value_or(""));
  if (program.empty()) return fail(command->front() + ": not found");
  command->erase(command->begin());
  command->push_back(file);
  const Result<int> code = run_on_terminal(program, *command);
  if (!code) return propagate(code);
  if (*code != 0) return fail(program + " ended with exit code " + std::to_string(*code));
  auto content = read_file(file);
  if (!content) return propagate(content);
  if (!*content) return fail(program + " removed the file");
  if (!(*content)->empty() && !(*content)->ends_with('\n')) **content += '\n';
  return std::move(**content);
}

class Reviewer {
 public:
  Reviewer(const policy::PolicySource& source, const Console& console)
      : source_(source), console_(console) {}

  std::vector<std::string> go_through(const std::vector<policy::Proposal>& proposals) {
    for (std::size_t i = 0; i < proposals.size() && !is_over_; ++i) {
      show(proposals[i], std::to_string(i + 1) + " of " + std::to_string(proposals.size()));
      ask(proposals[i]);
    }
    return std::move(taken_);
  }

 private:
  void show(const policy::Proposal& proposal, const std::string& place) const {
    std::string text = "\n" + place + ": " + evidence(proposal) + "\n";
    const auto& commands = proposal.commands;
    const std::size_t shown = std::min(commands.size(), kShownCommands);
    for (std::size_t i = 0; i < shown; ++i)
      text += "    " + printable(policy::command_line(commands[i])) + "\n";
    if (shown < commands.size())
      text += "    and " + std::to_string(commands.size() - shown) + " more\n";
    console_.plain(text + "\n" + proposal.toml);
  }

  void ask(const policy::Proposal& proposal) {
    std::string toml = proposal.toml;
    for (;;) {
      std::cerr << "[y]es, [n]o, [e]dit, [q]uit? " << std::flush;
      std::string answer;
      is_over_ = !std::getline(std::cin, answer) || answer == "q" || answer == "quit";
      if (is_over_ || answer == "n" || answer == "no") return;
      const bool is_edit = answer == "e" || answer == "edit";
      if (is_edit && !edit(toml)) continue;
      if (is_edit && toml.find_first_not_of(" \t\r\n") == std::string::npos) return;
      if ((is_edit || answer == "y" || answer == "yes") && take(toml, proposal)) return;
    }
  }

  bool edit(std::string& toml) const {
    Result<std::string> text = edited(toml);
    if (!text) console_.plain(text.error().message);
    if (text) toml = std::move(*text);
    return text.has_value();
  }

  bool take(const std::string& toml, const policy::Proposal& proposal) {
    std::vector<std::string> tables = taken_;
    tables.push_back(toml);
    const std::string whole = policy::with_tables(source_.text, tables);
    const auto policy = policy::build_with(source_, whole);
    if (!policy) {
      const auto before =
          std::count(whole.begin(), whole.end() - static_cast<std::ptrdiff_t>(toml.size()), '\n');
      complain(policy.error(), static_cast<std::uint32_t>(before));
      return false;
    }
    if (toml != proposal.toml) console_.plain("taken as edited");
    taken_ = std::move(tables);
    return true;
  }

  // Places in the edited text are told from its own first line.
  void complain(const std::vector<policy::PolicyError>& errors, std::uint32_t before) const {
    for (policy::PolicyError error : errors) {
      if (error.line > before) {
        error.line -= before;
        error.file = "proposal";
      }
      console_.plain(error.to_string());
    }
  }

  const policy::PolicySource& source_;
  const Console& console_;
  std::vector<std::string> taken_;
  bool is_over_ = false;
};

}  // namespace

std::string evidence(const policy::Proposal& proposal) {
  constexpr std::size_t kDay = 10;  // "2026-11-20"
  const std::string first = proposal.first.substr(0, kDay);
  const std::string last = proposal.last.substr(0, kDay);
  return counted(proposal.count, "time") + ", " + first + (last == first ? "" : " to " + last);
}

std::vector<std::string> review(const policy::PolicySource& source,
                                const std::vector<policy::Proposal>& proposals,
                                const Console& console) {
  return Reviewer(source, console).go_through(proposals);
}

}  // namespace mixguard::guard
