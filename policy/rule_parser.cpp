// SPDX-License-Identifier: Apache-2.0
#include "policy/rule_parser.hpp"

#include <algorithm>

#include "policy/endpoint.hpp"
#include "policy/mix_command.hpp"
#include "policy/text.hpp"
#include "policy/values.hpp"

namespace mixguard::policy {
namespace {

constexpr std::int64_t kMostArguments = 64;

bool is_id(std::string_view text) {
  return !text.empty() && text.size() <= kLongestId && text[0] != '-' &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return is_lower(c) || is_upper(c) || is_digit(c) || c == '_' || c == '-' || c == '.' ||
                  c == '@';
         });
}

bool is_flag_name(std::string_view text) {
  return text.size() >= 2 && is_lower(text[0]) && text.back() != '-' &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return is_lower(c) || is_digit(c) || c == '-'; });
}

std::string parse_id(PolicyReader& reader, const Node& node, std::string_view where) {
  const Node* found = reader.required(node, "id", where);
  if (found == nullptr) return "";
  const auto id = reader.text(*found, "id");
  if (!id) return "";
  if (is_id(*id)) return *id;
  reader.error(found->at,
               "\"id\" is " + quoted(*id) +
                   "; expected at most 64 letters, digits, dashes, dots and underscores");
  return "";
}

void check_task_name(PolicyReader& reader, Position at, const std::string& name) {
  if (name == "@alias") return;
  if (name == "do") {
    reader.error(at, "\"do\" cannot have a rule: its parts are judged one by one");
    return;
  }
  if (is_canonical_task(name)) return;
  const std::string canonical = canonical_task(name);
  reader.error(at, quoted(name) + " is not a canonical task name" +
                       (canonical.empty() ? "; expected one such as \"ecto.migrate\", or \"@alias\""
                                          : "; write " + quoted(canonical)));
}

std::vector<std::string> parse_task_names(PolicyReader& reader, const Node& node,
                                          std::string_view key) {
  std::vector<Located> names = reader.text_or_texts(node, key);
  if (node.kind == Node::Kind::kArray && node.items.empty()) {
    reader.error(node.at, quoted(key) + " is empty; expected at least one task name");
  }
  for (const auto& [name, at] : names) check_task_name(reader, at, name);
  return without_places(std::move(names));
}

// Where Mix and Hex keep what is the user's and no project's.
bool is_of_home(std::string_view pattern) {
  return pattern.starts_with("~/.mix/") || pattern.starts_with("~/.hex/");
}

// What may be committed is named from the project's root, or in ~/.mix and ~/.hex.
std::vector<std::string> parse_write(PolicyReader& reader, const Node& node) {
  std::vector<Located> patterns = reader.texts(node, "write");
  for (auto& [pattern, at] : patterns) {
    if (pattern.starts_with("${root}/")) pattern.erase(0, 8);
    const std::string padded = "/" + pattern + "/";
    const bool leaves =
        pattern.empty() || pattern.starts_with('/') || padded.find("/../") != std::string::npos ||
        padded.find("/./") != std::string::npos || pattern.find("//") != std::string::npos ||
        pattern.find("${root}") != std::string::npos ||
        (pattern.starts_with('~') && !is_of_home(pattern));
    if (leaves) {
      reader.error(at, quoted(pattern) +
                           " in \"write\" is not a pattern below the project, ~/.mix or ~/.hex; "
                           "expected one such as \"_build/**\"");
    }
  }
  return without_places(std::move(patterns));
}

SnapshotPlan parse_snapshot(PolicyReader& reader, const Node& node) {
  SnapshotPlan plan;
  if (!reader.table(node, "snapshot")) return plan;
  reader.only_keys(node, "snapshot", {"what", "on_failure"});
  if (const Node* what = reader.required(node, "what", "snapshot")) {
    plan.what = without_places(reader.texts(*what, "what"));
  }
  if (const Node* on_failure = node.find("on_failure")) {
    const auto choice = reader.one_of(*on_failure, "on_failure", {"rollback", "keep"});
    if (choice == 1U) plan.on_failure = OnFailure::kKeep;
  }
  return plan;
}

