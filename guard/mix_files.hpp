// SPDX-License-Identifier: Apache-2.0
#pragma once

// The mix.exs files that a Mix command would load, read and never evaluated.

#include <string>
#include <vector>

#include "policy/mix_exs.hpp"

namespace mixguard::guard {

// The mix.exs of `directory`, where the command runs (Mix looks in no other), and, when it is an
// umbrella's, those of its apps. Empty without a mix.exs. One that cannot be read comes back as
// unreadable, with the reason. Files are named in messages by their path below `project_root`.
[[nodiscard]] std::vector<policy::MixExs> read_mix_files(const std::string& directory,
                                                         const std::string& project_root);

}  // namespace mixguard::guard
