// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the rules that let a command through let it do: unions within a layer, intersections down
// the layers, the strictest of every setting.

#include <string>
#include <string_view>
#include <vector>

#include "policy/confinement.hpp"
#include "policy/ruleset.hpp"

namespace mixguard::policy {

// What a part or program was granted by: its allow and ask rules, in any order.
using Grants = std::vector<const Grant*>;

[[nodiscard]] RuleRef reference(const Grant& grant);

// Strictest first; then by layer, file and line, so that the order of rules in memory never shows.
[[nodiscard]] bool decides_before(const Grant* a, const Grant* b);

// Whether every path that matches `inner` matches `outer`. Answers no where it cannot be sure.
[[nodiscard]] bool glob_covers(std::string_view outer, std::string_view inner);

// The part of a Confinement that no rule of a task or program changes: [fs], [net], [limits],
// [safeguards] of all layers. ${root} is left as written.
[[nodiscard]] Confinement common_confinement(const std::vector<Ruleset>& layers);

// Adds what one part of a command is granted. `layers` are all layers of the policy: the [net] of
// a layer is the ceiling for the layers below it.
void add_grants(const std::vector<Ruleset>& layers, const Grants& grants, Confinement& confinement,
                SnapshotPlan& snapshot);

// Adds endpoints that the catalogue's own rule for a task grants beside those it names. The layers
// above the catalogue are their ceiling, as for all of its endpoints.
void add_builtin_endpoints(const std::vector<Ruleset>& layers,
                           const std::vector<std::string>& endpoints, Confinement& confinement);

}  // namespace mixguard::policy
