// SPDX-License-Identifier: Apache-2.0
#pragma once

// What there is to ask about one task, as far as rules can tell it apart: its name alone, each flag
// of each rule with the edges of its type, its arguments, and a flag that nobody knows. One flag at
// a time: what only two flags together, or a flag and further arguments, would show is not here.
//
// Values of a type are tried, not derived: the words of an enum, the bounds of an integer and
// their neighbours, the smallest match of a regular expression where RE2 can name it, words of the
// policies' own expectations, and a few plain texts. A type that none of them fits is told. A flag
// that only the catalogue knows is tried with one value: no rule can tell others apart.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "policy/ruleset.hpp"

namespace mixguard::policy {

// The words after a task's name. Of trials with the same `group` and consecutive numbers, what
// holds for both holds for everything between them.
struct Trial {
  std::vector<std::string> words;
  std::string label;  // "--step 2", "3 arguments", "alone"
  std::string group;  // "--step"; empty for a trial without a number
  std::int64_t number = 0;
};

// A type of a flag ("--tag") or of an argument for which no fitting value was found.
struct Unfit {
  const Grant* rule = nullptr;
  std::string name;  // "--tag", "an argument"
  const ValueType* type = nullptr;
  std::uint32_t line = 0;
};

struct Trials {
  std::vector<Trial> list;   // no two with the same words
  std::vector<Unfit> unfit;  // point into the rules
};

// `rules` are all rules of one task, whatever they decide; `texts` are words that somebody used as
// values. The rules must outlive the result.
[[nodiscard]] Trials trials_of(const std::vector<const TaskRule*>& rules,
                               const std::vector<std::string>& texts);

// The words after a program's name that the patterns of its rules speak of, and a word more.
[[nodiscard]] Trials trials_of(const std::vector<const ExecRule*>& rules);

// Texts that may be values of `type`, fitting and not; the same for each call.
[[nodiscard]] std::vector<std::string> candidates(const ValueType& type);

}  // namespace mixguard::policy
