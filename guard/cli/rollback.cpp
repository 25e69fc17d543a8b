// SPDX-License-Identifier: Apache-2.0
#include "guard/snapshot/rollback.hpp"

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "guard/audit/log.hpp"
#include "guard/cli/verb.hpp"
#include "guard/exit_code.hpp"
#include "guard/output/console.hpp"
#include "guard/output/run_json.hpp"
#include "guard/project.hpp"
#include "guard/recovery.hpp"

namespace mixguard::guard::cli {
namespace {

using Json = nlohmann::ordered_json;

struct RollbackArguments {
  CommonOptions common;
  std::string run = "last";
  RollbackOptions options;
};

Json report_json(const RollbackReport& report) {
  return {{"run_id", report.run_id},
          {"undo_id", report.undo_id.empty() ? Json(nullptr) : Json(report.undo_id)},
          {"paths", changes_json(report.undone)},
          {"skipped", report.skipped}};
}

void print(const RollbackReport& report, bool dry_run, const Console& console) {
  console.document(describe_changes(report.undone, dry_run ? "would be put back" : "put back"));
  for (const std::string& path : report.skipped) {
    console.say("left alone: " + printable(path) +
                " was edited since (--force puts it back, after keeping what is there)");
  }
  if (!dry_run)
    console.say("run " + report.run_id + " is undone; to undo that: mixguard rollback " +
                report.undo_id);
}

int rollback_run(const RollbackArguments& arguments) {
  const Console console(arguments.common.verbose, arguments.common.quiet);
  const auto internal = [&](const Error& error) {
    console.error(error.message);
    return kExitInternal;
  };
  const Result<Project> project = find_project(arguments.common.project);
  if (!project) return internal(project.error());
  const Result<Store> store = open_store_of(*project);
  if (!store) return internal(store.error());
  const auto lock =
      store->lock([&] { console.say("waiting for another guarded command in this project"); });
  if (!lock) return internal(lock.error());
  if (const auto recovered = recover_and_say(*store, console); !recovered)
    return internal(recovered.error());
  const Result<RollbackReport> report = rollback(*store, arguments.run, arguments.options);
  if (!report) return internal(report.error());
  if (!arguments.options.dry_run) {
    Result<AuditLog> log = AuditLog::open(*store);
    if (!log) return internal(log.error());
    if (const auto appended = log->append("rolled_back", dump(report_json(*report))); !appended)
      return internal(appended.error());
  }
  arguments.common.json ? console.document(dump_pretty(report_json(*report)))
                        : print(*report, arguments.options.dry_run, console);
  return report->skipped.empty() ? kExitOk : kExitNotCommitted;
}

}  // namespace

void define_rollback(CLI::App& app, Action& action) {
  CLI::App* verb = app.add_subcommand("rollback", "Put back what a guarded command changed");
  const auto arguments = std::make_shared<RollbackArguments>();
  add_common(*verb, arguments->common);
  verb->add_option("ID", arguments->run,
                   "The run to undo (default: last, the newest that is not undone)");
  verb->add_option("--path", arguments->options.paths,
                   "Only this project-relative path and what is below it; repeatable")
      ->check([](const std::string& path) {
        return path.empty() ? std::string("--path is empty") : std::string();
      });
  verb->add_flag("--force", arguments->options.force,
                 "Put edited files back too, after keeping what is there");
  verb->add_flag("--dry-run", arguments->options.dry_run, "Show what would be put back");
  verb->callback(
      [arguments, &action] { action = [arguments] { return rollback_run(*arguments); }; });
}

}  // namespace mixguard::guard::cli
