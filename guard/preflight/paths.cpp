// SPDX-License-Identifier: Apache-2.0
#include "guard/preflight/paths.hpp"

#include <fcntl.h>

#include <cerrno>
#include <cstring>

#include "guard/files.hpp"
#include "sandbox/sys/syscall.hpp"
#include "sandbox/sys/unique_fd.hpp"

namespace mixguard::guard {
namespace {

using policy::Decision;
using policy::Part;
using policy::PathArgument;
using sandbox::UniqueFd;

// 0, or the errno with which the kernel refuses the path.
int resolve(const PathArgument& argument) {
  const UniqueFd root(::open(argument.under.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root) return errno == ENOENT ? 0 : errno;
  std::string relative =
      argument.path == argument.under ? "." : argument.path.substr(argument.under.size() + 1);
  for (;;) {
    const UniqueFd found(sandbox::sys::openat2(root.get(), relative.c_str(), O_PATH | O_CLOEXEC, 0,
                                               RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS));
    if (found) return 0;
    if (errno != ENOENT && errno != ENOTDIR) return errno;
    const std::size_t slash = relative.rfind('/');
    if (slash == std::string::npos) return 0;
    relative.resize(slash);
  }
}

bool leaves_root(const PathArgument& argument, std::string& why) {
  if (!is_within(argument.path, argument.under)) {
    why = "it is outside of " + argument.under;
    return true;
  }
  const int error = resolve(argument);
  if (error == 0) return false;
  why = error == EXDEV ? "a symlink leads out of " + argument.under : std::strerror(error);
  return true;
}

void deny(Decision& decision, Part& part, const std::string& message) {
  part.verdict = decision.verdict = policy::Verdict::kDeny;
  part.reason = decision.reason = policy::Reason::kPath;
  part.message = decision.message = message;
  part.findings.push_back({policy::Finding::Kind::kRaised, message, std::nullopt});
}

}  // namespace

void check_paths(Decision& decision) {
  std::size_t checked = 0;
  for (Part& part : decision.parts) {
    for (const PathArgument& argument : part.paths) {
      ++checked;
      std::string why;
      if (part.verdict != policy::Verdict::kDeny && leaves_root(argument, why)) {
        deny(decision, part, "the path " + argument.given + " is refused: " + why);
      }
    }
  }
  if (checked == 0) return;
  const bool refused = decision.reason == policy::Reason::kPath;
  decision.safeguards.push_back(
      {"paths",
       refused ? policy::SafeguardState::State::kFailed : policy::SafeguardState::State::kChecked,
       std::to_string(checked) + (checked == 1 ? " path" : " paths") +
           " resolved beneath the allowed root"});
}

}  // namespace mixguard::guard
