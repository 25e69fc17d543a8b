// SPDX-License-Identifier: Apache-2.0
#include "guard/snapshot/rollback.hpp"

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "guard/audit/log.hpp"
#include "guard/cli/judged.hpp"
#include "guard/cli/verb.hpp"
#include "guard/exit_code.hpp"
#include "guard/output/console.hpp"
#include "guard/output/run_json.hpp"

namespace mixguard::guard::cli {
namespace {

using Json = nlohmann::ordered_json;

struct RollbackArguments {
  std::string run = "last";
  RollbackOptions options;
};

Json report_json(const RollbackReport& report) {
  return {{"run_id", report.run_id},
          {"undo_id", report.undo_id.empty() ? Json(nullptr) : Json(report.undo_id)},
          {"paths", changes_json(report.undone)},
          {"skipped", report.skipped}};
}

void print(const RollbackReport& report, bool dry_run, Console& console) {
  console.document(describe_changes(report.undone, dry_run ? "would be put back" : "put back"));
  for (const std::string& path : report.skipped) {
    console.say("left alone: " + printable(path) +
                " was edited since (--force puts it back, after keeping what is there)");
  }
  if (!dry_run)
    console.say("run " + report.run_id + " is undone; to undo that: mixguard rollback " +
                report.undo_id);
}

int rollback_run(const Invocation& invocation, const RollbackArguments& arguments,
                 Console& console) {
  const auto undo = [&](const Store& store, const auto&) -> Result<int> {
    const Result<RollbackReport> report = rollback(store, arguments.run, arguments.options);
    if (!report) return propagate(report);
    if (!arguments.options.dry_run) {
      Result<AuditLog> log = AuditLog::open(store);
      if (!log) return propagate(log);
      if (const auto appended = log->append("rolled_back", report_json(*report)); !appended)
        return propagate(appended);
    }
    console.json() ? console.document(dump_pretty(report_json(*report)))
                   : print(*report, arguments.options.dry_run, console);
    return report->skipped.empty() ? kExitOk : kExitNotCommitted;
  };
  return with_held_store(invocation, console, undo);
}

}  // namespace

void define_rollback(CLI::App& app, Invocation& invocation) {
  const auto arguments = std::make_shared<RollbackArguments>();
  CLI::App* verb = add_verb(app, invocation, "rollback", "Put back what a guarded command changed",
                            [&invocation, arguments](Console& console) {
                              return rollback_run(invocation, *arguments, console);
                            });
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
}

}  // namespace mixguard::guard::cli
