// SPDX-License-Identifier: Apache-2.0
#pragma once

// The tables of a policy that are not rules: [env], [fs], [net], [limits], [safeguards],
// [retention] and [[expect]]. Each function fills its part of the Ruleset and leaves its complaints
// with the reader.

#include "policy/policy_reader.hpp"

namespace mixguard::policy {

[[nodiscard]] EnvRule parse_env(PolicyReader& reader, const Member& member);
void parse_fs(PolicyReader& reader, const Node& node, Ruleset& ruleset);
void parse_net(PolicyReader& reader, const Node& node, Ruleset& ruleset);
[[nodiscard]] Limits parse_limits(PolicyReader& reader, const Node& node);
[[nodiscard]] std::vector<Safeguard> parse_safeguards(PolicyReader& reader, const Node& node);
[[nodiscard]] RetentionPlan parse_retention(PolicyReader& reader, const Node& node);
[[nodiscard]] Expectation parse_expect(PolicyReader& reader, const Node& node);

}  // namespace mixguard::policy
