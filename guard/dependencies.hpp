// SPDX-License-Identifier: Apache-2.0
#pragma once

// Which directories of a project the dependencies are that a person names.

#include <string>
#include <vector>

#include "guard/snapshot/dependency.hpp"
#include "policy/result.hpp"

namespace mixguard::guard {

// Names as Mix takes them: letters, digits and '_', the first a letter.
[[nodiscard]] bool is_dependency_name(const std::string& name);

// Of each name: the directory that mix.exs, or that of an umbrella's app, gives it by `path:` or
// `in_umbrella:`; nothing for what Mix fetches. Fails where that directory is outside of the
// project, which has to be undone there.
Result<std::vector<DependencyChoice>> choose_dependencies(const std::string& project_root,
                                                          const std::vector<std::string>& names);

}  // namespace mixguard::guard
