// SPDX-License-Identifier: Apache-2.0
#include "policy/lint.hpp"

#include <algorithm>
#include <array>
#include <tuple>

#include "policy/builtin.hpp"
#include "policy/env_names.hpp"
#include "policy/text.hpp"

namespace mixguard::policy {
namespace {

// Texts that a rule meant to narrow something down would refuse.
constexpr std::array kStrangers = {
    std::string_view("x"), std::string_view("; rm -rf / #"), std::string_view("../../etc/passwd"),
    std::string_view("System.halt(1)"), std::string_view("$(id) `id` \"'<>|&")};

bool matches_everything(const Pattern& pattern) {
  return std::all_of(kStrangers.begin(), kStrangers.end(),
                     [&](std::string_view text) { return pattern.matches(text); });
}

bool allows_metacharacters(const Pattern& pattern) {
  return pattern.matches(kStrangers[1]) || pattern.matches(kStrangers[4]);
}

class Linter {
 public:
  explicit Linter(const Policy& policy) : policy_(policy) {}

  std::vector<LintWarning> run() {
    for (const Ruleset& layer : policy_.layers()) {
      lint_env(layer);
      for (const TaskRule& rule : layer.tasks) lint_task(layer, rule);
      for (const ExecRule& rule : layer.execs) lint_exec(rule);
    }
    std::sort(warnings_.begin(), warnings_.end(), [](const LintWarning& a, const LintWarning& b) {
      return std::tie(a.file, a.line, a.what) < std::tie(b.file, b.line, b.what);
    });
    return std::move(warnings_);
  }

 private:
  void warn(const std::string& file, std::uint32_t line, std::string what) {
    warnings_.push_back({file, line, std::move(what)});
  }

  void lint_env(const Ruleset& layer) {
    for (const EnvRule& rule : layer.env) {
      if (is_rebuilt(rule.name)) {
        warn(layer.file, rule.line,
             rule.name + " is made anew for every command; no rule passes it");
      } else if (rule.match && matches_everything(*rule.match)) {
        warn(layer.file, rule.line,
             rule.name + ": " + quoted(rule.match->text()) + " matches everything");
      }
      if (sounds_secret(rule.name) && !rule.secret) {
        warn(layer.file, rule.line, rule.name + " sounds secret and is not marked secret = true");
      }
    }
  }

  void lint_task(const Ruleset& layer, const TaskRule& rule) {
    for (const std::string& name : rule.names) lint_name(rule, name);
    for (const FlagRule& flag : rule.flags) {
      lint_type(rule, flag.line, "--" + flag.name, flag.type);
    }
    for (const ArgRule& arg : rule.args) lint_type(rule, arg.line, "an argument", arg.type);
    lint_envs(rule);
    lint_entitlement(layer, rule);
    lint_shadow(rule);
    lint_width(layer, rule);
    if (rule.verdict == Verdict::kDeny && rule.has_args) {
      warn(
          rule.file, rule.line,
          "rule " + quoted(rule.id) + " denies whatever the arguments are; \"args\" has no effect");
    }
  }

  void lint_name(const TaskRule& rule, const std::string& name) {
    if (name == "@alias" || name == "iex" || find_builtin(name) != nullptr) return;
    const std::string near = nearest_builtin(name);
    if (near.empty()) return;
    warn(rule.file, rule.line,
         "rule " + quoted(rule.id) + ": the catalogue knows no task " + quoted(name) +
             "; did you mean " + quoted(near) + "?");
  }

  void lint_type(const TaskRule& rule, std::uint32_t line, const std::string& what,
                 const ValueType& type) {
    const std::string where = "rule " + quoted(rule.id) + ", " + what;
    if (rule.verdict != Verdict::kAllow) return;
    if (type.match && type.kind == ValueKind::kString) {
      if (matches_everything(*type.match)) {
        warn(rule.file, line, where + ": " + quoted(type.match->text()) + " matches everything");
      } else if (allows_metacharacters(*type.match)) {
        warn(rule.file, line,
             where + ": " + quoted(type.match->text()) + " lets shell metacharacters through");
      }
    }
    if (type.kind == ValueKind::kCode) {
      warn(rule.file, line, where + ": any code is allowed; consider decision = \"ask\"");
    }
    if (type.kind == ValueKind::kPath && type.under == "/") {
      warn(rule.file, line, where + ": every path of the machine is under \"/\"");
    }
  }

  // An environment that no MIX_ENV can be.
  void lint_envs(const TaskRule& rule) {
    for (const std::string& env : rule.envs) {
      if (is_possible(env)) continue;
      warn(rule.file, rule.line,
           "rule " + quoted(rule.id) + " speaks of " + quoted(env) +
               ", which no MIX_ENV that is let through can be");
    }
  }

  [[nodiscard]] bool is_possible(const std::string& env) const {
    const auto& known = catalog::kEnvironments;
    bool has_rule = false;
    for (const Ruleset& layer : policy_.layers()) {
      for (const EnvRule& rule : layer.env) {
        if (rule.name != "MIX_ENV") continue;
        has_rule = true;
        const bool is_listed =
            rule.choices.empty() ||
            std::find(rule.choices.begin(), rule.choices.end(), env) != rule.choices.end();
        if (!is_listed || (rule.match && !rule.match->matches(env))) return false;
      }
    }
    return has_rule || std::find(known.begin(), known.end(), env) != known.end();
  }

