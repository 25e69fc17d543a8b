// SPDX-License-Identifier: Apache-2.0
#pragma once

// Where Mix keeps dependencies and what it compiles, as paths of the project: deps/NAME,
// _build/ENV/lib/NAME and mix.lock, in the project itself and in each app of an umbrella (apps/X),
// which may be worked on alone. A project that moves them (deps_path:, build_path:) is not known
// here.

#include <array>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "guard/snapshot/tree.hpp"
#include "policy/result.hpp"

namespace mixguard::guard::mix_layout {

[[nodiscard]] bool is_lock(std::string_view path);
// What `--config` means, in each home.
inline constexpr std::array<std::string_view, 3> kConfiguration = {"mix.exs", "config",
                                                                   ".formatter.exs"};
[[nodiscard]] bool is_configuration(std::string_view path);  // one of them, or below one
// What Mix may compile for the project: not in _build nor in deps.
[[nodiscard]] bool is_source(std::string_view path);
// Elixir recompiles a source only when it is newer, by whole seconds, than what was built from it:
// a time for sources that is later than `built`, now or the next second. Nanoseconds since 1970.
[[nodiscard]] std::int64_t time_after(std::int64_t built);
// The compilers' manifests (lib/APP/.mix/compile.*) of the builds that are in `root` by default, of
// a build that it is, and of the one at `build` below it.
Result<std::vector<std::pair<std::string, tree::Node>>> manifests(int root,
                                                                  const std::string& build = "");
// Whether the path lies in the directory of a compiled application, whatever the build is called.
Result<bool> is_compiled(int root, const std::string& path);
// NAME of deps/NAME and of what is below it; else empty.
[[nodiscard]] std::string_view fetched_name(std::string_view path);
// NAME of _build/ENV/lib/NAME and of what is below it; else empty.
[[nodiscard]] std::string_view built_name(std::string_view path);
// The _build/ENV/lib/NAME that the path is at or below; else empty.
[[nodiscard]] std::string_view build_at(std::string_view path);

// "" and the project's apps/X.
Result<std::vector<std::string>> homes(int project);
// The directories deps/NAME that there are.
Result<std::vector<std::string>> fetched(int project, const std::string& name);
// The directories _build/ENV/lib/NAME that there are.
Result<std::vector<std::string>> builds(int project, const std::string& name);

// The directories _build/ENV/lib/X of fetched dependencies X that depend on `name`, through others
// too: by what their compiled applications say, which are all that need it when the code runs.
Result<std::vector<std::string>> builds_of_dependents(int project, const std::string& name);

// In that _build/ENV/lib: where each of the project's own applications has the file that makes Mix
// compare the locks of dependencies with those that the application was compiled with, once it is
// newer than that. It need not be there.
Result<std::vector<std::string>> recheck_marks(int project, const std::string& libraries);

// The applications that an .app file says it needs.
[[nodiscard]] std::set<std::string> needed_applications(std::string_view app_file);

}  // namespace mixguard::guard::mix_layout
