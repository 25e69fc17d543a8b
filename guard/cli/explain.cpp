// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "guard/cli/judged.hpp"
#include "guard/cli/verb.hpp"
#include "policy/explain.hpp"

namespace mixguard::guard::cli {

void define_explain(CLI::App& app, Action& action, const GuardedCommand& command) {
  CLI::App* verb = app.add_subcommand(
      "explain", "The same decision as a tree: each check, each rule with file and line");
  const auto common = std::make_shared<CommonOptions>();
  add_common(*verb, *common);
  verb->callback([verb, common, &action, &command] {
    require_command(*verb, command);
    action = [common, command] {
      const Console console(common->verbose, common->quiet);
      return with_judgement(*common, command, console, [&](const Judgement& judgement) {
        common->json
            ? console.document(dump_pretty(decision_json(judgement.decision, judgement.metrics)))
            : console.document(policy::explain(judgement.decision, terminal_style()));
      });
    };
  });
}

}  // namespace mixguard::guard::cli
