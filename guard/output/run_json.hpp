// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a run leaves in words: the records of the log, and the document of `run --json`.

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "guard/remembrance.hpp"
#include "guard/request.hpp"
#include "sandbox/sandbox.hpp"

namespace mixguard::guard {

// "decided": the answer to a command that was not run.
[[nodiscard]] nlohmann::ordered_json decided_record(const Judgement& judgement,
                                                    const std::string& ticket);

// "begun": the answer, and what the command is about to run under.
[[nodiscard]] nlohmann::ordered_json begun_record(const Judgement& judgement,
                                                  const std::vector<sandbox::LayerReport>& layers,
                                                  const std::string& run_id,
                                                  const std::string& ticket);

// "ended": how it ended and what became of its changes.
[[nodiscard]] nlohmann::ordered_json ended_record(const std::string& run_id,
                                                  const std::optional<sandbox::Outcome>& outcome,
                                                  const RunResult& result, int exit_code);

// {"decision":…,"outcome":…,"changes":…,"layers":…}; `outcome` is also the line of --status-fd.
[[nodiscard]] nlohmann::ordered_json run_json(const Judgement& judgement,
                                              const std::vector<sandbox::LayerReport>& layers,
                                              const std::optional<sandbox::Outcome>& outcome,
                                              const RunResult& result, const std::string& run_id,
                                              int exit_code);

[[nodiscard]] nlohmann::ordered_json changes_json(const ChangeSet& set);
[[nodiscard]] nlohmann::ordered_json layers_json(const std::vector<sandbox::LayerReport>& layers);

}  // namespace mixguard::guard
