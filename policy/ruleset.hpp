// SPDX-License-Identifier: Apache-2.0
#pragma once

// One policy file, parsed and checked: the language of docs/design/policy-language.md. Parsing is
// pure: text in, Ruleset or errors with file:line:column out. A Ruleset is immutable and cheap to
// copy (shared).

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/decision.hpp"
#include "policy/pattern.hpp"
#include "policy/result.hpp"

namespace mixguard::policy {

enum class Layer { kBuiltin, kSystem, kUser, kProject };
[[nodiscard]] std::string_view to_string(Layer layer);

enum class ValueKind {
  kBool,
  kInt,
  kEnum,
  kVersion,
  kModule,
  kMfa,
  kPath,
  kName,
  kDuration,
  kString,
  kCode
};

// The type of a flag's value or of a positional argument, with its bounds.
struct ValueType {
  ValueKind kind = ValueKind::kString;
  std::optional<std::int64_t> min;
  std::optional<std::int64_t> max;
  std::optional<std::size_t> max_len;
  std::vector<std::string> choices;  // enum
  std::optional<Pattern> match;      // whole-string RE2
  std::string under;  // path: absolute after ${root} is known, or starting with "${root}"
};

struct FlagRule {
  std::string name;   // "step", without dashes
  std::string alias;  // "n", or empty
  ValueType type;
  bool repeat = false;
  std::uint32_t line = 0;
};

struct ArgRule {
  ValueType type;
  std::uint32_t min_count = 1;
  std::uint32_t max_count = 1;
  std::uint32_t line = 0;
};

// What a task rule and a command rule share.
struct Grant {
  std::string id;
  std::string file;
  std::uint32_t line = 0;
  Layer layer = Layer::kProject;
  Verdict verdict = Verdict::kDeny;
  std::string because;
  std::string instead;
  std::vector<std::string> write;
  std::vector<std::string> net;
  SnapshotPlan snapshot;
  std::optional<RunMode> mode;
};

struct TaskRule : Grant {
  std::vector<std::string> names;  // canonical task names, or "@alias"
  std::vector<std::string> envs;   // empty: any
  bool has_flags = false;          // the key was written
  std::vector<FlagRule> flags;
  bool has_args = false;
  std::vector<ArgRule> args;
  // Catalogue only: the rule matches when at least one of these flags is present ("run" asks for
  // `-e` and allows the rest). Empty in every rule that a file can write.
  std::vector<std::string> raised_by;
};

// One element of an [[exec]] argv pattern.
struct ArgvElement {
  enum class Kind { kLiteral, kOneOf, kType, kSafeRest, kAnyRest };
  Kind kind = Kind::kLiteral;
  std::vector<std::string> words;  // the literal, or the choices
  ValueType type;
};

struct ExecRule : Grant {
  std::vector<std::string> paths;
  std::vector<ArgvElement> argv;  // empty: any argument vector
  bool has_argv = false;
  std::vector<std::string> env_drop;
  std::vector<std::string> tasks;
  bool as_child = true;
  bool as_command = false;
};

struct EnvRule {
  std::string name;
  std::optional<Pattern> match;
  std::vector<std::string> choices;
  std::optional<std::string> default_value;
  bool secret = false;
  bool required_always = false;
  std::vector<std::string> required_envs;
  std::uint32_t line = 0;
};

struct Expectation {
  std::vector<std::string> run;
  std::map<std::string, std::string> env;
  Verdict is = Verdict::kDeny;
  std::string rule;  // id that must be among the deciding rules, or empty
  std::uint32_t line = 0;
};

// What a running project is asked for after a rollback: GET `target` from this machine.
struct HttpEndpoint {
  std::string url;   // as written
  std::string host;  // a loopback address without brackets, or "localhost"
  std::uint16_t port = 0;
  std::string target;        // path and query, percent-encoded
  std::uint16_t status = 0;  // 0: 200 to 399
  std::string content_type;  // of the answer, without parameters; empty: any
  std::uint32_t line = 0;
};

// How long the past is kept. Nothing set: the builtin setting (guard/retention.hpp).
struct RetentionPlan {
  std::optional<std::size_t> count;  // snapshots and runs
  std::optional<std::uint64_t> age_ms;
  std::optional<std::uint64_t> bytes;  // of the store
};

struct Ruleset {
  std::string file;  // as shown to people
  Layer layer = Layer::kProject;
  // Set by guard when the person named the file on the command line (`--policy FILE`): the file
  // keeps its layer, and its allow rules are entitled as a user's are (any environment), because
  // whoever runs the command chose it. Deny and ask of the layers above still stand.
  bool named_explicitly = false;
  std::string name;
  std::vector<std::string> extends;  // {"builtin:elixir"} when the key is absent
  std::optional<Verdict> default_verdict;
  std::vector<EnvRule> env;
  bool has_read = false;  // the key was written
  std::vector<std::string> read;
  std::vector<std::string> deny;
  bool has_net = false;
  std::vector<std::string> net;
  std::vector<std::string> publish;
  Limits limits;
  std::vector<TaskRule> tasks;
  std::vector<ExecRule> execs;
  std::vector<Safeguard> safeguards;
  std::vector<HttpEndpoint> endpoints;
  RetentionPlan retention;
  std::vector<Expectation> expectations;
};

// A mistake in a policy file. `what` says what was found and what was expected.
struct PolicyError {
  std::string file;
  std::uint32_t line = 0;
  std::uint32_t column = 0;
  std::string what;

  [[nodiscard]] std::string to_string() const;  // "FILE:LINE:COLUMN: what"
};

// Parses `text` (UTF-8 TOML). `file` is only for messages. All mistakes found are returned, first
// one first; a syntax error ends the list. Limits: 1 MiB of text, 10,000 rules.
[[nodiscard]] tl::expected<Ruleset, std::vector<PolicyError>> parse_ruleset(std::string_view text,
                                                                            std::string_view file,
                                                                            Layer layer);

}  // namespace mixguard::policy