std::string parse_sentence(PolicyReader& reader, const Node& node, std::string_view key) {
  const Node* found = node.find(key);
  return found == nullptr ? "" : reader.text(*found, key).value_or("");
}

void parse_grant(PolicyReader& reader, const Node& node, std::string_view where, Grant& grant) {
  grant.file = reader.file();
  grant.line = node.at.line;
  grant.layer = reader.layer();
  grant.id = parse_id(reader, node, where);
  if (const Node* decision = reader.required(node, "decision", where)) {
    grant.verdict = parse_verdict(reader, *decision, "decision").value_or(Verdict::kDeny);
  }
  grant.because = parse_sentence(reader, node, "because");
  grant.instead = parse_sentence(reader, node, "instead");
  if (const Node* write = node.find("write")) grant.write = parse_write(reader, *write);
  if (const Node* net = node.find("net")) grant.net = parse_endpoints(reader, *net, "net");
  if (const Node* snapshot = node.find("snapshot")) {
    grant.snapshot = parse_snapshot(reader, *snapshot);
  }
  if (const Node* mode = node.find("mode")) {
    const auto choice = reader.one_of(*mode, "mode", {"transaction", "live"});
    if (choice) grant.mode = *choice == 0 ? RunMode::kTransaction : RunMode::kLive;
  }
}

std::string parse_alias(PolicyReader& reader, const Node& node) {
  const auto alias = reader.text(node, "alias");
  if (!alias) return "";
  if (alias->size() == 1 && (is_lower((*alias)[0]) || is_upper((*alias)[0]))) return *alias;
  reader.error(node.at, "\"alias\" is " + quoted(*alias) + "; expected one letter");
  return "";
}

FlagRule parse_flag(PolicyReader& reader, const Member& member) {
  FlagRule flag;
  flag.name = member.key;
  flag.line = member.at.line;
  if (!is_flag_name(member.key)) {
    reader.error(member.at, quoted(member.key) +
                                " is not a flag name; expected lowercase words between dashes, "
                                "without the leading \"--\"");
  }
  const Node& node = member.value;
  if (node.kind == Node::Kind::kTable) {
    reader.only_keys(
        node, "flag " + quoted(member.key),
        {"type", "enum", "match", "max_len", "min", "max", "under", "alias", "repeat"});
    if (const Node* alias = node.find("alias")) flag.alias = parse_alias(reader, *alias);
    if (const Node* repeat = node.find("repeat")) {
      flag.repeat = reader.boolean(*repeat, "repeat").value_or(false);
    }
  }
  if (auto type = parse_value_type(reader, node, member.key)) flag.type = std::move(*type);
  return flag;
}

void parse_flags(PolicyReader& reader, const Node& node, TaskRule& rule) {
  rule.has_flags = true;
  if (!reader.table(node, "flags")) return;
  for (const Member& member : node.members) {
    FlagRule flag = parse_flag(reader, member);
    const auto same = std::find_if(
        rule.flags.begin(), rule.flags.end(),
        [&](const FlagRule& other) { return !flag.alias.empty() && other.alias == flag.alias; });
    if (same != rule.flags.end()) {
      reader.error(member.at, "\"alias\" " + quoted(flag.alias) + " is already taken by " +
                                  quoted(same->name));
    }
    rule.flags.push_back(std::move(flag));
  }
}

// OptionParser reads "--no-x" as "x" turned off wherever "x" is a boolean: a flag of that name
// could be given by its alias at most, and could not be spelled out.
void refuse_negations(PolicyReader& reader, const Node& node, const TaskRule& rule) {
  for (const Member& member : node.members) {
    const bool is_negation =
        std::any_of(rule.flags.begin(), rule.flags.end(), [&](const FlagRule& flag) {
          return flag.type.kind == ValueKind::kBool && member.key == "no-" + flag.name;
        });
    if (!is_negation) continue;
    reader.error(member.at, quoted(member.key) + " is how Mix reads " +
                                quoted(member.key.substr(3)) +
                                " turned off; leave it out, the other allows both");
  }
}

