// SPDX-License-Identifier: Apache-2.0
#include "guard/cli/judged.hpp"

#include <unistd.h>

#include "guard/exit_code.hpp"
#include "guard/files.hpp"

namespace mixguard::guard::cli {

int with_judgement(const CommonOptions& common, const std::vector<std::string>& command,
                   const Console& console, const std::function<void(const Judgement&)>& print) {
  const auto judged = judge({command, common.policy, common.project, false});
  if (!judged) {
    for (const std::string& line : judged.error().lines) console.error(line);
    return judged.error().exit_code;
  }
  for (const std::string& note : judged->notes) console.note(note);
  print(*judged);
  switch (judged->decision.verdict) {
    case policy::Verdict::kAllow:
      return kExitOk;
    case policy::Verdict::kAsk:
      return judged->decision.reason == policy::Reason::kUntrusted ? kExitUntrusted
                                                                   : kExitApprovalNeeded;
    case policy::Verdict::kDeny:
      return judged->decision.reason == policy::Reason::kUntrusted ? kExitUntrusted : kExitDenied;
  }
  return kExitInternal;
}

policy::ExplainStyle terminal_style() {
  policy::ExplainStyle style;
  style.colour = ::isatty(STDOUT_FILENO) != 0 && !environment_variable("NO_COLOR");
  return style;
}

}  // namespace mixguard::guard::cli
