// SPDX-License-Identifier: Apache-2.0
#include "guard/output/decision_json.hpp"

#include <nlohmann/json.hpp>

namespace mixguard::guard {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kSecret = "(secret)";

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
    object[variable.name] = variable.secret ? kSecret : variable.value;
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

// The other way round. What is missing or of another type throws Json::exception.

std::string text_of(const Json& value) {
  return value.is_null() ? std::string() : value.get<std::string>();
}

using Words = std::vector<std::string>;

Words words_of(const Json& value) { return value.get<Words>(); }

policy::Verdict verdict_of(const Json& value) {
  using policy::Verdict;
  for (const Verdict verdict : {Verdict::kAllow, Verdict::kAsk}) {
    if (value.get<std::string>() == to_string(verdict)) return verdict;
  }
  return Verdict::kDeny;
}

policy::Reason reason_of(const Json& value) {
  using policy::Reason;
  const std::string text = text_of(value);
  const auto last = static_cast<int>(Reason::kPolicy);
  for (int i = 0; i <= last; ++i) {
    if (text == to_string(static_cast<Reason>(i))) return static_cast<Reason>(i);
  }
  return Reason::kNone;
}

policy::RuleRef rule_of(const Json& value) {
  return {text_of(value.at("id")), text_of(value.at("file")), value.at("line").get<std::uint32_t>(),
          text_of(value.at("layer"))};
}

std::vector<policy::RuleRef> rules_of(const Json& list) {
  std::vector<policy::RuleRef> rules;
  for (const Json& rule : list) rules.push_back(rule_of(rule));
  return rules;
}

// What a decision and each of its parts have in common.
template <typename Judged>
void read_judgement(const Json& json, Judged& judged) {
  judged.verdict = verdict_of(json.at("decision"));
  judged.reason = reason_of(json.at("reason"));
  judged.message = text_of(json.at("message"));
  judged.because = text_of(json.at("because"));
  judged.instead = text_of(json.at("instead"));
  judged.rules = rules_of(json.at("rules"));
  judged.canonical = words_of(json.at("canonical"));
}

policy::Part part_of(const Json& json) {
  policy::Part part;
  read_judgement(json, part);
  part.task = text_of(json.at("task"));
  if (!json.at("near_miss").is_null()) part.near_miss = rule_of(json.at("near_miss"));
  part.would_allow = text_of(json.at("would_allow"));
  part.via = words_of(json.at("via"));
  part.function = text_of(json.at("function"));
  if (json.at("env").contains("MIX_ENV")) part.env = text_of(json["env"]["MIX_ENV"]);
  return part;
}

policy::Confinement confinement_of(const Json& json) {
  policy::Confinement confinement;
  confinement.read = words_of(json.at("read"));
  confinement.deny = words_of(json.at("deny"));
  confinement.write = words_of(json.at("write"));
  confinement.net = words_of(json.at("net"));
  confinement.publish = words_of(json.at("publish"));
  confinement.exec = words_of(json.at("exec"));
  const Json& limits = json.at("limits");
  confinement.limits.wall_ms = limits.value("wall_ms", std::uint64_t{0});
  confinement.limits.cpu_ms = limits.value("cpu_ms", std::uint64_t{0});
  confinement.limits.memory = limits.value("memory", std::uint64_t{0});
  confinement.limits.processes = limits.value("processes", confinement.limits.processes);
  confinement.limits.open_files = limits.value("open_files", confinement.limits.open_files);
  confinement.limits.file_size = limits.value("file_size", std::uint64_t{0});
  confinement.limits.output = limits.value("output", std::uint64_t{0});
  if (json.at("mode") == "live") confinement.mode = policy::RunMode::kLive;
  return confinement;
}

policy::SafeguardState safeguard_of(const Json& json) {
  using State = policy::SafeguardState::State;
  policy::SafeguardState safeguard{text_of(json.at("name")), State::kFailed,
                                   text_of(json.at("why"))};
  for (const State state : {State::kChecked, State::kSkipped}) {
    if (json.at("state") == state_name(state)) safeguard.state = state;
  }
  return safeguard;
}

policy::Decision read_decision(const Json& json) {
  policy::Decision decision;
  decision.id = text_of(json.at("decision_id"));
  read_judgement(json, decision);
  for (const auto& [name, value] : json.at("env").items())
    decision.environment.push_back({name, text_of(value), value == kSecret});
  for (const Json& part : json.at("parts")) decision.parts.push_back(part_of(part));
  decision.confinement = confinement_of(json.at("confinement"));
  decision.snapshot.what = words_of(json.at("snapshot").at("what"));
  if (json["snapshot"].at("on_failure") == "keep")
    decision.snapshot.on_failure = policy::OnFailure::kKeep;
  for (const Json& one : json.at("safeguards")) decision.safeguards.push_back(safeguard_of(one));
  decision.policy.revision = text_of(json.at("policy").at("revision"));
  decision.policy.layers = words_of(json["policy"].at("layers"));
  return decision;
}

}  // namespace

Json text_or_null(std::string_view text) { return text.empty() ? Json(nullptr) : Json(text); }

std::optional<policy::Decision> decision_from_json(const Json& json) {
  try {
    return read_decision(json);
  } catch (const Json::exception&) {
    return std::nullopt;
  }
}

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
