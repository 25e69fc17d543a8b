// SPDX-License-Identifier: Apache-2.0
#pragma once

// [[exec]] rules against one argument vector: for programs that a person asks for, and for children
// that a command starts. Which file a path is, the caller has found out.

#include <string>
#include <vector>

#include "policy/engine.hpp"
#include "policy/values.hpp"

namespace mixguard::policy {

// Whether `argv` is what the rule's pattern describes (a rule without one describes everything).
// The first element of a pattern may also be the last component of argv[0].
[[nodiscard]] bool argv_matches(const ExecRule& rule, const std::vector<std::string>& argv,
                                const PathScope& scope, std::vector<PathArgument>& paths);

// A program that a command is about to start, as far as the caller has found out.
struct Child {
  std::string path;                 // absolute
  std::vector<std::string> same;    // paths of [[exec]] rules that are this very file
  std::vector<std::string> copies;  // paths of [[exec]] rules whose content it has
  std::vector<std::string> argv;
  std::vector<std::string> environment;  // "NAME=value"
  std::string cwd;
  bool is_known = false;     // the virtual machine starts it by itself
  bool is_loader = false;    // the dynamic loader, which loads anything
  bool is_nameless = false;  // in no directory: memfd and kin
};

// The command that it runs under.
struct ChildScope {
  std::vector<std::string> tasks;  // empty for a plain program
  std::string env;                 // effective MIX_ENV of the tasks
  std::string project_root;
  std::vector<std::string> environment;  // "NAME=value", what the command was given
};

struct ChildVerdict {
  bool allowed = false;
  std::string why;                    // when not: one sentence, with the rule's file and line
  std::string would_allow;            // when not: the smallest rule that would, or empty
  std::vector<std::string> env_drop;  // of every rule that allowed it
};

// Of all rules for children that match, the strictest counts; there is nobody to ask, so that "ask"
// is a denial here. What no rule matches is allowed as long as no rule for these tasks allows
// anything: the catalogue, which lets a command start what it wants, speaks only where no layer
// does. The dynamic loader and files without a name need a rule in any case. Denials hold for
// copies too, permissions do not. What a rule allows must not be given variables that run other
// code, unless the command itself was given them.
[[nodiscard]] ChildVerdict judge_child(const Policy& policy, const ChildScope& scope,
                                       const Child& child);

// Paths written in [[exec]] rules for children, for the caller to compare with files; "${root}" is
// replaced.
[[nodiscard]] std::vector<std::string> child_paths(const Policy& policy,
                                                   const std::string& project_root);

}  // namespace mixguard::policy