void parse_repeat(PolicyReader& reader, const Node& node, ArgRule& arg) {
  const bool is_pair = node.kind == Node::Kind::kArray && node.items.size() == 2 &&
                       node.items[0].kind == Node::Kind::kInteger &&
                       node.items[1].kind == Node::Kind::kInteger;
  if (!is_pair) {
    reader.error(node.at, "\"repeat\" of an argument: expected two integers, [min, max]");
    return;
  }
  const std::int64_t min = node.items[0].integer;
  const std::int64_t max = node.items[1].integer;
  if (min < 0 || max < 1 || min > max || max > kMostArguments) {
    reader.error(node.at, "\"repeat\" is [" + std::to_string(min) + ", " + std::to_string(max) +
                              "]; expected 0 <= min <= max, and max from 1 to 64");
    return;
  }
  arg.min_count = static_cast<std::uint32_t>(min);
  arg.max_count = static_cast<std::uint32_t>(max);
}

void parse_args(PolicyReader& reader, const Node& node, TaskRule& rule) {
  rule.has_args = true;
  if (node.kind != Node::Kind::kArray) {
    reader.error(node.at, "\"args\" is " + std::string(node.kind_name()) +
                              "; expected a list of types such as [{ type = \"path\" }]");
    return;
  }
  for (const Node& item : node.items) {
    ArgRule arg;
    arg.line = item.at.line;
    if (item.kind == Node::Kind::kTable) {
      reader.only_keys(item, "an argument",
                       {"type", "enum", "match", "max_len", "min", "max", "under", "repeat"});
      if (const Node* repeat = item.find("repeat")) parse_repeat(reader, *repeat, arg);
    }
    auto type = parse_value_type(reader, item, "args");
    if (!type) continue;
    if (type->kind == ValueKind::kBool) {
      reader.error(item.at, "\"bool\" is a type of flags; an argument cannot have it");
    }
    arg.type = std::move(*type);
    rule.args.push_back(std::move(arg));
  }
}

std::vector<std::string> parse_exec_paths(PolicyReader& reader, const Node& node) {
  std::vector<Located> paths = reader.text_or_texts(node, "path");
  for (const auto& [path, at] : paths) {
    if (path.starts_with('/') || path.starts_with("${root}/")) continue;
    reader.error(at, "\"path\" is " + quoted(path) +
                         "; expected an absolute path, which does not depend on PATH");
  }
  return without_places(std::move(paths));
}

std::optional<ValueType> parse_angle_type(PolicyReader& reader, const Node& node) {
  Node inner = node;
  inner.string = node.string.substr(1, node.string.size() - 2);
  return parse_value_type(reader, inner, "argv");
}

std::optional<ArgvElement> parse_argv_element(PolicyReader& reader, const Node& node) {
  ArgvElement element;
  if (node.kind == Node::Kind::kArray) {
    element.kind = ArgvElement::Kind::kOneOf;
    element.words = without_places(reader.texts(node, "argv"));
    if (node.items.empty()) reader.error(node.at, "an empty list in \"argv\" matches nothing");
    return element;
  }
  auto word = reader.text(node, "argv");
  if (!word) return std::nullopt;
  if (*word == "@safe..." || *word == "@any...") {
    element.kind = *word == "@any..." ? ArgvElement::Kind::kAnyRest : ArgvElement::Kind::kSafeRest;
    return element;
  }
  if (word->size() > 2 && word->front() == '<' && word->back() == '>') {
    auto type = parse_angle_type(reader, node);
    if (!type) return std::nullopt;
    element.kind = ArgvElement::Kind::kType;
    element.type = std::move(*type);
    return element;
  }
  if (word->starts_with('@')) {
    reader.error(node.at, quoted(*word) + " in \"argv\"; expected \"@safe...\" or \"@any...\"");
    return std::nullopt;
  }
  element.words.push_back(std::move(*word));
  return element;
}

void parse_argv(PolicyReader& reader, const Node& node, ExecRule& rule) {
  rule.has_argv = true;
  if (node.kind != Node::Kind::kArray || node.items.empty()) {
    reader.error(node.at, "\"argv\": expected a list with one element an argument");
    return;
  }
  for (const Node& item : node.items) {
    auto element = parse_argv_element(reader, item);
    if (!element) continue;
    const bool is_rest = element->kind == ArgvElement::Kind::kSafeRest ||
                         element->kind == ArgvElement::Kind::kAnyRest;
    if (is_rest && &item != &node.items.back()) {
      reader.error(item.at, quoted(item.string) + " must be the last element of \"argv\"");
    }
    rule.argv.push_back(std::move(*element));
  }
}

