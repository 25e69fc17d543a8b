// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "guard/audit/log.hpp"
#include "guard/cli/judged.hpp"
#include "guard/cli/verb.hpp"
#include "guard/exit_code.hpp"
#include "guard/output/console.hpp"
#include "guard/output/decision_json.hpp"

namespace mixguard::guard::cli {
namespace {

using Json = nlohmann::ordered_json;

int with_log(const Invocation& invocation, Console& console,
             const std::function<Result<int>(const Store&, const AuditLog&)>& use) {
  return with_store(invocation, console, [&](const Store& store) -> Result<int> {
    const Result<AuditLog> log = AuditLog::open(store);
    return log ? use(store, *log) : propagate(log);
  });
}

// A member as text, whatever it is; empty when it is not there.
std::string text_of(const Json& record, const char* key) {
  const auto found = record.find(key);
  if (found == record.end() || found->is_null()) return {};
  return found->is_string() ? found->get<std::string>() : dump(*found);
}

std::string words_of(const Json& record, const char* key) {
  std::string words;
  const auto found = record.find(key);
  if (found == record.end() || !found->is_array()) return {};
  for (const Json& word : *found) {
    if (word.is_string()) words += (words.empty() ? "" : " ") + word.get<std::string>();
  }
  return words;
}

// SEQ TIME EVENT what it was about
std::string one_line(const Json& record) {
  std::string line =
      text_of(record, "seq") + "  " + text_of(record, "time") + "  " + text_of(record, "event");
  for (const char* key : {"decision", "reason", "run_id", "outcome"}) {
    if (const std::string text = text_of(record, key); !text.empty()) line += "  " + text;
  }
  if (const std::string words = words_of(record, "canonical"); !words.empty()) line += "  " + words;
  if (text_of(record, "event") == "ended") {
    line += "  exit " + text_of(record, "exit_code") + ", " + text_of(record, "changes") + " " +
            text_of(record, "paths_total") + " path(s)";
  }
  return printable(line);
}

int tail(const Invocation& invocation, std::size_t count, Console& console) {
  return with_log(invocation, console, [&](const Store&, const AuditLog& log) -> Result<int> {
    const auto records = log.tail(count);
    if (!records) return propagate(records);
    Json list = Json::array();
    for (const LogRecord& record : *records) {
      Json parsed = Json::parse(record.json, nullptr, false);
      if (parsed.is_discarded()) parsed = {{"unreadable", record.json}};
      if (!console.json()) console.document(one_line(parsed));
      list.push_back(std::move(parsed));
    }
    if (console.json()) console.document(dump_pretty({{"records", std::move(list)}}));
    return kExitOk;
  });
}

int verify(const Invocation& invocation, Console& console) {
  return with_log(invocation, console, [&](const Store& store, const AuditLog& log) -> Result<int> {
    auto check = log.verify();
    if (!check) return propagate(check);
    const auto runs = store.runs();
    if (!runs) return propagate(runs);
    // Every run is recorded before it starts.
    if (check->records == 0 && !runs->empty())
      check->damage.push_back({1, "no record at all, but " + counted(runs->size(), "run") +
                                      " on disk: the log was removed"});
    Json damage = Json::array();
    for (const LogDamage& one : check->damage) {
      damage.push_back({{"line", one.line}, {"what", one.what}});
      if (!console.json()) console.error("log.jsonl:" + std::to_string(one.line) + ": " + one.what);
    }
    if (console.json()) {
      console.document(dump_pretty({{"records", check->records},
                                    {"head", check->head},
                                    {"intact", check->damage.empty()},
                                    {"torn_tail", check->torn_tail},
                                    {"damage", std::move(damage)}}));
    } else if (check->damage.empty()) {
      console.document(counted(check->records, "record") + ", chain intact, head " +
                       (check->head.empty() ? "none" : check->head) +
                       (check->torn_tail ? "; the last line is torn (a crash while writing)" : ""));
    }
    return check->damage.empty() ? kExitOk : kExitInternal;
  });
}

}  // namespace

void define_audit(CLI::App& app, Invocation& invocation) {
  CLI::App* verb =
      app.add_subcommand("audit", "The record: who ran what, what was decided, what changed");
  verb->require_subcommand(1);
  const auto count = std::make_shared<std::size_t>(10);
  CLI::App* last = add_verb(
      *verb, invocation, "tail", "The last records",
      [&invocation, count](Console& console) { return tail(invocation, *count, console); });
  last->add_option("-n", *count, "How many (default 10)");
  add_verb(*verb, invocation, "verify", "Recompute the chain of hashes",
           [&](Console& console) { return verify(invocation, console); });
}

}  // namespace mixguard::guard::cli
