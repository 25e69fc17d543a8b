// SPDX-License-Identifier: Apache-2.0
#include "guard/learn.hpp"

#include <CLI/CLI.hpp>
#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>

#include "guard/cli/judged.hpp"
#include "guard/cli/verb.hpp"
#include "guard/config.hpp"
#include "guard/exit_code.hpp"
#include "guard/files.hpp"
#include "guard/output/decision_json.hpp"
#include "guard/review.hpp"
#include "guard/terminal.hpp"
#include "policy/layout.hpp"
#include "policy/quantity.hpp"

namespace mixguard::guard::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kNoPolicyYet = "version = 1\n";

// What is learned is for the project's own file, trusted or not: whoever applies the patch reads
// it.
struct Ground {
  policy::PolicySource source;
  std::optional<std::string> old_text;
};

template <typename Errors>
void complain(const Errors& errors, Console& console) {
  for (const policy::PolicyError& error : errors) console.error(error.to_string());
}

std::optional<Ground> find_ground(const Project& project, Console& console) {
  const auto loaded = load_policy(project.root, "");
  if (!loaded) {
    for (const std::string& line : loaded.error().lines) console.error(line);
    return std::nullopt;
  }
  Ground ground;
  for (const policy::Ruleset& layer : loaded->policy.layers()) {
    if (layer.layer != policy::Layer::kProject) ground.source.above.push_back(layer);
  }
  auto text = read_file(join_path(project.root, kProjectPolicyName));
  if (!text) {
    console.error(text.error().message);
    return std::nullopt;
  }
  ground.old_text = std::move(*text);
  ground.source.file = kProjectPolicyName;
  ground.source.text = ground.old_text.value_or(kNoPolicyYet);
  return ground;
}

Json proposals_json(const std::vector<policy::Proposal>& proposals) {
  Json list = Json::array();
  for (const policy::Proposal& proposal : proposals) {
    list.push_back({{"id", proposal.id},
                    {"toml", proposal.toml},
                    {"commands", proposal.commands},
                    {"count", proposal.count},
                    {"first", proposal.first},
                    {"last", proposal.last}});
  }
  return list;
}

void sum_up(const policy::Learned& learned, const Console& console) {
  std::size_t total = 0;
  std::string reasons;
  for (const auto& [why, count] : learned.not_learnable) {
    total += count;
    reasons += (reasons.empty() ? "" : ", ") + std::to_string(count) + " " + why;
  }
  if (total == 0) return;
  console.say(counted(total, "denial") + (total == 1 ? " is" : " are") +
              " not for a rule: " + reasons);
}

std::vector<std::string> choose(const Ground& ground, const policy::Learned& learned,
                                const Console& console) {
  if (is_person_present()) return review(ground.source, learned.proposals, console);
  std::vector<std::string> tables;
  for (const policy::Proposal& proposal : learned.proposals) {
    tables.push_back(proposal.toml);
    console.say(proposal.id + ": " + evidence(proposal) + ": " +
                printable(policy::command_line(proposal.commands.front())));
  }
  return tables;
}

void write_patch(const Ground& ground, const policy::Learned& learned, Console& console) {
  if (learned.proposals.empty()) console.say("nothing to propose");
  const std::vector<std::string> tables = choose(ground, learned, console);
  sum_up(learned, console);
  if (tables.empty()) return;
  console.document(append_diff(kProjectPolicyName, ground.old_text,
                               policy::with_tables(ground.source.text, tables)));
  console.say(
      std::string("nothing is changed; in the project's directory: patch -p1 < FILE, read ") +
      kProjectPolicyName + ", then: mixguard trust");
}

Result<int> learn(const Project& project, const Ground& ground, const std::string& since,
                  const AuditLog& log, Console& console) {
  const auto rules = policy::build_with(ground.source, ground.source.text);
  if (!rules) {
    complain(rules.error(), console);
    return kExitPolicyInvalid;
  }
  const auto denials = recorded_denials(log, project, *rules, since);
  if (!denials) return propagate(denials);
  const auto learned = policy::propose(ground.source, *denials);
  if (!learned) {
    complain(learned.error(), console);
    return kExitPolicyInvalid;
  }
  if (console.json()) {
    console.document(dump_pretty({{"proposals", proposals_json(learned->proposals)},
                                  {"not_learnable", learned->not_learnable}}));
  } else {
    write_patch(ground, *learned, console);
  }
  return kExitOk;
}

int start(const Invocation& invocation, const std::string& age, Console& console) {
  const Result<Project> project = find_project(invocation.common.project);
  std::string trouble;
  if (!invocation.common.policy.empty()) {
    trouble = "learn is about the project's own policy; leave out --policy";
  } else if (!project) {
    trouble = project.error().message;
  } else if (!project->found()) {
    trouble =
        "there is no mix.exs here or above; change to a Mix project or name one with --project DIR";
  }
  if (!trouble.empty()) {
    console.error(trouble);
    return kExitUsage;
  }
  const std::optional<Ground> ground = find_ground(*project, console);
  if (!ground) return kExitPolicyInvalid;
  std::string since;
  if (const auto ms = policy::parse_duration(age))
    since = record_time(std::chrono::system_clock::now() - std::chrono::milliseconds(*ms));
  return with_store(invocation, console, [&](const Store& store) -> Result<int> {
    const Result<AuditLog> log = AuditLog::open(store);
    return log ? learn(*project, *ground, since, *log, console) : propagate(log);
  });
}

std::string check_age(const std::string& text) {
  constexpr std::uint64_t kLongestMs = 10ULL * 365 * 24 * 3600 * 1000;
  const auto ms = policy::parse_duration(text);
  return ms && *ms <= kLongestMs ? "" : "\"" + text + "\" is no time up to 3650d (as in 12h, 7d)";
}

}  // namespace

void define_learn(CLI::App& app, Invocation& invocation) {
  const auto since = std::make_shared<std::string>();
  CLI::App* verb = add_verb(
      app, invocation, "learn", "Propose narrow rules from recorded denials, as a patch",
      [&invocation, since](Console& console) { return start(invocation, *since, console); });
  verb->add_option("--since", *since, "Only what was denied in this time (12h, 7d)")
      ->check(check_age);
}

}  // namespace mixguard::guard::cli
