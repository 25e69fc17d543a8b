// SPDX-License-Identifier: Apache-2.0
#include "guard/snapshot/rollback.hpp"

#include <time.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "guard/audit/log.hpp"
#include "guard/cli/judged.hpp"
#include "guard/cli/verb.hpp"
#include "guard/exit_code.hpp"
#include "guard/output/console.hpp"
#include "guard/output/run_json.hpp"
#include "policy/quantity.hpp"

namespace mixguard::guard::cli {
namespace {

using Json = nlohmann::ordered_json;

struct RollbackArguments {
  std::string run = "last";
  std::string since;
  RollbackOptions options;
};

// "2026-11-25T08:00:00Z", with an offset in place of the Z as well, and without the seconds (RFC
// 3339, section 5.6); microseconds since 1970.
std::optional<std::int64_t> moment_of(const std::string& text) {
  std::tm parts{};
  const char* rest = ::strptime(text.c_str(), "%Y-%m-%dT%H:%M", &parts);
  if (rest == nullptr) return std::nullopt;
  if (*rest == ':') rest = ::strptime(rest, ":%S", &parts);
  if (rest == nullptr) return std::nullopt;
  std::int64_t seconds = ::timegm(&parts);
  if (*rest == '+' || *rest == '-') {
    std::tm offset{};
    const std::int64_t sign = *rest == '+' ? -1 : 1;
    rest = ::strptime(rest + 1, "%H:%M", &offset);
    if (rest == nullptr) return std::nullopt;
    seconds += sign * (offset.tm_hour * 3600 + offset.tm_min * 60);
  } else if (*rest++ != 'Z') {
    return std::nullopt;
  }
  if (*rest != '\0') return std::nullopt;
  return seconds * 1'000'000;
}

// A moment, or how long ago.
std::optional<std::int64_t> since_of(const std::string& text) {
  if (const auto ago = policy::parse_duration(text)) {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::microseconds>(now).count() -
           static_cast<std::int64_t>(*ago) * 1'000;
  }
  return moment_of(text);
}

Json report_json(const RollbackReport& report) {
  return {{"run_id", report.run_ids.front()},
          {"run_ids", report.run_ids},
          {"undo_id", report.undo_id.empty() ? Json(nullptr) : Json(report.undo_id)},
          {"paths", changes_json(report.undone)},
          {"skipped", report.skipped}};
}

void print(const RollbackReport& report, bool dry_run, Console& console) {
  console.document(describe_changes(report.undone, dry_run ? "would be put back" : "put back"));
  for (const std::string& path : report.skipped) {
    console.say("left alone: " + printable(path) +
                " was edited since (--force puts it back, after keeping what is there), or its "
                "directory is not there any more");
  }
  if (dry_run || report.undo_id.empty()) return;
  const std::string what = report.run_ids.size() == 1
                               ? "run " + report.run_ids.front() + " is undone"
                               : std::to_string(report.run_ids.size()) + " runs are undone";
  console.say(what + "; to undo that: mixguard rollback " + report.undo_id);
}

int rollback_run(const Invocation& invocation, RollbackArguments& arguments, Console& console) {
  if (!arguments.since.empty()) arguments.options.since = since_of(arguments.since);
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
  auto* id = verb->add_option("ID", arguments->run,
                              "The run to undo (default: last, the newest that is not undone)");
  RollbackOptions& options = arguments->options;
  auto* back = verb->add_option("--back", options.back, "Undo the newest N runs, as one")
                   ->type_name("N")
                   ->check(CLI::Range(std::size_t{1}, std::size_t{1'000'000}));
  auto* since = verb->add_option("--since", arguments->since,
                                 "Undo the runs since WHEN: how long ago (10m, 2h), or "
                                 "2026-11-25T08:00:00Z")
                    ->type_name("WHEN")
                    ->check([](const std::string& text) {
                      return since_of(text) ? std::string()
                                            : "\"" + text +
                                                  "\" is neither a duration (as in 10m, 2h) nor a "
                                                  "time (as in 2026-11-25T08:00:00Z)";
                    });
  auto* all = verb->add_flag("--all", options.all, "Undo all runs that are not undone");
  for (auto* one : {back, since, all}) one->excludes(id);
  back->excludes(since)->excludes(all);
  since->excludes(all);
  verb->add_flag("--build", options.build, "Only the build (_build); may be combined with --path");
  verb->add_flag("--config", options.config,
                 "Only the configuration (mix.exs, config, .formatter.exs); may be combined");
  verb->add_option("--path", arguments->options.paths,
                   "Only this path and what is below it, project-relative, or absolute outside of "
                   "the project; repeatable")
      ->check([](const std::string& path) {
        return path.empty() ? std::string("--path is empty") : std::string();
      });
  verb->add_flag("--force", arguments->options.force,
                 "Put edited files back too, after keeping what is there");
  verb->add_flag("--dry-run", arguments->options.dry_run, "Show what would be put back");
}

}  // namespace mixguard::guard::cli
