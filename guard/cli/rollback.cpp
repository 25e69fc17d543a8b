// SPDX-License-Identifier: Apache-2.0
#include "guard/snapshot/rollback.hpp"

#include <time.h>

#include <CLI/CLI.hpp>
#include <cstdint>
#include <ctime>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "guard/audit/log.hpp"
#include "guard/cli/judged.hpp"
#include "guard/cli/verb.hpp"
#include "guard/cli/verify.hpp"
#include "guard/dependencies.hpp"
#include "guard/exit_code.hpp"
#include "guard/output/console.hpp"
#include "guard/output/decision_json.hpp"
#include "guard/output/progress.hpp"
#include "guard/output/run_json.hpp"
#include "guard/snapshot/restore.hpp"
#include "guard/snapshot/snapshot.hpp"
#include "policy/quantity.hpp"

namespace mixguard::guard::cli {
namespace {

using Json = nlohmann::ordered_json;

struct RollbackArguments {
  std::string run = "last";
  std::string since;
  std::vector<std::string> dependencies;
  bool verify = false;
  bool tests = false;  // with that
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
  if (const auto ago = policy::parse_duration(text))
    return microseconds_now() - static_cast<std::int64_t>(*ago) * 1'000;
  return moment_of(text);
}

Json left_json(const std::vector<DependencyLeft>& left) {
  Json list = Json::array();
  for (const DependencyLeft& one : left) list.push_back({{"name", one.name}, {"why", one.why}});
  return list;
}

Json report_json(const RollbackReport& report) {
  return {{"run_id", text_or_null(report.run_ids.empty() ? std::string() : report.run_ids.front())},
          {"run_ids", report.run_ids},
          {"snapshot_id", text_or_null(report.snapshot_id)},
          {"undo_id", text_or_null(report.undo_id)},
          {"paths", changes_json(report.undone)},
          {"skipped", report.skipped},
          {"reasons", report.reasons},
          {"dependencies_left_alone", left_json(report.left_alone)}};
}

// What one rollback came to.
struct Undone {
  RollbackReport report;
  std::vector<VerifyStep> steps;  // empty for a dry run
  [[nodiscard]] bool is_good() const { return report.is_complete() && has_passed(steps); }
};

void print(const Undone& undone, const RollbackArguments& arguments, Console& console) {
  const RollbackReport& report = undone.report;
  const bool dry_run = arguments.options.dry_run;
  console.document(describe_changes(report.undone, dry_run ? "would be put back" : "put back"));
  for (const std::string& path : report.skipped) {
    const auto reason = report.reasons.find(path);
    console.say("left alone: " + printable(path) +
                (reason != report.reasons.end()
                     ? ": " + printable(reason->second)
                     : " was edited since (--force puts it back, after keeping what is there)"));
  }
  for (const DependencyLeft& one : report.left_alone) {
    console.say("left alone: the dependency " + one.name + ", because " + printable(one.why));
  }
  if (arguments.verify || !has_passed(undone.steps)) print_steps(undone.steps, console);
  if (dry_run || report.undo_id.empty()) return;
  std::string what = std::to_string(report.run_ids.size()) + " runs are undone";
  if (report.run_ids.size() == 1) what = "run " + report.run_ids.front() + " is undone";
  if (!report.snapshot_id.empty()) what = "put back from snapshot " + report.snapshot_id;
  console.say(what + (has_passed(undone.steps) ? "" : ", but the project is not sound") +
              "; to undo that: mixguard rollback " + report.undo_id);
}

Result<RollbackReport> go_back(const Store& store, const RollbackArguments& arguments,
                               const RollbackOptions& options) {
  if (!is_snapshot(store, arguments.run)) return rollback(store, arguments.run, options);
  auto snapshot = load_snapshot(store, arguments.run);
  if (!snapshot) return propagate(snapshot);
  auto objects = Objects::open(store);
  if (!objects) return propagate(objects);
  return restore(store, *objects, *snapshot, options);
}

Result<RollbackReport> roll_back(const Store& store, RollbackArguments& arguments,
                                 const Console& console) {
  auto chosen = choose_dependencies(store.project_root(), arguments.dependencies);
  if (!chosen) return propagate(chosen);
  RollbackOptions options = arguments.options;
  options.dependencies = std::move(*chosen);
  for (std::string& path : options.paths) path = in_project(store, path);
  if (!arguments.since.empty()) options.since = since_of(arguments.since);
  std::optional<Progress> progress;
  options.on_step = [&](std::size_t done, std::size_t total) {
    if (!progress) progress.emplace(console, "put back", total);
    progress->at(done);
  };
  return go_back(store, arguments, options);
}

Result<int> undo_runs(const Store& store, RollbackArguments& arguments, Console& console,
                      std::optional<Undone>& undone) {
  auto report = roll_back(store, arguments, console);
  if (!report) return propagate(report);
  undone.emplace();
  undone->report = std::move(*report);
  if (arguments.options.dry_run) return kExitOk;
  const std::string& undo_id = undone->report.undo_id;
  if (!undo_id.empty()) undone->steps.push_back(verify_restored(store, undo_id));
  auto written = write_down(store, "rolled_back", report_json(undone->report));
  if (!written) return propagate(written);
  return kExitOk;
}

// Its guarded commands take the store's lock themselves.
int verify_undone(const Invocation& invocation, Console& console,
                  const RollbackArguments& arguments, Undone& undone) {
  return with_store(invocation, console, [&](const Store& store) -> Result<int> {
    const VerifyOptions options{invocation.common.policy, undone.report.undo_id, arguments.tests};
    auto steps = verify_and_record(store, options, console);
    if (!steps) return propagate(steps);
    undone.steps = std::move(*steps);
    return kExitOk;
  });
}

int rollback_run(const Invocation& invocation, RollbackArguments& arguments, Console& console) {
  std::optional<Undone> undone;
  int code = with_held_store(invocation, console, [&](const Store& store, const auto&) {
    return undo_runs(store, arguments, console, undone);
  });
  if (!undone) return code;
  arguments.verify |= arguments.tests;
  const bool made = !undone->report.undo_id.empty();
  if (code == kExitOk && made && arguments.verify)
    code = verify_undone(invocation, console, arguments, *undone);
  if (console.json()) {
    Json document = report_json(undone->report);
    document["verification"] = steps_json(undone->steps);
    console.document(dump_pretty(document));
  } else {
    print(*undone, arguments, console);
  }
  if (code == kExitOk && !undone->is_good()) return kExitNotCommitted;
  return code;
}

}  // namespace

void define_rollback(CLI::App& app, Invocation& invocation) {
  const auto arguments = std::make_shared<RollbackArguments>();
  CLI::App* verb = add_verb(app, invocation, "rollback", "Put back what a guarded command changed",
                            [&invocation, arguments](Console& console) {
                              return rollback_run(invocation, *arguments, console);
                            });
  auto* id = verb->add_option("ID", arguments->run,
                              "The run to undo (default: last, the newest that is not undone), or "
                              "the snapshot to go back to");
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
  verb->add_option("--dep", arguments->dependencies,
                   "Only this dependency: its code, its line in mix.lock, its build; repeatable, "
                   "may be combined")
      ->type_name("NAME")
      ->check([](const std::string& name) {
        return is_dependency_name(name) ? std::string()
                                        : "\"" + name + "\" is no name of a dependency";
      });
  verb->add_flag("--build", options.build, "Only the build (_build); may be combined");
  verb->add_flag("--config", options.config,
                 "Only the configuration (mix.exs, config, .formatter.exs); may be combined");
  verb->add_option("--path", arguments->options.paths,
                   "Only this path and what is below it, project-relative or absolute; "
                   "repeatable")
      ->transform(written_path());
  verb->add_flag(
      "--force", arguments->options.force,
      "Put edited files back too, after keeping what is there; pass over damaged copies");
  verb->add_flag("--dry-run", arguments->options.dry_run, "Show what would be put back");
  verb->add_flag("--verify", arguments->verify, "Then see whether the project is sound (verify)");
  verb->add_flag("--tests", arguments->tests, "The same, with the tests");
}

}  // namespace mixguard::guard::cli
