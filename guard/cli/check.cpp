// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
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

int check(const Invocation& invocation, Console& console) {
  return with_judgement(
      invocation, policy::Detail::kRefusals, console, [&](const Judgement& judgement) {
        const policy::Decision& decision = judgement.decision;
        if (console.json())
          return console.document(dump_pretty(decision_json(decision, judgement.metrics)));
        if (decision.verdict == policy::Verdict::kAllow)
          return console.document(one_line(decision));
        console.document(policy::refusal(decision));
      });
}

}  // namespace

void define_check(CLI::App& app, Invocation& invocation) {
  add_guarding_verb(app, invocation, "check", "Decide only; nothing is executed, not even Mix",
                    [&](Console& console) { return check(invocation, console); });
}

}  // namespace mixguard::guard::cli
