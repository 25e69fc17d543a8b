// SPDX-License-Identifier: Apache-2.0
#pragma once

// The two ends of `mixguard learn` that touch the world's formats: the denials of the record, as
// policy/proposal.hpp takes them, and a patch that adds to the end of a file. Nothing is written.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "guard/audit/log.hpp"
#include "guard/project.hpp"
#include "policy/proposal.hpp"

namespace mixguard::guard {

// The "decided" records from the time `since` on (as records write it; empty: all), one Denial for
// each command, directory, environment and reason. Facts that the record does not hold (mix.exs,
// which paths of `rules` a program is) are those of now. A damaged record is an Error: nothing is
// learned from it.
Result<std::vector<policy::Denial>> recorded_denials(const AuditLog& log, const Project& project,
                                                     const policy::Policy& rules,
                                                     const std::string& since);

// The unified diff that makes `now`, which begins with all of `old`, of the file `name`; nothing
// for `old` is a file that is not there yet. For `patch -p1` and `git apply`.
[[nodiscard]] std::string append_diff(const std::string& name,
                                      const std::optional<std::string>& old, std::string_view now);

}  // namespace mixguard::guard
