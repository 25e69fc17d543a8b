// SPDX-License-Identifier: Apache-2.0
#include "policy/decision.hpp"

namespace mixguard::policy {

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::kAllow:
      return "allow";
    case Verdict::kAsk:
      return "ask";
    case Verdict::kDeny:
      return "deny";
  }
  return "deny";
}

std::string_view to_string(Reason reason) {
  switch (reason) {
    case Reason::kNone:
      return "";
    case Reason::kLauncher:
      return "E_LAUNCHER";
    case Reason::kTaskSpelling:
      return "E_TASK_SPELLING";
    case Reason::kDoLimit:
      return "E_DO_LIMIT";
    case Reason::kEnv:
      return "E_ENV";
    case Reason::kEnvDup:
      return "E_ENV_DUP";
    case Reason::kControl:
      return "E_CONTROL";
    case Reason::kUnicode:
      return "E_UNICODE";
    case Reason::kMeta:
      return "E_META";
    case Reason::kFlagUnknown:
      return "E_FLAG_UNKNOWN";
    case Reason::kFlagDup:
      return "E_FLAG_DUP";
    case Reason::kFlagType:
      return "E_FLAG_TYPE";
    case Reason::kArg:
      return "E_ARG";
    case Reason::kPath:
      return "E_PATH";
    case Reason::kLimit:
      return "E_LIMIT";
    case Reason::kNoRule:
      return "E_NO_RULE";
    case Reason::kRule:
      return "E_RULE";
    case Reason::kAlias:
      return "E_ALIAS";
    case Reason::kCode:
      return "E_CODE";
    case Reason::kDatabase:
      return "E_DATABASE";
    case Reason::kUntrusted:
      return "E_UNTRUSTED";
    case Reason::kPolicy:
      return "E_POLICY";
  }
  return "E_POLICY";
}

}  // namespace mixguard::policy
