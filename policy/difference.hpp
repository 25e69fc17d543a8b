// SPDX-License-Identifier: Apache-2.0
#pragma once

// What changes between two policies, found by asking both the same questions: every task that the
// catalogue or either policy names, the programs of [[exec]] rules for commands and a function
// behind an alias, in every environment that is named, as policy/trials.hpp asks; every variable of
// [env], set and unset; and what all commands share ([fs], [limits], …), by one that both let
// through. "unnamed.task" stands for every task that neither a policy nor its catalogue names.
//
// Everything is asked as in an imaginary project with nothing else in its environment. Not asked
// are combinations of flags, the parts of `mix do`, what the alias of a certain mix.exs leads to,
// and [[exec]] rules for children. So "no difference" means: none for one flag at a time.

#include <map>
#include <string>
#include <vector>

#include "policy/aspects.hpp"
#include "policy/engine.hpp"
#include "policy/explain.hpp"

namespace mixguard::policy {

// A command to try: judge_example() says what a policy makes of it.
struct Example {
  std::vector<std::string> run;
  std::map<std::string, std::string> env;
  bool is_alias = false;     // of a mix.exs in which run[1] is an alias of a function
  bool is_complete = false;  // whether what `env` leaves out is missed where it is required
};

[[nodiscard]] Decision judge_example(const Policy& policy, const Example& example);

struct Change {
  // Whether the second policy lets something through, or gives something, that the first does not.
  // A change can be that in both directions.
  bool wider = false;
  Aspect aspect = Aspect::kDecision;
  std::string task;               // "ecto.migrate", "@alias", a program's path; empty: all commands
  std::vector<std::string> envs;  // empty for a program, which has no MIX_ENV
  bool everywhere = false;        // those are all the environments that were asked about
  // With which words: "--step 2..20"; empty: with all words to which the milder policy says the
  // same, the barest command among them.
  std::vector<std::string> with;
  // A decision is one word. A variable is "refused", "left out", "passed", "unset", … Of the others
  // it is the list of what is given.
  std::vector<std::string> from;
  std::vector<std::string> to;
  Example example;
  std::vector<RuleRef> from_rules;  // those that decided the example, or came nearest
  std::vector<RuleRef> to_rules;
};

// Something that only one of the policies has and that could not be tried.
struct NotCompared {
  std::string file;
  std::uint32_t line = 0;
  std::string what;  // "ecto.dump --tag: …"
};

struct Difference {
  std::vector<Change> changes;  // the wider ones first
  std::vector<NotCompared> not_compared;
};

[[nodiscard]] Difference difference(const Policy& a, const Policy& b);

// For people, ending in a newline; changes that are alike for several tasks share a line.
[[nodiscard]] std::string tell(const Difference& difference, const ExplainStyle& style);

}  // namespace mixguard::policy
