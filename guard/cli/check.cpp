// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "guard/cli/judged.hpp"
#include "guard/cli/verb.hpp"
#include "guard/output/console.hpp"
#include "policy/explain.hpp"

namespace mixguard::guard::cli {
namespace {

std::string one_line(const policy::Decision& decision) {
  std::string line(to_string(decision.verdict));
  for (const std::string& word : decision.canonical) line += " " + printable(word);
  return line;
}

int check(const CommonOptions& common, const std::vector<std::string>& command) {
  const Console console(common.verbose, common.quiet);
  return with_judgement(common, command, console, [&](const Judgement& judgement) {
    const policy::Decision& decision = judgement.decision;
    if (common.json)
      return console.document(dump_pretty(decision_json(decision, judgement.metrics)));
    if (decision.verdict == policy::Verdict::kAllow) return console.document(one_line(decision));
    console.document(policy::refusal(decision));
  });
}

}  // namespace

void define_check(CLI::App& app, Action& action, const GuardedCommand& command) {
  CLI::App* verb = app.add_subcommand("check", "Decide only; nothing is executed, not even Mix");
  const auto common = std::make_shared<CommonOptions>();
  add_common(*verb, *common);
  verb->callback([verb, common, &action, &command] {
    require_command(*verb, command);
    action = [common, command] { return check(*common, command); };
  });
}

}  // namespace mixguard::guard::cli
