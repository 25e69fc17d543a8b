// SPDX-License-Identifier: Apache-2.0
#pragma once

// Typed values: whether the text of one argument is what its type says, and nothing else. Paths are
// compared as text here; symlinks are facts of the file system, and are looked at by guard.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/decision.hpp"
#include "policy/ruleset.hpp"

namespace mixguard::policy {

// What relative paths and ${root} mean for one command. `root` is empty outside a project.
struct PathScope {
  std::string_view root;
  std::string_view cwd;
};

// Why a value was refused. `reason` is kMeta, kPath, or kFlagType for every other misfit (the
// caller makes kArg of it for a positional argument).
struct Misfit {
  Reason reason = Reason::kFlagType;
  std::string why;
};

// "int", "path", … as the policy language writes it.
[[nodiscard]] std::string_view to_string(ValueKind kind);

// "an integer from 1 to 20", "a path under ${root}/test", …
[[nodiscard]] std::string describe(const ValueType& type);

// Nothing when `text` fits. Every path that was accepted is added to `paths`.
[[nodiscard]] std::optional<Misfit> check_value(const ValueType& type, std::string_view text,
                                                const PathScope& scope,
                                                std::vector<PathArgument>& paths);

// Whether `text` has the grammar of `kind`, whatever the bounds of a type are.
[[nodiscard]] bool has_shape(ValueKind kind, std::string_view text);

// `path` as Path.expand/2 would make it: absolute, without ".", "..", doubled or trailing slashes.
[[nodiscard]] std::string expand_path(std::string_view path, std::string_view directory);

// Whether the absolute, normalised `path` is `root` or lies beneath it.
[[nodiscard]] bool is_beneath(std::string_view path, std::string_view root);

// `text` with "${root}" replaced.
[[nodiscard]] std::string with_root(std::string_view text, std::string_view root);

}  // namespace mixguard::policy