  void lint_entitlement(const Ruleset& layer, const TaskRule& rule) {
    const bool is_limited = layer.layer == Layer::kProject && !layer.named_explicitly &&
                            rule.verdict == Verdict::kAllow && !rule.envs.empty();
    if (!is_limited) return;
    const bool is_reachable = std::any_of(rule.envs.begin(), rule.envs.end(), [](const auto& env) {
      return env == "dev" || env == "test";
    });
    if (is_reachable) return;
    warn(rule.file, rule.line,
         "rule " + quoted(rule.id) + " allows only in " + comma_list(rule.envs) +
             ", where a project's own policy may not; move it to the user's");
  }

  // An allow or ask rule whose every task and environment another rule denies outright.
  void lint_shadow(const TaskRule& rule) {
    if (rule.verdict == Verdict::kDeny) return;
    for (const Ruleset& layer : policy_.layers()) {
      for (const TaskRule& other : layer.tasks) {
        if (other.verdict != Verdict::kDeny || other.has_flags || !covers(other, rule)) continue;
        warn(rule.file, rule.line,
             "rule " + quoted(rule.id) + " can never matter: rule " + quoted(other.id) +
                 " denies all of it");
        return;
      }
    }
  }

  // An allow rule beside which a narrower one of the same file means nothing.
  void lint_width(const Ruleset& layer, const TaskRule& rule) {
    if (rule.verdict != Verdict::kAllow) return;
    for (const TaskRule& other : layer.tasks) {
      const bool is_candidate = &other != &rule && other.verdict == Verdict::kAllow;
      if (!is_candidate || !allows_all_of(rule, other)) continue;
      // Of two that say the same the later one is told.
      if (allows_all_of(other, rule) && rule.line < other.line) continue;
      warn(rule.file, rule.line,
           "rule " + quoted(rule.id) + " allows all that rule " + quoted(other.id) +
               " does, whose bounds then mean nothing; narrow the one or drop the other");
    }
  }

  static bool allows_all_of(const TaskRule& outer, const TaskRule& inner) {
    if (!covers(outer, inner) || outer.has_flags != inner.has_flags ||
        outer.has_args != inner.has_args || outer.args.size() != inner.args.size()) {
      return false;
    }
    for (std::size_t i = 0; i < outer.args.size(); ++i) {
      const ArgRule& a = outer.args[i];
      const ArgRule& b = inner.args[i];
      const bool fits = a.min_count <= b.min_count && a.max_count >= b.max_count;
      if (!fits || !is_as_wide(a.type, b.type)) return false;
    }
    return std::all_of(inner.flags.begin(), inner.flags.end(), [&](const FlagRule& flag) {
      return std::any_of(outer.flags.begin(), outer.flags.end(), [&](const FlagRule& other) {
        return other.name == flag.name && other.repeat >= flag.repeat &&
               is_as_wide(other.type, flag.type);
      });
    });
  }

  static bool is_as_wide(const ValueType& outer, const ValueType& inner) {
    if (outer.kind != inner.kind || outer.under != inner.under) return false;
    const bool in_range = (!outer.min || (inner.min && *inner.min >= *outer.min)) &&
                          (!outer.max || (inner.max && *inner.max <= *outer.max)) &&
                          (!outer.max_len || (inner.max_len && *inner.max_len <= *outer.max_len));
    const bool is_matched =
        !outer.match || (inner.match && inner.match->text() == outer.match->text());
    return in_range && is_matched && is_subset(inner.choices, outer.choices);
  }

  static bool is_subset(const std::vector<std::string>& inner,
                        const std::vector<std::string>& outer) {
    return std::all_of(inner.begin(), inner.end(), [&](const std::string& item) {
      return std::find(outer.begin(), outer.end(), item) != outer.end();
    });
  }

  static bool covers(const TaskRule& outer, const TaskRule& inner) {
    const bool in_every_env =
        outer.envs.empty() || (!inner.envs.empty() && is_subset(inner.envs, outer.envs));
    return in_every_env && is_subset(inner.names, outer.names);
  }

  void lint_exec(const ExecRule& rule) {
    const bool is_open = rule.verdict == Verdict::kAllow && !rule.has_argv;
    if (is_open) {
      warn(rule.file, rule.line,
           "rule " + quoted(rule.id) + " allows any arguments; say which with \"argv\"");
    }
    const bool has_any = std::any_of(rule.argv.begin(), rule.argv.end(), [](const auto& element) {
      return element.kind == ArgvElement::Kind::kAnyRest;
    });
    if (has_any && rule.verdict == Verdict::kAllow) {
      warn(rule.file, rule.line,
           "rule " + quoted(rule.id) + ": \"@any...\" lets anything follow; \"@safe...\" does not");
    }
  }

  const Policy& policy_;
  std::vector<LintWarning> warnings_;
};

}  // namespace

std::vector<LintWarning> lint(const Policy& policy) { return Linter(policy).run(); }

}  // namespace mixguard::policy
