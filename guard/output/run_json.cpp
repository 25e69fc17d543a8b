// SPDX-License-Identifier: Apache-2.0
#include "guard/output/run_json.hpp"

#include <unistd.h>

#include <nlohmann/json.hpp>

#include "guard/output/console.hpp"

namespace mixguard::guard {
namespace {

using Json = nlohmann::ordered_json;

// A record names the paths of a run up to here; the run's own journal has all of them.
constexpr std::size_t kRecordedPaths = 200;

std::string_view state_name(sandbox::LayerReport::State state) {
  switch (state) {
    case sandbox::LayerReport::State::kActive:
      return "active";
    case sandbox::LayerReport::State::kDegraded:
      return "degraded";
    case sandbox::LayerReport::State::kUnavailable:
      return "unavailable";
    case sandbox::LayerReport::State::kOff:
      return "off";
  }
  return "unavailable";
}

std::string_view disposition_name(Disposition disposition) {
  switch (disposition) {
    case Disposition::kCommit:
      return "commit";
    case Disposition::kDiscard:
      return "discard";
    case Disposition::kQuarantine:
      return "quarantine";
    case Disposition::kConflict:
      return "conflict";
  }
  return "quarantine";
}

std::string_view kind_name(sandbox::Outcome::Kind kind) {
  switch (kind) {
    case sandbox::Outcome::Kind::kExited:
      return "exited";
    case sandbox::Outcome::Kind::kSignaled:
      return "signaled";
    case sandbox::Outcome::Kind::kTimedOut:
      return "timed_out";
    case sandbox::Outcome::Kind::kLimit:
      return "limit";
    case sandbox::Outcome::Kind::kNotStarted:
      return "not_started";
  }
  return "not_started";
}

Json network_json(const sandbox::NetworkReport& report) {
  Json json{{"relayed", Json::array()}, {"refused", Json::array()}};
  for (const sandbox::NetworkReport::Relayed& endpoint : report.relayed) {
    Json entry{{"endpoint", endpoint.endpoint}, {"connections", endpoint.connections}};
    if (endpoint.failed != 0) entry["failed"] = endpoint.failed;
    if (!endpoint.why.empty()) entry["why"] = endpoint.why;
    json["relayed"].push_back(std::move(entry));
  }
  for (const sandbox::NetworkReport::Refused& attempt : report.refused) {
    json["refused"].push_back(
        {{"destination", attempt.destination}, {"count", attempt.count}, {"why", attempt.why}});
  }
  if (report.more_refused != 0) json["more_refused"] = report.more_refused;
  if (report.malformed_requests != 0) json["malformed_requests"] = report.malformed_requests;
  if (report.over_limit != 0) json["over_limit"] = report.over_limit;
  return json;
}

Json exec_json(const sandbox::ExecReport& report) {
  Json refusals = Json::array();
  for (const sandbox::ExecRefusal& refusal : report.refusals) {
    refusals.push_back({{"path", refusal.path},
                        {"argv", refusal.argv},
                        {"why", refusal.why},
                        {"at", refusal.killed ? "exec" : "call"},
                        {"count", refusal.count}});
  }
  return {
      {"started", report.started}, {"refused", report.refused}, {"refusals", std::move(refusals)}};
}

Json outcome_json(const std::string& run_id, const std::optional<sandbox::Outcome>& outcome,
                  int exit_code) {
  Json json{{"exit_code", exit_code}, {"by", outcome ? "command" : "mixguard"}};
  json["run_id"] = text_or_null(run_id);
  if (!outcome) return json;
  json["kind"] = kind_name(outcome->kind);
  if (outcome->kind != sandbox::Outcome::Kind::kExited || outcome->code != exit_code)
    json["by"] = "mixguard";
  if (outcome->kind == sandbox::Outcome::Kind::kExited) json["code"] = outcome->code;
  if (outcome->kind == sandbox::Outcome::Kind::kSignaled) json["signal"] = outcome->signal;
  if (outcome->interrupted_by != 0) json["interrupted_by"] = outcome->interrupted_by;
  if (!outcome->limit.empty()) json["limit"] = outcome->limit;
  if (!outcome->detail.empty()) json["detail"] = outcome->detail;
  json["wall_ms"] = outcome->wall.count();
  json["cpu_ms"] = outcome->cpu.count();
  json["max_rss"] = outcome->max_rss;
  if (!outcome->network.empty()) json["network"] = network_json(outcome->network);
  json["exec"] = exec_json(outcome->exec);
  return json;
}

Json approval_json(const Judgement::Approval& approval) {
  return {{"id", text_or_null(approval.id)},
          {"by", approval.uid ? Json(*approval.uid) : Json(nullptr)}};
}

std::string_view commit_name(const RunResult& result) {
  return result.committed ? "committed" : "discarded";
}

}  // namespace

Json changes_json(const ChangeSet& set) {
  Json list = Json::array();
  for (const Change& change : set.changes) {
    Json json{{"path", change.path},
              {"change", to_string(change.kind)},
              {"to", disposition_name(change.disposition)}};
    if (change.directory) json["directory"] = true;
    if (!change.why.empty()) json["why"] = change.why;
    list.push_back(std::move(json));
  }
  return list;
}

Json layers_json(const std::vector<sandbox::LayerReport>& layers) {
  Json list = Json::array();
  for (const sandbox::LayerReport& layer : layers) {
    list.push_back(
        {{"name", layer.name}, {"state", state_name(layer.state)}, {"detail", layer.detail}});
  }
  return list;
}

Json decided_record(const Judgement& judgement, const std::string& ticket) {
  Json body = decision_json(judgement.decision, judgement.metrics);
  body.erase("env_left_out");  // advice for a person, not part of what happened
  body["program"] = judgement.decision.program;
  body["cwd"] = judgement.project.cwd;
  body["uid"] = ::getuid();
  if (!ticket.empty()) body["ticket"] = ticket;
  if (judgement.approval) body["approval"] = approval_json(*judgement.approval);
  return body;
}

Json begun_record(const Judgement& judgement, const std::vector<sandbox::LayerReport>& layers,
                  const std::string& run_id, const std::string& ticket) {
  Json body{{"run_id", run_id}};
  body.update(decided_record(judgement, ticket));
  body["layers"] = layers_json(layers);
  return body;
}

Json ended_record(const std::string& run_id, const std::optional<sandbox::Outcome>& outcome,
                  const RunResult& result, int exit_code) {
  ChangeSet named;
  const std::size_t count = std::min(result.changes.changes.size(), kRecordedPaths);
  named.changes.assign(result.changes.changes.begin(),
                       result.changes.changes.begin() + static_cast<std::ptrdiff_t>(count));
  Json body = outcome_json(run_id, outcome, exit_code);
  body["changes"] = commit_name(result);
  body["paths"] = changes_json(named);
  body["paths_total"] = result.changes.changes.size();
  if (!result.uncovered.empty()) body["not_remembered"] = result.uncovered;
  if (!result.unseen.empty()) body["not_known"] = result.unseen;
  return body;
}

Json run_json(const Judgement& judgement, const std::vector<sandbox::LayerReport>& layers,
              const std::optional<sandbox::Outcome>& outcome, const RunResult& result,
              const std::string& run_id, int exit_code) {
  Json ending = outcome_json(run_id, outcome, exit_code);
  if (judgement.approval) ending["approval"] = approval_json(*judgement.approval);
  return {{"decision", decision_json(judgement.decision, judgement.metrics)},
          {"outcome", std::move(ending)},
          {"changes",
           {{"state", commit_name(result)},
            {"paths", changes_json(result.changes)},
            {"quarantine", result.quarantine ? Json(*result.quarantine) : Json(nullptr)},
            {"quarantine_outside",
             result.quarantine_outside ? Json(*result.quarantine_outside) : Json(nullptr)}}},
          {"layers", layers_json(layers)}};
}

}  // namespace mixguard::guard
