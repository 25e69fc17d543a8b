// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "guard/cli/verb.hpp"
#include "guard/exit_code.hpp"
#include "guard/output/decision_json.hpp"
#include "guard/recovery.hpp"

namespace mixguard::guard::cli {
namespace {

int recover_store(const CommonOptions& common) {
  const Console console(common.verbose, common.quiet);
  const auto internal = [&](const Error& error) {
    console.error(error.message);
    return kExitInternal;
  };
  const Result<Project> project = find_project(common.project);
  if (!project) return internal(project.error());
  const Result<Store> store = open_store_of(*project);
  if (!store) return internal(store.error());
  const auto lock =
      store->lock([&] { console.say("waiting for another guarded command in this project"); });
  if (!lock) return internal(lock.error());
  const auto recovered = recover_and_say(*store, common.json ? Console(false, true) : console);
  if (!recovered) return internal(recovered.error());
  if (common.json) {
    nlohmann::ordered_json list = nlohmann::ordered_json::array();
    for (const Recovery& one : *recovered) {
      const bool forward = one.outcome == Recovery::Outcome::kRolledForward;
      list.push_back({{"run_id", one.run_id}, {"project", forward ? "as after" : "as before"}});
    }
    console.document(dump_pretty({{"recovered", std::move(list)}}));
  } else if (recovered->empty()) {
    console.say("nothing to recover");
  }
  return kExitOk;
}

}  // namespace

void define_recover(CLI::App& app, Action& action) {
  CLI::App* verb = app.add_subcommand("recover", "Finish or undo what a crash left half done");
  const auto common = std::make_shared<CommonOptions>();
  add_common(*verb, *common);
  verb->callback([common, &action] { action = [common] { return recover_store(*common); }; });
}

}  // namespace mixguard::guard::cli
