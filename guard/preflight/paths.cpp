// SPDX-License-Identifier: Apache-2.0
#include "guard/preflight/paths.hpp"

#include <fcntl.h>
#include <sys/stat.h>

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

// What openat2(2) would say where a filter hides it (another mixguard's, old container profiles).
// Either way the answer is of now; that it stays true is for the sandbox.
int resolve_by_name(const PathArgument& argument) {
  const std::string root = real_path(argument.under);
  for (std::string path = argument.path; path != argument.under; path = parent_path(path)) {
    if (const std::string real = real_path(path); !real.empty())
      return is_within(real, root) ? 0 : EXDEV;
    if (errno != ENOENT && errno != ENOTDIR) return errno;
    struct stat info{};
    // A symlink to what does not exist: where it would lead is not told.
    if (::lstat(path.c_str(), &info) == 0) return EXDEV;
  }
  return 0;
}

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
    if (errno == ENOSYS) return resolve_by_name(argument);
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
