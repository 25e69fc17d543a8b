// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <ctime>
#include <memory>
#include <nlohmann/json.hpp>

#include "guard/approvals.hpp"
#include "guard/audit/log.hpp"
#include "guard/cli/verb.hpp"
#include "guard/exit_code.hpp"
#include "guard/output/console.hpp"
#include "guard/output/decision_json.hpp"
#include "guard/recovery.hpp"
#include "guard/terminal.hpp"
#include "policy/layout.hpp"
#include "policy/quantity.hpp"

namespace mixguard::guard::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::uint64_t kLongestMs = 24ULL * 3600 * 1000;

std::string check_duration(const std::string& text) {
  const auto ms = policy::parse_duration(text);
  if (ms && *ms >= 1000 && *ms <= kLongestMs) return {};
  return "\"" + text + "\" is no time between 1s and 24h (as in 90s, 15m, 2h)";
}

std::int64_t seconds_left(const Approval& approval) {
  return approval.expires - static_cast<std::int64_t>(std::time(nullptr));
}

std::string duration_text(std::int64_t seconds) {
  if (seconds >= 2 * 3600) return std::to_string(seconds / 3600) + "h";
  if (seconds >= 120) return std::to_string(seconds / 60) + "m";
  return std::to_string(seconds) + "s";
}

std::string command_of(const Approval& approval) {
  const std::string env = approval.mix_env.empty() ? "" : "MIX_ENV=" + approval.mix_env + " ";
  return printable(env + policy::shell_line(approval.argv));
}

Json approval_json(const Approval& approval) {
  return {{"id", approval.id},
          {"state", approval.grant ? "granted" : "asked"},
          {"argv", approval.argv},
          {"mix_env", approval.mix_env},
          {"cwd", printable(approval.cwd)},
          {"asked", approval.asked},
          {"expires", approval.expires}};
}

void describe(const Approval& approval, Console& console) {
  console.plain(approval.question);
  console.plain("  command:  " + command_of(approval));
  console.plain("  where:    " + printable(approval.cwd) +
                (approval.project == approval.cwd || approval.project.empty()
                     ? ""
                     : ", in the project " + printable(approval.project)));
  console.plain("  how:      " + approval.mode +
                (approval.is_dry_run ? ", a dry run: nothing is kept" : ""));
  std::string environment;
  for (const std::string& variable : approval.environment) environment += " " + variable;
  console.plain("  with:    " + printable(environment));
  console.plain("  asked:    " +
                duration_text(static_cast<std::int64_t>(std::time(nullptr)) - approval.asked) +
                " ago, by process " + std::to_string(approval.asker.front().parent));
  console.plain("  bound to: these words, this environment, this policy, and the content of " +
                counted(approval.files, "file") +
                " (mix.exs, mix.lock, config, migrations, files named)");
}

// The person's hand, and nobody else's. Empty when it is.
std::string why_not_here(const Approval& approval) {
  if (!is_person_present()) return "there is nobody at a terminal to say yes";
  if (approval.pid_namespace != pid_namespace())
    return "the command was asked for in another container (pid namespace)";
  const auto own = lineage_of(::getpid());
  return own ? why_same_hand(approval.asker, *own) : own.error().message;
}

Result<void> record(const Approval& approval, std::chrono::seconds lasts) {
  Project project;
  project.root = approval.project;
  const Result<Store> store = open_store_of(project);
  if (!store) return propagate(store);
  return write_down(*store, "approved",
                    {{"approval", approval.id},
                     {"argv", approval.argv},
                     {"binding", approval.digest},
                     {"seconds", lasts.count()},
                     {"uid", ::getuid()}});
}

int trouble(Console& console, const Error& error) {
  console.error(error.message);
  return kExitInternal;
}

int give(const Approval& approval, std::chrono::seconds lasts, Console& console) {
  if (const auto recorded = record(approval, lasts); !recorded)
    return trouble(console, recorded.error());
  if (const Result<Grant> given = grant(approval, lasts); !given)
    return trouble(console, given.error());
  if (console.json()) {
    const auto granted = find_approval(approval.id);
    if (granted && *granted) console.document(dump_pretty(approval_json(**granted)));
  }
  console.say("approved once, for " + duration_text(lasts.count()) + ": " + command_of(approval));
  return kExitOk;
}

int approve(const std::string& id, const std::string& lasts, Console& console) {
  const auto found = find_approval(id);
  if (!found) return trouble(console, found.error());
  if (!*found) {
    console.error("no question " + printable(id) +
                  " is open; it may have expired, or the command has run already (mixguard "
                  "approvals lists them)");
    return kExitUsage;
  }
  const Approval& approval = **found;
  if (const std::string why = why_not_here(approval); !why.empty()) {
    console.error("not approved: " + why);
    return kExitApprovalNeeded;
  }
  describe(approval, console);
  if (!person_says_yes("Approve this, once")) {
    console.error("not approved");
    return kExitApprovalNeeded;
  }
  const std::chrono::milliseconds time(*policy::parse_duration(lasts));
  return give(approval, std::chrono::duration_cast<std::chrono::seconds>(time), console);
}

int approvals(Console& console) {
  const auto all = list_approvals();
  if (!all) return trouble(console, all.error());
  Json list = Json::array();
  for (const Approval& approval : *all) {
    list.push_back(approval_json(approval));
    if (console.json()) continue;
    console.document(approval.id + "  " + (approval.grant ? "granted" : "asked  ") + "  " +
                     duration_text(seconds_left(approval)) + " left  " + command_of(approval) +
                     "   in " + printable(approval.cwd));
  }
  if (console.json()) console.document(dump_pretty({{"approvals", std::move(list)}}));
  if (!console.json() && all->empty()) console.say("nothing waits for an approval");
  return kExitOk;
}

}  // namespace

void define_approve(CLI::App& app, Invocation& invocation) {
  struct Arguments {
    std::string id;
    std::string lasts = "15m";
  };
  const auto arguments = std::make_shared<Arguments>();
  CLI::App* verb = add_verb(
      app, invocation, "approve", "Let a command that was asked for run, once",
      [arguments](Console& console) { return approve(arguments->id, arguments->lasts, console); });
  verb->add_option("ID", arguments->id, "As the refusal named it; mixguard approvals lists them")
      ->required();
  verb->add_option("--for", arguments->lasts, "How long the approval waits to be used (15m)")
      ->check(check_duration);
}

void define_approvals(CLI::App& app, Invocation& invocation) {
  add_verb(app, invocation, "approvals", "What waits for an approval, and what has one",
           [](Console& console) { return approvals(console); });
}

}  // namespace mixguard::guard::cli
