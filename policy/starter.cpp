// SPDX-License-Identifier: Apache-2.0
#include "policy/starter.hpp"

#include <algorithm>
#include <array>
#include <set>

#include "policy/alias_expansion.hpp"
#include "policy/engine.hpp"
#include "policy/expectations.hpp"
#include "policy/layout.hpp"
#include "policy/text.hpp"

namespace mixguard::policy {
namespace {

using Words = std::vector<std::string>;

// A command that a team often asks for, and the dependency it comes with; empty: every project.
struct Habit {
  std::string_view dependency;
  std::string_view command;
  std::string_view env;
};

// A rule is suggested for those that the catalogue asks about.
constexpr std::array kWished = {
    Habit{"", "mix deps.update --all", "dev"},
    Habit{"ecto_sql", "mix ecto.reset", "dev"},
    Habit{"ecto_sql", "mix ecto.drop", "test"},
    Habit{"ecto_sql", "mix ecto.rollback", "dev"},
    Habit{"gettext", "mix gettext.extract --merge", "dev"},
    Habit{"credo", "mix credo.gen.config", "dev"},
    Habit{"excoveralls", "mix coveralls.html", "test"},
};

// Today's answers to these are written down as expectations.
constexpr std::array kPinned = {
    Habit{"", "mix compile", "dev"},
    Habit{"", "mix test", "test"},
    Habit{"", "mix format", "dev"},
    Habit{"", "mix run -e System.halt", "dev"},
    Habit{"", "mix run -e System.halt", "prod"},
    Habit{"", "mix hex.publish", "dev"},
    Habit{"ecto_sql", "mix ecto.migrate", "dev"},
    Habit{"ecto_sql", "mix ecto.migrate", "prod"},
    Habit{"ecto_sql", "mix ecto.drop", "dev"},
    Habit{"ecto_sql", "mix ecto.drop", "prod"},
    Habit{"phoenix", "mix phx.server", "dev"},
    Habit{"phoenix", "mix phx.server", "prod"},
    Habit{"credo", "mix credo", "dev"},
    Habit{"dialyxir", "mix dialyzer", "dev"},
    Habit{"sobelow", "mix sobelow", "dev"},
    Habit{"ex_doc", "mix docs", "dev"},
    Habit{"excoveralls", "mix coveralls", "test"},
    Habit{"gettext", "mix gettext.extract", "dev"},
    Habit{"oban", "mix oban.install", "prod"},
};

constexpr std::array kDependencies = {"ecto_sql", "postgrex",    "myxql",    "ecto_sqlite3",
                                      "phoenix",  "credo",       "dialyxir", "sobelow",
                                      "ex_doc",   "excoveralls", "gettext",  "oban"};

constexpr const char* kHead =
    R"(# What may be done here with Mix. The builtin catalogue of mixguard already allows everyday work in
# dev and test, asks before what destroys, and denies it in production; this file says the rest.
#
#   mixguard trust              when you have read it; any change of it takes the trust away
#   mixguard check -- mix ...   ask; nothing is run
#   mixguard policy test        try the expectations at the end
#   mixguard learn              propose rules for what was refused or asked
#
# Rules have no order: of all that match a command the strictest decides, deny before ask before
# allow. A line with # and no space after it is a suggestion. It counts when you remove the #.

)";

constexpr const char* kDefault =
    R"(default = "deny"   # of a task that neither a rule nor the catalogue knows; or "ask"

# The variables that reach a command. Harmless ones do; each other one needs a line.
#[env]
#MIX_ENV = { enum = ["dev", "test", "prod"], default = "dev" }
)";

constexpr const char* kDatabaseVariable =
    R"(#DATABASE_URL = { match = 'ecto://[a-z_]+:[^@/]+@localhost(:[0-9]{2,5})?/[a-z_]+', secret = true }
)";

constexpr const char* kCeilings =
    R"(
# Files of the project that no command can read.
#[fs]
#deny = ["**/.env*"]

# Endpoints outside that rules may name; nothing else exists for a command.
#[net]
#allow = [)";

constexpr const char* kLimits =
    R"(]

# How long and how large a command may grow.
#[limits]
#wall = "10m"
#memory = "4GiB"
)";

constexpr const char* kTasks = R"(
# ---- Tasks: what the catalogue asks about, for you to allow ---------------------------------------
)";

constexpr const char* kExpectations = R"(
# ---- Expectations: tried at every load; one that fails makes this file unusable -------------------
)";

Words words_of(std::string_view command) { return *split_words(command); }

std::string commented(std::string_view toml) {
  std::string out;
  while (!toml.empty()) {
    const std::size_t end = std::min(toml.find('\n'), toml.size());
    out.append("#").append(toml.substr(0, end)).append("\n");
    toml.remove_prefix(std::min(end + 1, toml.size()));
  }
  return out;
}

std::string_view database_of(const ProjectSketch& project) {
  const auto has = [&](const char* name) {
    const auto& all = project.dependencies;
    return std::find(all.begin(), all.end(), name) != all.end();
  };
  if (has("postgrex")) return "\"127.0.0.1:5432\"";
  return has("myxql") ? "\"127.0.0.1:3306\"" : "";
}

