// SPDX-License-Identifier: Apache-2.0
#pragma once

// The rules of evaluation once more, slow and obvious, for the engine to be compared with: every
// rule of every layer is looked at, in loops, and nothing is shared with policy/ but the names of
// the verdicts. It knows a small language: names, environments, flags of three types, verdicts,
// layers, defaults, and five tasks of the catalogue.

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "policy/ruleset.hpp"

namespace mixguard::policy::test::reference {

struct Flag {
  std::string name;
  enum class Type { kBool, kInt, kEnum } type = Type::kBool;
  int min = 0;
  int max = 0;
  std::vector<std::string> choices;
};

struct Rule {
  std::string id;
  std::vector<std::string> names;
  std::vector<std::string> envs;  // empty: any
  Verdict verdict = Verdict::kDeny;
  bool has_flags = false;
  std::vector<Flag> flags;
  std::vector<std::string> write;
  std::vector<std::string> net;
};

// What stands in one layer, in one file or in several.
struct Layer {
  policy::Layer layer = policy::Layer::kProject;
  bool is_named = false;  // the project's file was named on the command line
  std::optional<Verdict> default_verdict;
  std::vector<Rule> rules;
  std::optional<std::vector<std::string>> net;
  std::optional<std::vector<std::string>> read;
  std::vector<std::string> deny;
  int processes = 0;  // 0: no limit
  std::string landlock;
};

struct Model {
  bool has_builtin = false;
  std::vector<Layer> layers;
};

// A flag as it is given: `--name`, `--no-name`, `--name=value`, `--name value`.
struct Given {
  std::string name;
  std::optional<std::string> value;
  bool is_negated = false;
};

struct Call {
  std::string task;
  std::vector<Given> flags;
};

struct Answer {
  Verdict verdict = Verdict::kAllow;
  std::set<std::string> rules;  // that give it; those of the catalogue have the task's name
};

[[nodiscard]] Answer answer(const Model& model, const std::string& env, const Call& call);

}  // namespace mixguard::policy::test::reference
