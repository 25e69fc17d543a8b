// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "guard/audit/log.hpp"
#include "guard/cli/verb.hpp"
#include "guard/exit_code.hpp"
#include "guard/output/console.hpp"
#include "guard/output/decision_json.hpp"
#include "guard/project.hpp"
#include "guard/recovery.hpp"

namespace mixguard::guard::cli {
namespace {

using Json = nlohmann::ordered_json;

struct AuditArguments {
  CommonOptions common;
  std::size_t count = 10;
};

int with_log(const AuditArguments& arguments,
             const std::function<int(const AuditLog&, const Console&)>& use) {
  const Console console(arguments.common.verbose, arguments.common.quiet);
  const auto internal = [&](const Error& error) {
    console.error(error.message);
    return kExitInternal;
  };
  const Result<Project> project = find_project(arguments.common.project);
  if (!project) return internal(project.error());
  const Result<Store> store = open_store_of(*project);
  if (!store) return internal(store.error());
  const Result<AuditLog> log = AuditLog::open(*store);
  if (!log) return internal(log.error());
  return use(*log, console);
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

int tail(const AuditArguments& arguments) {
  return with_log(arguments, [&](const AuditLog& log, const Console& console) -> int {
    const auto records = log.tail(arguments.count);
    if (!records) {
      console.error(records.error().message);
      return kExitInternal;
    }
    Json list = Json::array();
    for (const LogRecord& record : *records) {
      Json parsed = Json::parse(record.json, nullptr, false);
      if (parsed.is_discarded()) parsed = {{"unreadable", record.json}};
      if (arguments.common.json) {
        list.push_back(std::move(parsed));
      } else {
        console.document(one_line(parsed));
      }
    }
    if (arguments.common.json) console.document(dump_pretty({{"records", std::move(list)}}));
    return kExitOk;
  });
}

int verify(const AuditArguments& arguments) {
  return with_log(arguments, [&](const AuditLog& log, const Console& console) -> int {
    const auto check = log.verify();
    if (!check) {
      console.error(check.error().message);
      return kExitInternal;
    }
    Json damage = Json::array();
    for (const LogDamage& one : check->damage) {
      damage.push_back({{"line", one.line}, {"what", one.what}});
      if (!arguments.common.json)
        console.error("log.jsonl:" + std::to_string(one.line) + ": " + one.what);
    }
    if (arguments.common.json) {
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

void define_audit(CLI::App& app, Action& action) {
  CLI::App* verb =
      app.add_subcommand("audit", "The record: who ran what, what was decided, what changed");
  verb->require_subcommand(1);
  const auto add = [&](const char* name, const char* help, int (*run)(const AuditArguments&)) {
    CLI::App* sub = verb->add_subcommand(name, help);
    const auto arguments = std::make_shared<AuditArguments>();
    add_common(*sub, arguments->common);
    sub->callback(
        [arguments, run, &action] { action = [arguments, run] { return run(*arguments); }; });
    return std::pair(sub, arguments);
  };
  const auto [last, arguments] = add("tail", "The last records", tail);
  last->add_option("-n", arguments->count, "How many (default 10)");
  add("verify", "Recompute the chain of hashes", verify);
}

}  // namespace mixguard::guard::cli
