// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "policy/aspects.hpp"
#include "policy/builtin.hpp"
#include "policy/engine.hpp"
#include "policy/explain.hpp"
#include "policy/layout.hpp"
#include "policy/quantity.hpp"
#include "policy/text.hpp"
#include "policy/values.hpp"

namespace mixguard::policy {
namespace {

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

std::string shown(const HttpEndpoint& endpoint) {
  std::string text = endpoint.url;
  if (endpoint.status != 0) text += ", status " + std::to_string(endpoint.status);
  if (!endpoint.content_type.empty()) text += ", " + endpoint.content_type;
  return text;
}

std::vector<std::string> retention_list(const RetentionPlan& plan) {
  std::vector<std::string> list;
  if (plan.count) list.push_back("the newest " + std::to_string(*plan.count));
  if (plan.age_ms) list.push_back("of the last " + duration_text(*plan.age_ms));
  if (plan.bytes) list.push_back(size_text(*plan.bytes));
  return list;
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
    line("limits", comma_list(limit_list(layer.limits)));
    for (const Safeguard& safeguard : layer.safeguards) {
      line("safeguard",
           safeguard.name + " " + std::string(policy::to_string(safeguard.requirement)));
    }
    line("retention", comma_list(retention_list(layer.retention)));
    for (const HttpEndpoint& endpoint : layer.endpoints) {
      line("endpoint",
           shown(endpoint) + " " + layout_.dim("(" + place(layer.file, endpoint.line) + ")"));
    }
    for (const TaskRule& rule : layer.tasks) write_task(rule);
    for (const ExecRule& rule : layer.execs) write_exec(rule);
    if (!layer.expectations.empty()) {
      line("expect", std::to_string(layer.expectations.size()) + " expectations, all met");
    }
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
