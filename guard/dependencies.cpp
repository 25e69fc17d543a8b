// SPDX-License-Identifier: Apache-2.0
#include "guard/dependencies.hpp"

#include <algorithm>
#include <cerrno>
#include <optional>

#include "guard/files.hpp"
#include "guard/mix_files.hpp"

namespace mixguard::guard {
namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// Project-relative; nothing when it is the project itself or outside.
std::optional<std::string> inside(const std::string& project_root, const std::string& mix_exs,
                                  const std::string& path) {
  const std::string home = parent_path(join_path(project_root, mix_exs));
  const std::string full = normal_path(join_path(home, path));
  if (full == project_root || !is_within(full, project_root)) return std::nullopt;
  return full.substr(project_root.size() + 1);
}

Result<DependencyChoice> choose(const std::string& project_root,
                                const std::vector<policy::MixExs>& files, const std::string& name) {
  for (const policy::MixExs& file : files) {
    for (const policy::PathDependency& one : file.path_dependencies) {
      if (one.name != name) continue;
      auto directory = inside(project_root, file.file, one.path);
      if (!directory)
        return fail("roll back the dependency " + name + ": its directory " + one.path + " (" +
                        file.file + ") is not in the project",
                    EINVAL);
      return DependencyChoice{name, std::move(*directory)};
    }
  }
  return DependencyChoice{name, ""};
}

}  // namespace

bool is_dependency_name(const std::string& name) {
  return !name.empty() && is_letter(name.front()) &&
         std::all_of(name.begin(), name.end(),
                     [](char c) { return is_letter(c) || c == '_' || (c >= '0' && c <= '9'); });
}

Result<std::vector<DependencyChoice>> choose_dependencies(const std::string& project_root,
                                                          const std::vector<std::string>& names) {
  std::vector<DependencyChoice> choices;
  if (names.empty()) return choices;
  const auto files = read_mix_files(project_root, project_root);
  for (const std::string& name : names) {
    auto choice = choose(project_root, files, name);
    if (!choice) return propagate(choice);
    choices.push_back(std::move(*choice));
  }
  return choices;
}

}  // namespace mixguard::guard
