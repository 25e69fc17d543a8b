// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "guard/cli/judged.hpp"
#include "guard/cli/verb.hpp"
#include "policy/explain.hpp"

namespace mixguard::guard::cli {

namespace {

int explain(const Invocation& invocation, Console& console) {
  return with_judgement(invocation, console, [&](const Judgement& judgement) {
    console.document(console.json()
                         ? dump_pretty(decision_json(judgement.decision, judgement.metrics))
                         : policy::explain(judgement.decision, terminal_style()));
  });
}

}  // namespace

void define_explain(CLI::App& app, Invocation& invocation) {
  add_guarding_verb(app, invocation, "explain",
                    "The same decision as a tree: each check, each rule with file and line",
                    [&](Console& console) { return explain(invocation, console); });
}

}  // namespace mixguard::guard::cli
