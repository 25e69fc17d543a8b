// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>

#include "policy/http_endpoint.hpp"
#include "policy/rule_parser.hpp"
#include "policy/ruleset.hpp"
#include "policy/settings_parser.hpp"
#include "policy/text.hpp"

namespace mixguard::policy {
namespace {

constexpr std::size_t kMostRules = 10'000;
constexpr std::string_view kBuiltin = "builtin:elixir";

bool is_trust_key(std::string_view key) {
  return key == "trust" || key == "trusted" || key == "layers" || key == "approvals";
}

void check_keys(PolicyReader& reader, const Node& root) {
  Node others;
  for (const Member& member : root.members) {
    if (reader.layer() != Layer::kProject || !is_trust_key(member.key)) {
      others.members.push_back({member.key, member.at, {}});
      continue;
    }
    reader.error(member.at, quoted(member.key) +
                                " in a project's own policy: a project cannot vouch for itself; "
                                "use `mixguard trust`");
  }
  reader.only_keys(others, "the policy",
                   {"version", "name", "extends", "default", "vars", "env", "fs", "net", "limits",
                    "task", "exec", "safeguards", "retention", "endpoint", "expect"});
}

void parse_version(PolicyReader& reader, const Node& root) {
  const Node* version = root.find("version");
  if (version == nullptr) {
    reader.error({1, 1}, "the policy has no \"version\", which it needs; write version = 1");
    return;
  }
  const auto number = reader.integer(*version, "version");
  if (number && *number != 1) {
    reader.error(version->at, "\"version\" is " + std::to_string(*number) + "; expected 1");
  }
}

void parse_variables(PolicyReader& reader, const Node& root) {
  const Node* vars = root.find("vars");
  if (vars == nullptr || !reader.table(*vars, "vars")) return;
  for (const Member& variable : vars->members) reader.define(variable);
}

void parse_extends(PolicyReader& reader, const Node& root, Ruleset& ruleset) {
  const Node* extends = root.find("extends");
  if (extends == nullptr) {
    ruleset.extends = {std::string(kBuiltin)};
    return;
  }
  std::vector<Located> bases = reader.texts(*extends, "extends");
  for (const auto& [base, at] : bases) {
    if (base == kBuiltin) continue;
    reader.error(at, "\"extends\" names " + quoted(base) + "; the only base is " +
                         quoted(kBuiltin) + ", or none at all");
  }
  ruleset.extends = without_places(std::move(bases));
}

void parse_default(PolicyReader& reader, const Node& root, Ruleset& ruleset) {
  const Node* node = root.find("default");
  if (node == nullptr) return;
  if (node->kind == Node::Kind::kString && node->string == "allow") {
    reader.error(node->at, "\"default\" is \"allow\"; expected \"deny\" or \"ask\"");
    return;
  }
  const auto choice = reader.one_of(*node, "default", {"deny", "ask"});
  if (choice) ruleset.default_verdict = *choice == 0 ? Verdict::kDeny : Verdict::kAsk;
}

// The elements of `[[key]]`; one table `[key]` is a mistake that deserves its own sentence.
const std::vector<Node>& tables_of(PolicyReader& reader, const Node& root, std::string_view key) {
  static const std::vector<Node> kNone;
  const Node* node = root.find(key);
  if (node == nullptr) return kNone;
  if (node->kind == Node::Kind::kArray) return node->items;
  reader.error(node->at, quoted(key) + " is " + std::string(node->kind_name()) + "; write [[" +
                             std::string(key) + "]], once for each");
  return kNone;
}

void parse_rules(PolicyReader& reader, const Node& root, Ruleset& ruleset) {
  const std::vector<Node>& tasks = tables_of(reader, root, "task");
  const std::vector<Node>& execs = tables_of(reader, root, "exec");
  if (tasks.size() + execs.size() > kMostRules) {
    reader.error({1, 1}, "more than 10,000 rules");
    return;
  }
  ruleset.tasks.reserve(tasks.size());
  for (const Node& task : tasks) ruleset.tasks.push_back(parse_task(reader, task));
  ruleset.execs.reserve(execs.size());
  for (const Node& exec : execs) ruleset.execs.push_back(parse_exec(reader, exec));
}

void check_ids(PolicyReader& reader, const Node& root) {
  std::map<std::string_view, std::uint32_t> seen;
  for (const std::string_view key : {"task", "exec"}) {
    const Node* rules = root.find(key);
    if (rules == nullptr) continue;
    for (const Node& rule : rules->items) {
      const Node* id = rule.find("id");
      if (id == nullptr || id->kind != Node::Kind::kString) continue;
      const auto [first, is_new] = seen.emplace(id->string, id->at.line);
      if (is_new) continue;
      reader.error(id->at, "\"id\" " + quoted(id->string) + " is already taken by line " +
                               std::to_string(first->second));
    }
  }
}

void parse_settings(PolicyReader& reader, const Node& root, Ruleset& ruleset) {
  if (const Node* name = root.find("name")) ruleset.name = reader.text(*name, "name").value_or("");
  parse_extends(reader, root, ruleset);
  parse_default(reader, root, ruleset);
  const Node* env = root.find("env");
  if (env != nullptr && reader.table(*env, "env")) {
    for (const Member& member : env->members) ruleset.env.push_back(parse_env(reader, member));
  }
  if (const Node* fs = root.find("fs")) parse_fs(reader, *fs, ruleset);
  if (const Node* net = root.find("net")) parse_net(reader, *net, ruleset);
  if (const Node* limits = root.find("limits")) ruleset.limits = parse_limits(reader, *limits);
  if (const Node* safeguards = root.find("safeguards")) {
    ruleset.safeguards = parse_safeguards(reader, *safeguards);
  }
  if (const Node* retention = root.find("retention")) {
    ruleset.retention = parse_retention(reader, *retention);
  }
}

}  // namespace

tl::expected<Ruleset, std::vector<PolicyError>> parse_ruleset(std::string_view text,
                                                              std::string_view file, Layer layer) {
  const tl::expected<Node, PolicyError> document = parse_document(text, file);
  if (!document) return tl::unexpected(std::vector<PolicyError>{document.error()});
  const Node& root = *document;
  PolicyReader reader(file, layer);
  Ruleset ruleset;
  ruleset.file = file;
  ruleset.layer = layer;
  check_keys(reader, root);
  parse_version(reader, root);
  parse_variables(reader, root);
  parse_settings(reader, root, ruleset);
  parse_rules(reader, root, ruleset);
  check_ids(reader, root);
  for (const Node& endpoint : tables_of(reader, root, "endpoint")) {
    ruleset.endpoints.push_back(parse_http_endpoint(reader, endpoint));
  }
  for (const Node& expect : tables_of(reader, root, "expect")) {
    ruleset.expectations.push_back(parse_expect(reader, expect));
  }
  if (reader.has_errors()) return tl::unexpected(reader.take_errors());
  return ruleset;
}

}  // namespace mixguard::policy
