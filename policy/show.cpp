// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "policy/builtin.hpp"
#include "policy/engine.hpp"
#include "policy/explain.hpp"
#include "policy/layout.hpp"
#include "policy/text.hpp"
#include "policy/values.hpp"

namespace mixguard::policy {
namespace {

std::string_view to_string(Requirement requirement) {
  switch (requirement) {
    case Requirement::kRequire:
      return "require";
    case Requirement::kIfAvailable:
      return "if-available";
    case Requirement::kOff:
      break;
  }
  return "off";
}

std::string shown(const EnvRule& rule) {
  std::string text = rule.name;
  if (!rule.choices.empty()) text += " one of " + comma_list(rule.choices);
  if (rule.match) text += " matching " + rule.match->text();
  if (rule.default_value) text += ", default " + quoted(*rule.default_value);
  if (rule.required_always) text += ", required";
  if (!rule.required_envs.empty()) text += ", required in " + comma_list(rule.required_envs);
  if (rule.secret) text += ", secret";
  return text;
}

std::string shown(const FlagRule& flag) {
  std::string text = "--" + flag.name;
  if (!flag.alias.empty()) text += ", -" + flag.alias;
  if (flag.type.kind != ValueKind::kBool) text += " " + describe(flag.type);
  if (flag.repeat) text += ", repeatable";
  return text;
}

std::string shown(const ArgRule& arg) {
  std::string text = describe(arg.type);
  if (arg.min_count != 1 || arg.max_count != 1) {
    text += ", " + std::to_string(arg.min_count) + " to " + std::to_string(arg.max_count);
  }
  return text;
}

std::string milliseconds(std::uint64_t time) {
  if (time % 60'000 == 0) return std::to_string(time / 60'000) + "m";
  if (time % 1'000 == 0) return std::to_string(time / 1'000) + "s";
  return std::to_string(time) + "ms";
}

std::string bytes(std::uint64_t size) {
  for (const auto& [unit, shift] :
       {std::pair{"GiB", 30U}, std::pair{"MiB", 20U}, std::pair{"KiB", 10U}}) {
    if (size % (1ULL << shift) == 0) return std::to_string(size >> shift) + unit;
  }
  return std::to_string(size) + "B";
}

class Shower {
 public:
  Shower(const Policy& policy, const ExplainStyle& style) : policy_(policy), layout_(style) {}

  std::string write() {
    if (policy_.has_builtin()) {
      layout_.ends(layout_.bold("builtin") + "  speaks where no layer does",
                   std::to_string(builtin_names().size()) + " tasks, " + std::string(kBuiltinFile));
    }
    for (const Ruleset& layer : policy_.layers()) write_layer(layer);
    return layout_.take();
  }

 private:
  void line(std::string_view name, const std::string& text) {
    if (text.empty()) return;
    std::string label = "  " + std::string(name);
    label.resize(std::max<std::size_t>(label.size() + 1, 14), ' ');
    layout_.paragraph(label, "                ", text);
  }

  void write_layer(const Ruleset& layer) {
    std::string title = layout_.bold(policy::to_string(layer.layer));
    if (!layer.name.empty()) title += "  " + layer.name;
    if (layer.named_explicitly) title += "  (named on the command line)";
    layout_.ends(title, layer.file);
    if (layer.default_verdict) {
      line("default", std::string(policy::to_string(*layer.default_verdict)));
    }
    for (const EnvRule& rule : layer.env) {
      line("env", shown(rule) + " " + layout_.dim("(" + place(layer.file, rule.line) + ")"));
    }
    line("read", comma_list(layer.read));
    line("hidden", comma_list(layer.deny));
    line("network", comma_list(layer.net));
    line("published", comma_list(layer.publish));
    write_limits(layer.limits);
    for (const Safeguard& safeguard : layer.safeguards) {
      line("safeguard", safeguard.name + " " + std::string(to_string(safeguard.requirement)));
    }
    for (const TaskRule& rule : layer.tasks) write_task(rule);
    for (const ExecRule& rule : layer.execs) write_exec(rule);
    if (!layer.expectations.empty()) {
      line("expect", std::to_string(layer.expectations.size()) + " expectations, all met");
    }
  }

  void write_limits(const Limits& limits) {
    std::vector<std::string> parts;
    if (limits.wall_ms != 0) parts.push_back("wall " + milliseconds(limits.wall_ms));
    if (limits.cpu_ms != 0) parts.push_back("cpu " + milliseconds(limits.cpu_ms));
    if (limits.memory != 0) parts.push_back("memory " + bytes(limits.memory));
    if (limits.processes != 0) parts.push_back("processes " + std::to_string(limits.processes));
    if (limits.open_files != 0) parts.push_back("open files " + std::to_string(limits.open_files));
    if (limits.file_size != 0) parts.push_back("file size " + bytes(limits.file_size));
    if (limits.output != 0) parts.push_back("output " + bytes(limits.output));
    line("limits", comma_list(parts));
  }

  void write_grant(const Grant& rule, const std::string& what) {
    layout_.ends("  " + layout_.coloured(rule.verdict, policy::to_string(rule.verdict)) + "  " +
                     layout_.bold(rule.id) + "  " + what,
                 place(rule.file, rule.line));
  }

  void write_powers(const Grant& rule) {
    line("  write", comma_list(rule.write));
    line("  network", comma_list(rule.net));
    line("  remember", comma_list(rule.snapshot.what));
    line("  because", rule.because);
    line("  instead", rule.instead);
  }

  void write_task(const TaskRule& rule) {
    std::string what = comma_list(rule.names);
    if (!rule.envs.empty()) what += " in " + comma_list(rule.envs);
    write_grant(rule, what);
    for (const FlagRule& flag : rule.flags) line("  flag", shown(flag));
    for (const ArgRule& arg : rule.args) line("  argument", shown(arg));
    write_powers(rule);
  }

  void write_exec(const ExecRule& rule) {
    std::string what = comma_list(rule.paths);
    if (rule.as_command) what += rule.as_child ? " as child or command" : " as command";
    write_grant(rule, what);
    if (!rule.tasks.empty()) line("  under", comma_list(rule.tasks));
    line("  drops", comma_list(rule.env_drop));
    write_powers(rule);
  }

  const Policy& policy_;
  Layout layout_;
};

}  // namespace

std::string show(const Policy& policy, const ExplainStyle& style) {
  return Shower(policy, style).write();
}

}  // namespace mixguard::policy
