// SPDX-License-Identifier: Apache-2.0
#pragma once

// The first policy of a project, for `mixguard policy init`: commented, and with everything that
// would allow more than the builtin catalogue does commented out. What it knows of the project is
// read from text and never evaluated. The same project gives the same text.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "policy/mix_exs.hpp"
#include "policy/ruleset.hpp"

namespace mixguard::policy {

struct ProjectSketch {
  std::string name;             // of the application, or of the directory
  std::vector<MixExs> mix_exs;  // as in Facts
  std::vector<std::string> dependencies;
};

struct Starter {
  std::string text;
  std::size_t suggestions = 0;  // rules that are commented out
};

// The value of `app: :name`, the first that is written; empty when there is none.
[[nodiscard]] std::string read_app_name(std::string_view mix_exs);

// Those dependencies that a starting policy has something to say about, by their names in mix.exs
// (`{:ecto_sql, …`) and mix.lock (`"ecto_sql": `). What only looks like one is taken for one:
// suggestions are commented out.
[[nodiscard]] std::vector<std::string> read_dependencies(std::string_view mix_exs,
                                                         std::string_view mix_lock);

// Lines that begin with `#` and no space are TOML to uncomment. The policy is built before it is
// returned, expectations and all; that it cannot be is a mistake in this file and comes back as
// such.
[[nodiscard]] tl::expected<Starter, std::vector<PolicyError>> starting_policy(
    const ProjectSketch& project);

}  // namespace mixguard::policy
