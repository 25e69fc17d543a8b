// SPDX-License-Identifier: Apache-2.0
#pragma once

// The judgement on one command, as a value: what was decided, by which rules, what the command
// really is (canonical spelling, effective environment), what it may reach and what to remember
// first.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/confinement.hpp"

namespace mixguard::policy {

// Ordered: the strictest of several verdicts is the largest.
enum class Verdict { kAllow = 0, kAsk = 1, kDeny = 2 };

// Why, as a stable word (shared with the JSON). kNone goes with kAllow.
enum class Reason {
  kNone,
  kLauncher,      // E_LAUNCHER
  kTaskSpelling,  // E_TASK_SPELLING
  kDoLimit,       // E_DO_LIMIT
  kEnv,           // E_ENV
  kEnvDup,        // E_ENV_DUP
  kControl,       // E_CONTROL
  kUnicode,       // E_UNICODE
  kMeta,          // E_META
  kFlagUnknown,   // E_FLAG_UNKNOWN
  kFlagDup,       // E_FLAG_DUP
  kFlagType,      // E_FLAG_TYPE
  kArg,           // E_ARG
  kPath,          // E_PATH
  kLimit,         // E_LIMIT
  kNoRule,        // E_NO_RULE
  kRule,          // E_RULE
  kAlias,         // E_ALIAS
  kCode,          // E_CODE
  kDatabase,      // E_DATABASE
  kUntrusted,     // E_UNTRUSTED
  kPolicy,        // E_POLICY
};

// "allow" | "ask" | "deny"
[[nodiscard]] std::string_view to_string(Verdict verdict);
// "E_LAUNCHER", …; empty for kNone
[[nodiscard]] std::string_view to_string(Reason reason);

// Where a rule stands. `file` is as the user would open it; for the catalogue it is
// "builtin:elixir".
struct RuleRef {
  std::string id;
  std::string file;
  std::uint32_t line = 0;
  std::string layer;  // "builtin" | "system" | "user" | "project"
};

// One line of the explanation tree: a check that was made and how it came out.
struct Finding {
  enum class Kind { kPassed, kRaised, kNote };
  Kind kind = Kind::kNote;
  std::string text;
  std::optional<RuleRef> rule;
};

enum class OnFailure { kRollback, kKeep };

struct SnapshotPlan {
  std::vector<std::string> what;  // as written in the rules: "db", "deps", paths
  OnFailure on_failure = OnFailure::kRollback;
  // Compiled code stays when the command fails (a test that fails must not make the next one
  // compile anew): of tasks that change no sources. Only the catalogue says so.
  bool keeps_build = false;
};

// A path that was given as a typed argument, for `guard` to resolve beneath `under` before the run:
// symlinks are facts, and only the file system knows them.
struct PathArgument {
  std::string given;  // as typed
  std::string path;   // absolute, lexically normalised
  std::string under;  // absolute root that the resolved path must not leave
};

// One task of a command: without `do` and aliases there is one part. Of an alias the tasks that it
// leads to are parts, in the order they run; the alias itself is one only where a rule that names
// it denies or asks.
struct Part {
  std::vector<std::string> canonical;  // {"mix", "ecto.migrate", "--step", "2"}
  std::string task;                    // "ecto.migrate"; empty for a plain program
  std::string env;                     // effective MIX_ENV; empty for a plain program
  std::vector<std::string> via;        // aliases of mix.exs that led here, outermost first
  std::string function;                // of mix.exs that the last of them runs in place of a task
  Verdict verdict = Verdict::kDeny;
  Reason reason = Reason::kNone;
  std::string message;         // one sentence for the person refused or asked; empty when allowed
  std::string because;         // the rule's own `because`, or empty
  std::string instead;         // the rule's own `instead`, or what the message suggests, or empty
  std::vector<RuleRef> rules;  // the rules that decided, strictest first
  std::optional<RuleRef> near_miss;  // the rule that came nearest to allowing it
  std::string would_allow;           // smallest TOML that would allow exactly this, or empty
  std::vector<Finding> findings;     // in the order the checks were made
  std::vector<PathArgument> paths;
};

struct EnvVariable {
  std::string name;
  std::string value;
  bool secret = false;
};

// A variable of the caller that is left out, and the policy line that would pass it.
struct DroppedVariable {
  std::string name;
  std::string passes_with;  // `FOO = { match = '…' }`
};

struct SafeguardState {
  enum class State { kChecked, kSkipped, kFailed };
  std::string name;
  State state = State::kSkipped;
  std::string why;
};

struct PolicyIdentity {
  std::string revision;             // filled in by guard: SHA-256 of what was loaded
  std::vector<std::string> layers;  // {"builtin", "system", "user", "project"}, those present
};

struct Decision {
  std::string id;  // filled in by guard
  Verdict verdict = Verdict::kDeny;
  Reason reason = Reason::kNone;
  std::string message;
  std::string because;
  std::string instead;
  std::vector<RuleRef> rules;
  std::vector<std::string> canonical;
  std::vector<Part> parts;
  std::string program;  // "mix", "iex", or the real path of a plain program
  // What the child gets from the rules: for Mix with MIX_ENV among it, but for the one case of
  // docs/design/effective-environment.md.
  std::vector<EnvVariable> environment;
  std::vector<DroppedVariable> dropped;
  Confinement confinement;
  SnapshotPlan snapshot;
  std::vector<SafeguardState> safeguards;
  PolicyIdentity policy;
};

}  // namespace mixguard::policy
