// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>

#include "guard/audit/log.hpp"
#include "guard/cli/judged.hpp"
#include "guard/cli/verb.hpp"
#include "guard/exit_code.hpp"
#include "guard/snapshot/run.hpp"
#include "policy/explain.hpp"

namespace mixguard::guard::cli {
namespace {

using Json = nlohmann::ordered_json;

// As new_run_id() makes them; no program is called so.
bool is_decision_id(const std::string& word) {
  constexpr std::size_t kLength = 26;
  return word.size() == kLength && is_run_id(word) && word.find('-') == std::string::npos;
}

// What the record says of a decision, the last time it was told.
Result<std::optional<nlohmann::ordered_json>> find_decision(const AuditLog& log,
                                                            const std::string& id) {
  const auto records = log.tail(std::numeric_limits<std::size_t>::max());
  if (!records) return propagate(records);
  for (auto line = records->rbegin(); line != records->rend(); ++line) {
    auto record = nlohmann::ordered_json::parse(line->json, nullptr, false);
    const auto found = record.is_object() ? record.find("decision_id") : record.end();
    if (record.is_object() && found != record.end() && *found == id)
      return std::optional(std::move(record));
  }
  return std::optional<nlohmann::ordered_json>();
}

int explain_recorded(const Invocation& invocation, const std::string& id, Console& console) {
  return with_store(invocation, console, [&](const Store& store) -> Result<int> {
    const Result<AuditLog> log = AuditLog::open(store);
    if (!log) return propagate(log);
    const auto record = find_decision(*log, id);
    if (!record) return propagate(record);
    const auto decision = *record ? decision_from_json(**record) : std::nullopt;
    if (!decision) {
      console.error("the record of this project has no decision " + id);
      return kExitUsage;
    }
    if (console.json()) {
      console.document(dump_pretty(**record));
      return kExitOk;
    }
    // A record may have come with the project: nothing of it reaches the terminal as it is.
    console.say("as recorded at " + printable(dump((*record)->value("time", Json()))));
    std::istringstream lines(policy::explain(*decision, {}));
    for (std::string line; std::getline(lines, line);) console.document(printable(line));
    return kExitOk;
  });
}

int explain(const Invocation& invocation, Console& console) {
  if (invocation.command.size() == 1 && is_decision_id(invocation.command.front()))
    return explain_recorded(invocation, invocation.command.front(), console);
  return with_judgement(
      invocation, policy::Detail::kEverything, console, [&](const Judgement& judgement) {
        console.document(console.json()
                             ? dump_pretty(decision_json(judgement.decision, judgement.metrics))
                             : policy::explain(judgement.decision, terminal_style()));
      });
}

}  // namespace

void define_explain(CLI::App& app, Invocation& invocation) {
  add_guarding_verb(app, invocation, "explain",
                    "The same decision as a tree, or a recorded one by its id",
                    [&](Console& console) { return explain(invocation, console); });
}

}  // namespace mixguard::guard::cli
