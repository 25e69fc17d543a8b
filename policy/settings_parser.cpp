// SPDX-License-Identifier: Apache-2.0
#include "policy/settings_parser.hpp"

#include <algorithm>
#include <array>

#include "policy/endpoint.hpp"
#include "policy/env_names.hpp"
#include "policy/quantity.hpp"
#include "policy/rule_parser.hpp"
#include "policy/text.hpp"
#include "policy/values.hpp"

namespace mixguard::policy {
namespace {

// What can be insisted on: the layers of the sandbox, and the checks before a run.
const std::initializer_list<std::string_view> kSafeguards = {
    "user_namespaces", "mount_namespace", "pid_namespace", "network_namespace", "landlock",
    "seccomp",         "no_new_privs",    "cgroup",        "rlimits",           "overlay",
    "exec_rules",      "network_relays",  "snapshot",      "database_target",   "migrations",
    "code_analysis",   "process_atoms",   "routes",        "configuration",     "change_ticket",
    "oncall_notice",   "validation",
};

bool is_env_name(std::string_view text) {
  return !text.empty() && !is_digit(text[0]) && std::all_of(text.begin(), text.end(), [](char c) {
    return is_lower(c) || is_upper(c) || is_digit(c) || c == '_';
  });
}

void parse_required(PolicyReader& reader, const Node& node, EnvRule& rule) {
  if (node.kind == Node::Kind::kBoolean) {
    rule.required_always = node.boolean;
  } else {
    rule.required_envs = parse_environments(reader, node, "required");
  }
}

void parse_optional(PolicyReader& reader, const Node& node, EnvRule& rule) {
  const auto optional = reader.boolean(node, "optional");
  if (!optional) return;
  const bool is_required = rule.required_always || !rule.required_envs.empty();
  if (*optional && is_required) {
    reader.error(node.at, "\"optional\" contradicts \"required\"");
  }
  if (!*optional) rule.required_always = true;
}

void parse_env_enum(PolicyReader& reader, const Node& node, EnvRule& rule) {
  rule.choices = without_places(reader.texts(node, "enum"));
  if (node.kind == Node::Kind::kArray && node.items.empty()) {
    reader.error(node.at, "\"enum\" is empty; expected the values that are allowed");
  }
}

void parse_env_default(PolicyReader& reader, const Node& node, EnvRule& rule) {
  rule.default_value = reader.text(node, "default");
  if (!rule.default_value) return;
  const bool is_listed = rule.choices.empty() ||
                         std::find(rule.choices.begin(), rule.choices.end(), *rule.default_value) !=
                             rule.choices.end();
  const bool fits = is_listed && (!rule.match || rule.match->matches(*rule.default_value));
  if (!fits) {
    reader.error(node.at,
                 "\"default\" is " + quoted(*rule.default_value) + ", which its own rule refuses");
  }
}

void check_env_constraint(PolicyReader& reader, const Member& member, const EnvRule& rule) {
  const Node& node = member.value;
  const bool is_constrained = node.find("match") != nullptr || node.find("enum") != nullptr;
  if (is_constrained || !injects_code(rule.name)) return;
  reader.error(member.at, quoted(rule.name) +
                              " can put code into the command; it needs \"enum\" or \"match\"");
}

std::vector<std::string> parse_paths(PolicyReader& reader, const Node& node, std::string_view key,
                                     bool absolute) {
  std::vector<Located> paths = reader.texts(node, key);
  for (const auto& [path, at] : paths) {
    const bool is_absolute = path.starts_with('/') || path.starts_with("${root}");
    const bool climbs = ("/" + path + "/").find("/../") != std::string::npos;
    if (path.empty() || climbs || (absolute && !is_absolute)) {
      reader.error(at, quoted(path) + " in " + quoted(key) + "; expected " +
                           (absolute ? "an absolute pattern or one that begins with ${root}"
                                     : "a pattern such as \"**/.env*\""));
    }
  }
  return without_places(std::move(paths));
}

std::optional<std::uint64_t> parse_count(PolicyReader& reader, const Node& node,
                                         std::string_view key) {
  const auto count = reader.integer(node, key);
  if (!count) return std::nullopt;
  if (*count > 0) return static_cast<std::uint64_t>(*count);
  reader.error(node.at, quoted(key) + " is " + std::to_string(*count) +
                            "; expected at least 1 (leave it out for no limit)");
  return std::nullopt;
}

using QuantityParser = std::optional<std::uint64_t> (*)(std::string_view);

std::optional<std::uint64_t> parse_quantity(PolicyReader& reader, const Node& node,
                                            std::string_view key, QuantityParser parse,
                                            std::string_view example) {
  if (node.kind == Node::Kind::kString) {
    const auto text = reader.text(node, key);
    if (!text) return std::nullopt;
    const auto quantity = parse(*text);
    if (quantity && *quantity > 0) return quantity;
  }
  const std::string found =
      node.kind == Node::Kind::kString ? quoted(node.string) : std::string(node.kind_name());
  reader.error(node.at,
               quoted(key) + " is " + found + "; expected a quantity such as " + quoted(example));
  return std::nullopt;
}

std::optional<std::uint64_t> parse_bytes(PolicyReader& reader, const Node& node,
                                         std::string_view key, std::string_view example) {
  return node.kind == Node::Kind::kInteger ? parse_count(reader, node, key)
                                           : parse_quantity(reader, node, key, parse_size, example);
}

void parse_limit(PolicyReader& reader, const Member& member, Limits& limits) {
  const Node& node = member.value;
  const std::string& key = member.key;
  if (key == "wall" || key == "cpu") {
    const auto time = parse_quantity(reader, node, key, parse_duration, "10m");
    (key == "wall" ? limits.wall_ms : limits.cpu_ms) = time.value_or(0);
  } else if (key == "processes" || key == "open_files") {
    const auto count = parse_count(reader, node, key);
    (key == "processes" ? limits.processes : limits.open_files) = count.value_or(0);
  } else if (key == "memory" || key == "file_size" || key == "output") {
    const auto size = parse_bytes(reader, node, key, "4GiB");
    std::uint64_t& limit = key == "memory"      ? limits.memory
                           : key == "file_size" ? limits.file_size
                                                : limits.output;
    limit = size.value_or(0);
  }
}

}  // namespace

EnvRule parse_env(PolicyReader& reader, const Member& member) {
  EnvRule rule;
  rule.name = member.key;
  rule.line = member.at.line;
  if (!is_env_name(rule.name)) {
    reader.error(member.at, quoted(rule.name) + " is not the name of an environment variable");
  }
  const Node& node = member.value;
  if (!reader.table(node, member.key)) return rule;
  reader.only_keys(node, "[env] " + member.key,
                   {"match", "enum", "default", "secret", "required", "optional"});
  if (const Node* choices = node.find("enum")) parse_env_enum(reader, *choices, rule);
  if (const Node* match = node.find("match")) rule.match = reader.pattern(*match, "match");
  if (const Node* secret = node.find("secret")) {
    rule.secret = reader.boolean(*secret, "secret").value_or(true);
  }
  if (const Node* required = node.find("required")) parse_required(reader, *required, rule);
  if (const Node* optional = node.find("optional")) parse_optional(reader, *optional, rule);
  if (const Node* value = node.find("default")) parse_env_default(reader, *value, rule);
  check_env_constraint(reader, member, rule);
  return rule;
}

void parse_fs(PolicyReader& reader, const Node& node, Ruleset& ruleset) {
  if (!reader.table(node, "fs")) return;
  reader.only_keys(node, "[fs]", {"read", "deny"});
  if (const Node* read = node.find("read")) {
    ruleset.has_read = true;
    ruleset.read = parse_paths(reader, *read, "read", true);
  }
  if (const Node* deny = node.find("deny")) {
    ruleset.deny = parse_paths(reader, *deny, "deny", false);
  }
}

void parse_net(PolicyReader& reader, const Node& node, Ruleset& ruleset) {
  if (!reader.table(node, "net")) return;
  ruleset.has_net = true;
  reader.only_keys(node, "[net]", {"allow", "publish"});
  if (const Node* allow = node.find("allow")) {
    ruleset.net = parse_endpoints(reader, *allow, "allow");
  }
  const Node* publish = node.find("publish");
  if (publish == nullptr) return;
  std::vector<Located> addresses = reader.texts(*publish, "publish");
  for (const auto& [address, at] : addresses) {
    if (is_address(address)) continue;
    reader.error(at, quoted(address) +
                         " in \"publish\"; expected a numeric address such as \"127.0.0.1:4000\"");
  }
  ruleset.publish = without_places(std::move(addresses));
}

Limits parse_limits(PolicyReader& reader, const Node& node) {
  Limits limits;
  if (!reader.table(node, "limits")) return limits;
  reader.only_keys(node, "[limits]",
                   {"wall", "cpu", "memory", "processes", "open_files", "file_size", "output"});
  for (const Member& member : node.members) parse_limit(reader, member, limits);
  return limits;
}

std::vector<Safeguard> parse_safeguards(PolicyReader& reader, const Node& node) {
  std::vector<Safeguard> safeguards;
  if (!reader.table(node, "safeguards")) return safeguards;
  reader.only_keys(node, "[safeguards]", kSafeguards);
  for (const Member& member : node.members) {
    const auto choice = reader.one_of(member.value, member.key, {"require", "if-available", "off"});
    if (choice) safeguards.push_back({member.key, static_cast<Requirement>(*choice)});
  }
  return safeguards;
}

RetentionPlan parse_retention(PolicyReader& reader, const Node& node) {
  RetentionPlan plan;
  if (!reader.table(node, "retention")) return plan;
  reader.only_keys(node, "[retention]", {"count", "age", "size"});
  if (const Node* count = node.find("count")) plan.count = parse_count(reader, *count, "count");
  if (const Node* age = node.find("age"))
    plan.age_ms = parse_quantity(reader, *age, "age", parse_duration, "90d");
  if (const Node* size = node.find("size")) plan.bytes = parse_bytes(reader, *size, "size", "5GiB");
  return plan;
}

Expectation parse_expect(PolicyReader& reader, const Node& node) {
  Expectation expectation;
  expectation.line = node.at.line;
  if (!reader.table(node, "expect")) return expectation;
  reader.only_keys(node, "[[expect]]", {"run", "env", "is", "rule"});
  if (const Node* run = reader.required(node, "run", "[[expect]]")) {
    expectation.run = without_places(reader.texts(*run, "run"));
    if (run->kind == Node::Kind::kArray && run->items.empty()) {
      reader.error(run->at, "\"run\" is empty; expected a command, one word an element");
    }
  }
  if (const Node* is = reader.required(node, "is", "[[expect]]")) {
    expectation.is = parse_verdict(reader, *is, "is").value_or(Verdict::kDeny);
  }
  if (const Node* rule = node.find("rule")) {
    expectation.rule = reader.text(*rule, "rule").value_or("");
  }
  const Node* env = node.find("env");
  if (env == nullptr || !reader.table(*env, "env")) return expectation;
  for (const Member& member : env->members) {
    if (auto value = reader.text(member.value, member.key)) expectation.env[member.key] = *value;
  }
  return expectation;
}

}  // namespace mixguard::policy
