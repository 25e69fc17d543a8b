// SPDX-License-Identifier: Apache-2.0
#include "guard/cli/quarantine.hpp"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "guard/audit/log.hpp"
#include "guard/cli/judged.hpp"
#include "guard/exit_code.hpp"
#include "guard/output/decision_json.hpp"
#include "guard/output/run_json.hpp"
#include "guard/snapshot/quarantine.hpp"
#include "guard/terminal.hpp"
#include "policy/quantity.hpp"

namespace mixguard::guard::cli {
namespace {

using Json = nlohmann::ordered_json;

struct AcceptArguments {
  std::string run;
  std::vector<std::string> paths;
  bool force = false;
};

Result<std::string> run_of(const Store& store, const std::string& text) {
  return text == "last" ? newest_quarantine(store) : Result<std::string>(text);
}

Json held_json(const std::vector<Quarantined>& held) {
  Json list = Json::array();
  for (const Quarantined& one : held) {
    Json json{{"path", one.path}, {"kind", to_string(one.kind)}, {"conflict", one.conflict}};
    if (one.kind == Quarantined::Kind::kFile) json["size"] = one.size;
    json["why"] = one.why;
    list.push_back(std::move(json));
  }
  return list;
}

std::string held_line(const Quarantined& one) {
  std::string line = "  " + std::string(to_string(one.kind));
  line.resize(13, ' ');
  line += printable(one.path);
  if (one.kind == Quarantined::Kind::kFile)
    line += ", " + policy::size_text(static_cast<std::uint64_t>(one.size));
  return line + "   (" + printable(one.why) + ")";
}

Json report_json(const std::string& from, const AcceptReport& report) {
  Json left = Json::array();
  for (const NotAccepted& one : report.left) left.push_back({{"path", one.path}, {"why", one.why}});
  return {{"from", from},
          {"run_id", report.run_id.empty() ? Json(nullptr) : Json(report.run_id)},
          {"uid", ::getuid()},
          {"paths", changes_json(report.accepted)},
          {"left", std::move(left)}};
}

void print(const AcceptReport& report, Console& console) {
  console.document(describe_changes(report.accepted, "accepted"));
  for (const NotAccepted& one : report.left)
    console.say("not accepted: " + printable(one.path) + ": " + printable(one.why));
  if (!report.run_id.empty()) console.say("to undo that: mixguard rollback " + report.run_id);
}

Result<int> accept_paths(const Store& store, const AcceptArguments& arguments, Console& console) {
  const auto from = run_of(store, arguments.run);
  if (!from) return propagate(from);
  const auto report = accept(store, *from, arguments.paths, arguments.force);
  if (!report) return propagate(report);
  if (!report->run_id.empty()) {
    Result<AuditLog> log = AuditLog::open(store);
    if (!log) return propagate(log);
    const auto appended = log->append("accepted", report_json(*from, *report));
    if (!appended) return propagate(appended);
  }
  console.json() ? console.document(dump_pretty(report_json(*from, *report)))
                 : print(*report, console);
  return report->left.empty() ? kExitOk : kExitNotCommitted;
}

// The policy kept it out: only a person lets it in. An agent may hold all of mixguard in its hands.
int accept_run(const Invocation& invocation, const AcceptArguments& arguments, Console& console) {
  if (!is_person_present()) {
    console.error("not accepted: there is nobody at a terminal to say yes");
    return kExitApprovalNeeded;
  }
  for (const std::string& path : arguments.paths) console.plain("  " + printable(path));
  if (!person_says_yes("Let this into the project")) {
    console.error("not accepted");
    return kExitApprovalNeeded;
  }
  return with_held_store(invocation, console, [&](const Store& store, const auto&) {
    return accept_paths(store, arguments, console);
  });
}

}  // namespace

int show_quarantine(const Invocation& invocation, const std::string& run_id, Console& console) {
  return with_store(invocation, console, [&](const Store& store) -> Result<int> {
    const auto id = run_of(store, run_id);
    if (!id) return propagate(id);
    const auto held = quarantined(store, *id);
    if (!held) return propagate(held);
    if (console.json()) {
      console.document(dump_pretty({{"run_id", *id}, {"quarantine", held_json(*held)}}));
      return kExitOk;
    }
    console.document(counted(held->size(), "path") + " in the quarantine of run " + *id);
    for (const Quarantined& one : *held) console.document(held_line(one));
    return kExitOk;
  });
}

void define_accept(CLI::App& app, Invocation& invocation) {
  const auto arguments = std::make_shared<AcceptArguments>();
  CLI::App* verb = add_verb(app, invocation, "accept",
                            "Let what a run made and the policy kept out into the project",
                            [&invocation, arguments](Console& console) {
                              return accept_run(invocation, *arguments, console);
                            });
  verb->add_option("ID", arguments->run, "The run; last is the newest with something kept out")
      ->required();
  verb->add_option("PATH", arguments->paths, "What to let in, directories with all in them")
      ->required();
  verb->add_flag("--force", arguments->force, "Also in place of what changed in the project since");
}

}  // namespace mixguard::guard::cli
