// SPDX-License-Identifier: Apache-2.0
#include "guard/cli/quarantine.hpp"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "guard/audit/log.hpp"
#include "guard/cli/judged.hpp"
#include "guard/exit_code.hpp"
#include "guard/output/decision_json.hpp"
#include "guard/output/run_json.hpp"
#include "guard/snapshot/quarantine.hpp"
#include "guard/snapshot/tree.hpp"
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
          {"run_id", text_or_null(report.run_id)},
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

// What a yes to the paths would let in; tells the person.
Result<void> tell(const Store& store, const AcceptArguments& arguments, const Console& console) {
  const auto held = quarantined(store, arguments.run);
  if (!held) return propagate(held);
  console.plain("From run " + arguments.run + ":");
  for (const Quarantined& one : *held) {
    const auto covers = [&](const std::string& text) {
      const auto path = tree::as_written(text);
      return path &&
             (tree::is_at_or_below(one.path, *path) || tree::is_at_or_below(*path, one.path));
    };
    if (std::any_of(arguments.paths.begin(), arguments.paths.end(), covers))
      console.plain(held_line(one));
  }
  return {};
}

Result<int> accept_paths(const Store& store, const AcceptArguments& arguments, Console& console) {
  const auto report = accept(store, arguments.run, arguments.paths, arguments.force);
  if (!report) return propagate(report);
  const Json document = report_json(arguments.run, *report);
  if (!report->run_id.empty()) {
    if (auto written = write_down(store, "accepted", document); !written) return propagate(written);
  }
  console.json() ? console.document(dump_pretty(document)) : print(*report, console);
  return report->left.empty() ? kExitOk : kExitNotCommitted;
}

// The policy kept it out: only somebody at a terminal lets it in, and what he says yes to is what
// goes in, whatever another run has kept out meanwhile.
int accept_run(const Invocation& invocation, AcceptArguments& arguments, Console& console) {
  if (!is_person_present()) {
    console.error("not accepted: there is nobody at a terminal to say yes");
    return kExitApprovalNeeded;
  }
  const int told = with_store(invocation, console, [&](const Store& store) -> Result<int> {
    auto run = run_of(store, arguments.run);
    if (!run) return propagate(run);
    arguments.run = std::move(*run);
    if (auto done = tell(store, arguments, console); !done) return propagate(done);
    return kExitOk;
  });
  if (told != kExitOk) return told;
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
