// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "guard/cli/judged.hpp"
#include "guard/cli/verb.hpp"
#include "guard/exit_code.hpp"
#include "guard/output/decision_json.hpp"

namespace mixguard::guard::cli {
namespace {

int recover_store(const Invocation& invocation, Console& console) {
  const auto tell = [&](const Store&, const std::vector<Recovery>& recovered) -> Result<int> {
    nlohmann::ordered_json list = nlohmann::ordered_json::array();
    for (const Recovery& one : recovered) {
      const bool before = one.outcome == Recovery::Outcome::kDiscarded;
      list.push_back({{"run_id", one.run_id},
                      {"project", before ? "as before" : "as after"},
                      {"left", one.left}});
    }
    if (console.json()) {
      console.document(dump_pretty({{"recovered", std::move(list)}}));
    } else if (recovered.empty()) {
      console.say("nothing to recover");
    }
    return kExitOk;
  };
  return with_held_store(invocation, console, tell);
}

}  // namespace

void define_recover(CLI::App& app, Invocation& invocation) {
  add_verb(app, invocation, "recover", "Finish or undo what a crash left half done",
           [&](Console& console) { return recover_store(invocation, console); });
}

}  // namespace mixguard::guard::cli
