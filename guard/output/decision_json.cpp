// SPDX-License-Identifier: Apache-2.0
#include "guard/output/decision_json.hpp"

#include <nlohmann/json.hpp>

namespace mixguard::guard {
namespace {

using Json = nlohmann::ordered_json;

Json text_or_null(std::string_view text) { return text.empty() ? Json(nullptr) : Json(text); }

Json rule_json(const policy::RuleRef& rule) {
  return {{"id", rule.id}, {"file", rule.file}, {"line", rule.line}, {"layer", rule.layer}};
}

Json part_json(const policy::Part& part) {
  return {{"task", part.task},
          {"decision", to_string(part.verdict)},
          {"reason", text_or_null(to_string(part.reason))},
          {"message", text_or_null(part.message)},
          {"because", text_or_null(part.because)},
          {"instead", text_or_null(part.instead)},
          {"rules", rules_json(part.rules)},
          {"near_miss", part.near_miss ? rule_json(*part.near_miss) : Json(nullptr)},
          {"would_allow", text_or_null(part.would_allow)},
          {"canonical", part.canonical},
          {"via", part.via},
          {"function", text_or_null(part.function)},
          {"env", part.env.empty() ? Json::object() : Json{{"MIX_ENV", part.env}}}};
}

// A secret's value stays out of every output; that it is set is said.
Json environment_json(const std::vector<policy::EnvVariable>& environment) {
  Json object = Json::object();
  for (const policy::EnvVariable& variable : environment) {
    object[variable.name] = variable.secret ? "(secret)" : variable.value;
  }
  return object;
}

Json dropped_json(const std::vector<policy::DroppedVariable>& dropped) {
  Json list = Json::array();
  for (const policy::DroppedVariable& variable : dropped) {
    list.push_back({{"name", variable.name}, {"passes_with", variable.passes_with}});
  }
  return list;
}

Json limits_json(const policy::Limits& limits) {
  Json object = Json::object();
  const auto add = [&](const char* name, std::uint64_t value) {
    if (value != 0) object[name] = value;
  };
  add("wall_ms", limits.wall_ms);
  add("cpu_ms", limits.cpu_ms);
  add("memory", limits.memory);
  add("processes", limits.processes);
  add("open_files", limits.open_files);
  add("file_size", limits.file_size);
  add("output", limits.output);
  return object;
}

Json confinement_json(const policy::Confinement& confinement) {
  return {{"read", confinement.read},
          {"deny", confinement.deny},
          {"write", confinement.write},
          {"net", confinement.net},
          {"publish", confinement.publish},
          {"exec", confinement.exec},
          {"limits", limits_json(confinement.limits)},
          {"mode", confinement.mode == policy::RunMode::kLive ? "live" : "transaction"}};
}

std::string_view state_name(policy::SafeguardState::State state) {
  switch (state) {
    case policy::SafeguardState::State::kChecked:
      return "checked";
    case policy::SafeguardState::State::kSkipped:
      return "skipped";
    case policy::SafeguardState::State::kFailed:
      return "failed";
  }
  return "failed";
}

Json safeguards_json(const std::vector<policy::SafeguardState>& safeguards) {
  Json list = Json::array();
  for (const policy::SafeguardState& safeguard : safeguards) {
    list.push_back(
        {{"name", safeguard.name}, {"state", state_name(safeguard.state)}, {"why", safeguard.why}});
  }
  return list;
}

}  // namespace

Json rules_json(const std::vector<policy::RuleRef>& rules) {
  Json list = Json::array();
  for (const policy::RuleRef& rule : rules) list.push_back(rule_json(rule));
  return list;
}

Json decision_json(const policy::Decision& decision, const DecisionMetrics& metrics) {
  Json parts = Json::array();
  for (const policy::Part& part : decision.parts) parts.push_back(part_json(part));
  return {{"decision_id", decision.id},
          {"decision", to_string(decision.verdict)},
          {"reason", text_or_null(to_string(decision.reason))},
          {"message", text_or_null(decision.message)},
          {"because", text_or_null(decision.because)},
          {"instead", text_or_null(decision.instead)},
          {"rules", rules_json(decision.rules)},
          {"canonical", decision.canonical},
          {"env", environment_json(decision.environment)},
          {"env_left_out", dropped_json(decision.dropped)},
          {"parts", std::move(parts)},
          {"confinement", confinement_json(decision.confinement)},
          {"snapshot",
           {{"what", decision.snapshot.what},
            {"on_failure",
             decision.snapshot.on_failure == policy::OnFailure::kKeep ? "keep" : "rollback"}}},
          {"safeguards", safeguards_json(decision.safeguards)},
          {"policy", {{"revision", decision.policy.revision}, {"layers", decision.policy.layers}}},
          {"metrics", {{"load_us", metrics.load_us}, {"decide_ns", metrics.decide_ns}}}};
}

std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}
std::string dump_pretty(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace);
}

}  // namespace mixguard::guard
