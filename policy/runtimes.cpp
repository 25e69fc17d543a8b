// SPDX-License-Identifier: Apache-2.0
#include "policy/runtimes.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "policy/text.hpp"

namespace mixguard::policy {
namespace {

using Name = std::string_view;
using Words = std::vector<std::string>;

struct Known {
  Name name;
  Name query;    // the one word after which it only prints, next to --version and --help
  Name instead;  // what to write in its place
};

// What their arguments can do: the notes of each program's own --help, and erl(1), erlc(1),
// escript(1), epmd(1) of Erlang/OTP.
constexpr std::array kKnown = {
    Known{"elixir", "-v", "mix run"},
    Known{"elixirc", "-v", "mix compile"},
    Known{"erl", "", "iex -S mix"},
    Known{"erlc", "", "mix compile"},
    Known{"escript", "", ""},
    Known{"rebar", "version", "mix deps.compile"},
    Known{"rebar3", "version", "mix deps.compile"},
    Known{"epmd", "", ""},
    Known{"erl_call", "", ""},
    Known{"run_erl", "", ""},
    Known{"to_erl", "", ""},
    Known{"ct_run", "", "mix test"},
    Known{"dialyzer", "", "mix dialyzer"},
    Known{"typer", "", ""},
    Known{"start_erl", "", ""},
    Known{"erlexec", "", "iex -S mix"},
    Known{"beam.smp", "", "iex -S mix"},
    Known{"werl", "", "iex -S mix"},
};

Name last_component(Name path) { return path.substr(path.rfind('/') + 1); }

const Known* find_known(Name name) {
  const auto found = std::find_if(kKnown.begin(), kKnown.end(),
                                  [&](const Known& known) { return known.name == name; });
  return found == kKnown.end() ? nullptr : &*found;
}

std::string joined(Words::const_iterator begin, Words::const_iterator end) {
  std::string text;
  for (auto word = begin; word != end; ++word) {
    if (!text.empty()) text += ' ';
    text += *word;
  }
  return text;
}

// `elixir -S mix test`, `elixir /usr/bin/mix test`, `erl … -extra /usr/bin/mix test`.
std::optional<Refusal> find_mix(const Words& argv) {
  const auto mix = std::find_if(argv.begin() + 1, argv.end(), [](const std::string& word) {
    return last_component(word) == "mix";
  });
  if (mix == argv.end()) return std::nullopt;
  const std::string rest = joined(mix + 1, argv.end());
  return Refusal{Reason::kLauncher,
                 quoted(argv.front()) + " would run Mix where no rule for tasks sees it",
                 rest.empty() ? "mix" : "mix " + rest};
}

// Of the pinned toolchain, which a bare name is looked up in: a path could be any program.
bool is_query(const Words& argv, const Known& known, const Facts& facts) {
  const bool is_bare = argv.front().find('/') == std::string::npos;
  if (!is_bare || facts.program_path.empty()) return false;
  if (argv.size() != 2 || !(known.name.starts_with("elixir") || known.name.starts_with("rebar")))
    return false;
  return argv[1] == "--version" || argv[1] == "--help" || argv[1] == known.query;
}

// What Mix would take in place of the same arguments, where that is plain to see.
std::string advice(const Words& argv, const Known& known) {
  if (known.name != "elixir") return std::string(known.instead);
  const bool has_code = argv.size() == 3 && (argv[1] == "-e" || argv[1] == "--eval");
  if (has_code) return "mix run -e " + quoted(argv[2]);
  const bool is_script = argv.size() > 1 && !argv[1].starts_with('-');
  return is_script ? "mix run " + joined(argv.begin() + 1, argv.end()) : std::string(known.instead);
}

std::string release_note(const Words& argv) {
  const std::string script = quoted(argv.front());
  const Name verb = argv.size() > 1 ? Name(argv[1]) : Name();
  constexpr Name kTail = ", and the policy has no [[exec]] rule with as = [\"command\"] for it";
  if (verb == "eval" || verb == "rpc")
    return concat({script, " ", verb, " runs the code of its command line in a release", kTail});
  if (verb == "remote")
    return concat({script, " remote opens a console in a running release", kTail});
  if (verb == "start" || verb == "start_iex" || verb == "daemon" || verb == "daemon_iex")
    return concat({script, " ", verb, " starts a release, which is made for production", kTail});
  return concat({script, " is the script of a release", kTail});
}

}  // namespace

std::optional<Runtime> read_runtime(const Words& argv, const Facts& facts) {
  const Known* known = find_known(last_component(argv.front()));
  if (known == nullptr) known = find_known(last_component(facts.program_path));
  // Erlang's own installation has the shape of a release.
  if (known == nullptr && facts.program_is_release)
    return Runtime{release_note(argv), "", false, find_mix(argv)};
  if (known == nullptr) return std::nullopt;
  Runtime runtime;
  runtime.note = quoted(known->name) +
                 " runs whatever its arguments say, and the policy has no [[exec]] rule with as = "
                 "[\"command\"] for it";
  runtime.instead = advice(argv, *known);
  runtime.is_query = is_query(argv, *known, facts);
  runtime.refusal = find_mix(argv);
  return runtime;
}

}  // namespace mixguard::policy
