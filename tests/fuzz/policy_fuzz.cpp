// SPDX-License-Identifier: Apache-2.0
//
// A policy file: read, built, shown, linted, and asked about a few commands.

#include <algorithm>

#include "policy/explain.hpp"
#include "policy/lint.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace {

using namespace mixguard;
using policy::Layer;
using Words = std::vector<std::string>;
using Errors = std::vector<policy::PolicyError>;

void claim_errors(const Errors& errors, std::string_view text) {
  const auto lines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) + 1;
  fuzz::claim(!errors.empty(), "a policy that is refused says why");
  for (const policy::PolicyError& error : errors) {
    fuzz::claim(error.line > 0 && error.line <= lines, "an error names a line of the file");
    fuzz::claim(!error.what.empty(), "an error says what it is");
  }
}

void ask(const policy::Policy& policy) {
  static const std::vector<Words> kCommands = {
      {"mix"},
      {"mix", "test", "test/a_test.exs:1", "--seed", "0"},
      {"mix", "do", "compile", "+", "ecto.migrate", "-n1", "--quiet"},
      {"mix", "ecto.drop", "--", "-f"},
      {"iex", "-S", "mix"},
      {"git", "log", "-1"}};
  policy::Facts facts = fuzz::facts();
  facts.program_path = "/usr/bin/git";
  facts.same_file_as_program = policy.command_paths(facts.project_root);
  for (const std::string_view env : {"dev", "prod"}) {
    facts.environment = {"MIX_ENV=" + std::string(env), "DATABASE_URL=ecto://u:p@localhost/d"};
    for (const Words& command : kCommands) fuzz::judge(policy, command, facts);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text = fuzz::text_of(data, size);
  auto parsed = policy::parse_ruleset(text, "p.toml", Layer::kProject);
  if (!parsed) {
    claim_errors(parsed.error(), text);
    return 0;
  }
  const auto built = policy::Policy::build({std::move(*parsed)});
  if (!built) {
    claim_errors(built.error(), text);
    return 0;
  }
  fuzz::claim(!policy::show(*built, {}).empty(), "a policy can be shown");
  for (const policy::LintWarning& warning : policy::lint(*built)) {
    fuzz::claim(!warning.what.empty(), "a warning says what it is");
  }
  ask(*built);
  return 0;
}
