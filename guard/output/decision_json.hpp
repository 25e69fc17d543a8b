// SPDX-License-Identifier: Apache-2.0
#pragma once

// The decision object of DESIGN.md section 2, the one that `check`, `explain` and `run --json`
// print and that agents build against. Keys are never renamed or left out; new ones may come.

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "policy/decision.hpp"

namespace mixguard::guard {

// null for an empty text.
[[nodiscard]] nlohmann::ordered_json text_or_null(std::string_view text);

struct DecisionMetrics {
  std::uint64_t load_us = 0;    // reading and joining the policy files
  std::uint64_t decide_ns = 0;  // the judgement itself
};

[[nodiscard]] nlohmann::ordered_json decision_json(const policy::Decision& decision,
                                                   const DecisionMetrics& metrics);

// The decision that such an object tells of, as far as it tells it: not the single findings, nor
// the values of secrets. Nothing when it is no such object.
[[nodiscard]] std::optional<policy::Decision> decision_from_json(
    const nlohmann::ordered_json& json);

// [{"id":…,"file":…,"line":…,"layer":…}]
[[nodiscard]] nlohmann::ordered_json rules_json(const std::vector<policy::RuleRef>& rules);

// `json` on one line, bytes that are not UTF-8 replaced. Never throws.
[[nodiscard]] std::string dump(const nlohmann::ordered_json& json);
// The same over several lines, for people who look at it.
[[nodiscard]] std::string dump_pretty(const nlohmann::ordered_json& json);

}  // namespace mixguard::guard
