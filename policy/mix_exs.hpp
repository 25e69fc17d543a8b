// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a mix.exs says of the names that Mix takes: aliases, the environments that tasks prefer, the
// task that `mix` alone runs. The text is parsed and never evaluated, so only what is written out
// can be read. Whatever else could change the answer (a call, a macro, a second module with
// `use Mix.Project`, …) makes it unreadable: a wrong table would be worse than none.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/result.hpp"

namespace mixguard::policy {

// One step of an alias. A function is opaque: `text` is then its source, shortened, for people.
struct AliasStep {
  std::string text;  // as OptionParser.split/1 takes it: "ecto.migrate --quiet"
  bool is_function = false;
};

struct Alias {
  std::string name;
  std::vector<AliasStep> steps;  // never empty
  std::uint32_t line = 0;
};

struct PreferredEnv {
  std::string task;
  std::string env;
};

// Why something could not be read, and where.
struct Unreadable {
  std::uint32_t line = 0;
  std::string why;
};

// "mix.exs:3: why"
[[nodiscard]] std::string to_string(const Unreadable& trouble, std::string_view file);

template <typename T>
using Read = tl::expected<T, Unreadable>;

// Names are unique in each table: of a name written twice Mix takes the first.
struct MixExs {
  std::string file = "mix.exs";  // for people; "apps/shop/mix.exs" for an umbrella's app
  Read<std::vector<Alias>> aliases;
  // `preferred_envs:` of `def cli` (Elixir 1.15 and later), then `preferred_cli_env:` of
  // `def project`.
  Read<std::vector<PreferredEnv>> preferred_envs;
  Read<std::string> default_env;  // `default_env:` of `def cli`, or empty
  // What `mix` alone may run, the likeliest first: `def cli`'s, `def project`'s, "run". Versions of
  // Elixir disagree where both functions have one.
  Read<std::vector<std::string>> default_tasks = std::vector<std::string>{"run"};
  Read<std::string> apps_path;  // of an umbrella: "apps"; else empty
  // Where the git dependencies that are written out with https come from ("github.com:443"), each
  // once. What is written in any other way is left out: it grants nothing.
  std::vector<std::string> git_hosts;
  // The directories of the path dependencies that are written out (`path: "../shared"`), as written
  // and each once. Left out in the same way.
  std::vector<std::string> dependency_paths;
};

// Reads the text of a mix.exs, of at most 32 KiB. Never fails as a whole: each table is there, or
// says why not.
//
// Mix asks the module of `use Mix.Project` for `project/0` and `cli/0` (lib/mix/lib/mix/project.ex)
// and looks names up in the first pair that has them (Access on a keyword list). Read are keyword
// lists written out in these functions, and for `aliases:` and the preferred environments also
// those of a local function without arguments. A value of `aliases:` may be a string, a list of
// strings and functions, or a function; `~w(…)` is a list of strings.
[[nodiscard]] MixExs read_mix_exs(std::string_view text, std::string file = "mix.exs");

// A file that is there and cannot be read at all.
[[nodiscard]] MixExs unreadable_mix_exs(std::string file, const Unreadable& trouble);

// The alias of that name, exactly as written; nullptr when there is none or the table is unknown.
[[nodiscard]] const Alias* find_alias(const MixExs& exs, std::string_view name);

}  // namespace mixguard::policy