void parse_as(PolicyReader& reader, const Node& node, ExecRule& rule) {
  rule.as_child = false;
  const std::vector<Located> words = reader.text_or_texts(node, "as");
  for (const auto& [word, at] : words) {
    if (word == "child") {
      rule.as_child = true;
    } else if (word == "command") {
      rule.as_command = true;
    } else {
      reader.error(at, "\"as\" is " + quoted(word) + "; expected \"child\" or \"command\"");
    }
  }
  if (node.kind == Node::Kind::kArray && node.items.empty()) {
    reader.error(node.at, "\"as\" is empty; expected \"child\" or \"command\"");
  }
}

}  // namespace

std::optional<Verdict> parse_verdict(PolicyReader& reader, const Node& node,
                                     std::string_view name) {
  const auto choice = reader.one_of(node, name, {"allow", "ask", "deny"});
  if (!choice) return std::nullopt;
  return static_cast<Verdict>(*choice);
}

std::vector<std::string> parse_endpoints(PolicyReader& reader, const Node& node,
                                         std::string_view name) {
  std::vector<Located> endpoints = reader.texts(node, name);
  for (const auto& [endpoint, at] : endpoints) {
    if (is_endpoint(endpoint)) continue;
    reader.error(at, quoted(endpoint) + " in " + quoted(name) +
                         "; expected host:port, [v6]:port or unix:/path");
  }
  return without_places(std::move(endpoints));
}

std::vector<std::string> parse_environments(PolicyReader& reader, const Node& node,
                                            std::string_view name) {
  std::vector<Located> names = reader.text_or_texts(node, name);
  if (node.kind == Node::Kind::kArray && node.items.empty()) {
    reader.error(node.at, quoted(name) + " is empty; leave it out to mean every environment");
  }
  for (const auto& [env, at] : names) {
    if (has_shape(ValueKind::kName, env)) continue;
    reader.error(at, quoted(env) + " in " + quoted(name) +
                         " is not an environment; expected one such as \"dev\"");
  }
  return without_places(std::move(names));
}

TaskRule parse_task(PolicyReader& reader, const Node& node) {
  TaskRule rule;
  if (!reader.table(node, "task")) return rule;
  reader.only_keys(node, "[[task]]",
                   {"id", "name", "env", "decision", "flags", "args", "write", "net", "snapshot",
                    "mode", "because", "instead"});
  parse_grant(reader, node, "[[task]]", rule);
  if (const Node* name = reader.required(node, "name", "[[task]]")) {
    rule.names = parse_task_names(reader, *name, "name");
  }
  if (const Node* env = node.find("env")) rule.envs = parse_environments(reader, *env, "env");
  if (const Node* flags = node.find("flags")) {
    parse_flags(reader, *flags, rule);
    if (rule.verdict != Verdict::kDeny) refuse_negations(reader, *flags, rule);
  }
  if (const Node* args = node.find("args")) parse_args(reader, *args, rule);
  return rule;
}

ExecRule parse_exec(PolicyReader& reader, const Node& node) {
  ExecRule rule;
  if (!reader.table(node, "exec")) return rule;
  reader.only_keys(node, "[[exec]]",
                   {"id", "path", "argv", "env_drop", "tasks", "as", "decision", "write", "net",
                    "snapshot", "mode", "because", "instead"});
  parse_grant(reader, node, "[[exec]]", rule);
  if (const Node* path = reader.required(node, "path", "[[exec]]")) {
    rule.paths = parse_exec_paths(reader, *path);
  }
  if (const Node* argv = node.find("argv")) parse_argv(reader, *argv, rule);
  if (const Node* drop = node.find("env_drop")) {
    rule.env_drop = without_places(reader.texts(*drop, "env_drop"));
  }
  if (const Node* tasks = node.find("tasks"))
    rule.tasks = parse_task_names(reader, *tasks, "tasks");
  if (const Node* as = node.find("as")) parse_as(reader, *as, rule);
  return rule;
}

}  // namespace mixguard::policy
