// SPDX-License-Identifier: Apache-2.0
#pragma once

// A question put to the policy: the command, where, by whom, and the answer with all that belongs
// to it. `check`, `explain` and `run` all start here, so that they cannot come to different
// answers.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "guard/config.hpp"
#include "guard/output/decision_json.hpp"
#include "guard/project.hpp"
#include "guard/toolchain.hpp"
#include "policy/decision.hpp"
#include "policy/engine.hpp"
#include "policy/facts.hpp"

namespace mixguard::guard {

struct RequestOptions {
  std::vector<std::string> argv;
  std::string policy_file;  // --policy
  std::string project;      // --project
  bool live = false;        // --mode live
  policy::Detail detail = policy::Detail::kRefusals;
};

struct Judgement {
  // What became of an `ask`: the id of the question (empty when it was answered at this terminal),
  // and who allowed it, if anybody did.
  struct Approval {
    std::string id;
    std::optional<std::uint32_t> uid;
  };

  policy::Decision decision;
  std::optional<policy::Policy> rules;  // that decided; there in every judgement
  std::optional<Approval> approval;
  DecisionMetrics metrics;
  Project project;
  Toolchain toolchain;
  std::vector<policy::MixExs> mix_exs;  // those that the command would load first
  // What changed in the project's policy since it was trusted, when that made the difference.
  std::string policy_changes;
  std::vector<std::string> notes;  // for -v: the policy left out because it is not trusted, …
};

// Why no judgement came about, with the exit code for it.
struct RequestTrouble {
  int exit_code = 0;
  std::vector<std::string> lines;
};

// Reads the policy, gathers the facts and decides. Runs nothing, not even Mix.
tl::expected<Judgement, RequestTrouble> judge(const RequestOptions& options);

// Which paths of the policy's [[exec]] rules for commands are the file at `program`.
[[nodiscard]] std::vector<std::string> same_files(const std::string& program,
                                                  const std::string& project_root,
                                                  const policy::Policy& rules);

}  // namespace mixguard::guard
