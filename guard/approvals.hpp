// SPDX-License-Identifier: Apache-2.0
#pragma once

// Questions that nobody was there to answer, and the answers: one small file each, `approvals/ID`
// under the user's state directory, where no guarded command can read or write. An answer counts
// for one run of exactly what was asked, for a time. Times are seconds since the epoch.

#include <chrono>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "guard/lineage.hpp"
#include "policy/result.hpp"

namespace mixguard::guard {

inline constexpr std::chrono::hours kQuestionLasts{24};
inline constexpr std::chrono::minutes kAnswerLasts{15};  // unless the approver says otherwise

struct Grant {
  std::int64_t at = 0;
  std::int64_t until = 0;
  std::uint32_t uid = 0;
};

struct Approval {
  std::string id;  // of the binding: the same question has the same one
  std::string digest;
  std::string question;  // the refusal as it was shown
  // Of the binding, for people: what would run, where, under which policy.
  std::vector<std::string> argv;
  std::string mix_env;
  std::string cwd;
  std::string project;
  std::vector<std::string> environment;  // "NAME=value", secrets as "(secret)"
  std::string mode;
  bool is_dry_run = false;
  std::size_t files = 0;
  std::int64_t asked = 0;
  std::int64_t expires = 0;  // of the question, or of the grant once there is one
  std::vector<Process> asker;
  std::uint64_t pid_namespace = 0;  // in which their pids mean something
  std::optional<Grant> grant;
};

// Writes the question down, or renews it; a grant that nobody used is dropped. Of more than 64 the
// oldest are forgotten.
Result<Approval> ask(const nlohmann::json& binding, const std::string& question);

// The grant for exactly this binding, used up by the call: of two at once one gets it, and after a
// power cut it does not come back. Nothing when there is none or it has expired.
Result<std::optional<Grant>> use_grant(const nlohmann::json& binding);

// All that have not expired, newest first. A damaged file is passed over.
Result<std::vector<Approval>> list_approvals();
// The one with that id; nothing when there is none or it has expired.
Result<std::optional<Approval>> find_approval(const std::string& id);

// Grants it to whoever asks the same again within `lasts`. Fails when the question is not there any
// more, or is about something else by now (ids are short; what counts is the digest).
Result<Grant> grant(const Approval& question, std::chrono::seconds lasts);

}  // namespace mixguard::guard
