// SPDX-License-Identifier: Apache-2.0
#pragma once

// One task of a command against all rules for it: which match, which nearly do, and what the
// strictest of them says.

#include <optional>
#include <string>
#include <vector>

#include "policy/facts.hpp"
#include "policy/grants.hpp"
#include "policy/mix_command.hpp"
#include "policy/policy_index.hpp"
#include "policy/runtimes.hpp"
#include "policy/values.hpp"

namespace mixguard::policy {

// What a part may do if the command is let through.
struct Permission {
  Grants grants;  // the allow and ask rules that matched, which live as long as the index
  RunMode mode = RunMode::kTransaction;
};

struct TaskQuestion {
  const TaskCall& call;
  std::string_view env;         // effective MIX_ENV
  std::string_view env_source;  // where it came from, for people
  PathScope scope;
  Detail detail = Detail::kEverything;
};

// Each of these writes its judgement to `part`, which must be empty.

Permission judge_task(const Policy::Index& index, const TaskQuestion& question, Part& part);

// A function of mix.exs that the alias `question.call.task` runs, shown to people as `function`:
// what it does is not known. Rules that name the alias or "@alias" decide; without one it is asked
// for in dev, test and staging, and denied elsewhere.
Permission judge_function(const Policy::Index& index, const TaskQuestion& question,
                          std::string_view function, Part& part);

// The name of an alias against the rules for it and for "@alias", whatever the words: allowed,
// unless one of them denies or asks. A rule that allows says nothing about what the alias runs.
Permission judge_alias(const Policy::Index& index, const TaskQuestion& question, Part& part);

// A plain program against the [[exec]] rules with as = "command" whose path it is. Where there is
// none, `runtime` says what to answer, if it is one; a query of a runtime is then allowed.
Permission judge_program(const Policy::Index& index, const std::vector<std::string>& argv,
                         const Facts& facts, const std::optional<Runtime>& runtime, Part& part);

// A part that is refused before any rule is asked.
[[nodiscard]] Part refused_part(std::vector<std::string> canonical, const Refusal& refusal);

}  // namespace mixguard::policy