class Writer {
 public:
  Writer(const ProjectSketch& project, const Policy& builtin)
      : project_(project), builtin_(builtin) {}

  Starter write() {
    out_.text = kHead;
    out_.text += "version = 1\nname    = " + toml_string(project_.name) + "\n";
    out_.text += kDefault;
    if (uses("ecto_sql")) out_.text += kDatabaseVariable;
    out_.text += kCeilings + std::string(database_of(project_)) + kLimits + kTasks;
    suggest_habits();
    suggest_for_aliases();
    if (out_.suggestions == 0) out_.text += "\n# Nothing stands out.\n";
    out_.text += kExpectations;
    pin_answers();
    return std::move(out_);
  }

 private:
  [[nodiscard]] bool uses(std::string_view dependency) const {
    const auto& all = project_.dependencies;
    return dependency.empty() || std::find(all.begin(), all.end(), dependency) != all.end();
  }

  void suggest(const std::string& toml) {
    if (!suggested_.insert(toml).second) return;
    out_.text += commented(toml);
    ++out_.suggestions;
  }

  // The rules that would allow what is asked for. A denial stays one.
  void suggest_for(const std::string& title, const Decision& decision) {
    std::vector<const Part*> asked;
    for (const Part& part : decision.parts) {
      const bool is_new = !suggested_.contains(part.would_allow);
      if (part.verdict == Verdict::kAsk && !part.would_allow.empty() && is_new)
        asked.push_back(&part);
    }
    if (asked.empty()) return;
    const Part& first = *asked.front();
    out_.text += "\n# " + title + ": " + (first.because.empty() ? first.message : first.because);
    out_.text += "\n";
    for (const Part* part : asked) suggest(part->would_allow);
  }

  void suggest_habits() {
    for (const Habit& habit : kWished) {
      if (!uses(habit.dependency)) continue;
      const Words run = words_of(habit.command);
      const Expectation question{run, {{"MIX_ENV", std::string(habit.env)}}, {}, "", 0};
      suggest_for("`" + command_line(run) + "` in " + std::string(habit.env),
                  try_expectation(builtin_, question));
    }
  }

  void suggest_for_aliases() {
    if (project_.mix_exs.empty()) return;
    if (const auto why = unknown_aliases(project_.mix_exs)) {
      out_.text += "\n# The aliases cannot be read, so every task asks: " + quoted(*why) + "\n";
      return;
    }
    for (const Alias& alias : *project_.mix_exs.front().aliases) {
      Facts facts;
      facts.project_root = facts.cwd = "/project";
      facts.environment_is_complete = false;
      facts.mix_exs = project_.mix_exs;
      suggest_for("The alias " + quoted(alias.name), decide(builtin_, {"mix", alias.name}, facts));
    }
  }

  void pin_answers() {
    for (const Habit& habit : kPinned) {
      if (!uses(habit.dependency)) continue;
      const Words run = words_of(habit.command);
      const Expectation question{run, {{"MIX_ENV", std::string(habit.env)}}, {}, "", 0};
      const Decision decision = try_expectation(builtin_, question);
      // What is suggested above is not pinned: uncommenting it would contradict the file.
      if (suggested_.contains(decision.parts.front().would_allow)) continue;
      out_.text += "\n[[expect]]\nrun = [";
      for (const std::string& word : run)
        out_.text += (word == run.front() ? "" : ", ") + ("\"" + word + "\"");
      out_.text += "]\nenv = { MIX_ENV = \"" + std::string(habit.env) + "\" }\nis  = \"";
      out_.text += std::string(to_string(decision.verdict)) + "\"\n";
    }
  }

  const ProjectSketch& project_;
  const Policy& builtin_;
  std::set<std::string> suggested_;
  Starter out_;
};

bool is_name_char(char c) { return is_lower(c) || is_digit(c) || c == '_'; }

}  // namespace

std::string read_app_name(std::string_view mix_exs) {
  constexpr std::string_view kKey = "app: :";
  const std::size_t at = mix_exs.find(kKey);
  if (at == std::string_view::npos) return "";
  const std::string_view rest = mix_exs.substr(at + kKey.size());
  const auto end = std::find_if_not(rest.begin(), rest.end(), is_name_char);
  return {rest.begin(), end};
}

std::vector<std::string> read_dependencies(std::string_view mix_exs, std::string_view mix_lock) {
  std::vector<std::string> found;
  for (const std::string name : kDependencies) {
    const bool is_named = mix_exs.find("{:" + name + ",") != std::string_view::npos ||
                          mix_lock.find("\"" + name + "\":") != std::string_view::npos;
    if (is_named) found.push_back(name);
  }
  return found;
}

tl::expected<Starter, std::vector<PolicyError>> starting_policy(const ProjectSketch& project) {
  const auto builtin = Policy::build({});
  if (!builtin) return tl::unexpected(builtin.error());
  Starter starter = Writer(project, *builtin).write();
  auto parsed = parse_ruleset(starter.text, ".mixguard.toml", Layer::kProject);
  if (!parsed) return tl::unexpected(std::move(parsed.error()));
  const auto built = Policy::build({std::move(*parsed)});
  if (!built) return tl::unexpected(built.error());
  return starter;
}

}  // namespace mixguard::policy
