// SPDX-License-Identifier: Apache-2.0
#include "mode.hpp"

#include <errno.h>
#include <fcntl.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <sstream>

#include "box.hpp"
#include "sandbox/sys/syscall.hpp"
#include "verdict.hpp"

namespace mixguard::test {
namespace {

Mode find_mode() {
  const sandbox::KernelSupport kernel = known_kernel();
  Mode mode;
  mode.landlock_abi = kernel.landlock_abi;
  if (!kernel.user_namespaces) mode.strength = Strength::kReduced;
  if (!kernel.user_namespaces && kernel.landlock_abi == 0) {
    mode.strength = Strength::kRefuses;
    mode.refusal = "the sandbox layer landlock is required and not available";
  }
  return mode;
}

}  // namespace

const Mode& mode() {
  static const Mode mode = find_mode();
  return mode;
}

sandbox::KernelSupport known_kernel() {
  sandbox::KernelSupport kernel = sandbox::probe_kernel();
  for (int abi = 1; abi < kernel.landlock_abi; ++abi) {
    if (hidden("landlock-above-" + std::to_string(abi))) kernel.landlock_abi = abi;
  }
  return kernel;
}

bool hidden(std::string_view feature) {
  const char* list = std::getenv("MIXGUARD_HIDDEN");
  std::istringstream words(list == nullptr ? "" : list);
  for (std::string word; words >> word;) {
    if (word == feature) return true;
  }
  return false;
}

bool can_confine(Box& box) {
  if (mode().strength != Strength::kRefuses) return true;
  const Probe probe = box.run({"write", box.project("lib/ran")});
  CHECK_THAT(probe.error, Catch::Contains(mode().refusal));
  CHECK_FALSE(Box::exists(box.landed("ran")));
  return false;
}

bool has_view(Box& box) {
  if (!can_confine(box)) return false;
  if (mode().strength == Strength::kFull) return true;
  not_tried_here();
  return false;
}

TEST_CASE("what is hidden is missing, and nothing else", "[mode]") {
  const sandbox::KernelSupport kernel = sandbox::probe_kernel();
  CHECK_FALSE((hidden("landlock") && kernel.landlock_abi > 0));
  const bool no_namespaces = hidden("userns") || hidden("docker") || hidden("openat2");
  CHECK_FALSE((no_namespaces && kernel.user_namespaces));
  CHECK(kernel.exec_events != (hidden("listener") || hidden("ptrace") || hidden("openat2")));
  if (hidden("openat2"))
    CHECK((sandbox::sys::openat2(AT_FDCWD, "/", O_PATH, 0, 0) < 0 && errno == ENOSYS));
  const char* must = std::getenv("MIXGUARD_MUST_SANDBOX");
  const bool strict = must != nullptr && std::string_view(must) == "1";
  if (!no_namespaces && !kernel.user_namespaces) {
    if (strict) FAIL("MIXGUARD_MUST_SANDBOX=1 and no user namespaces");
    WARN("skipped, the full sandbox: " << kernel.user_namespaces_why);
  }
  if (!hidden("landlock") && kernel.landlock_abi == 0) {
    if (strict) FAIL("MIXGUARD_MUST_SANDBOX=1 and no Landlock");
    WARN("skipped, Landlock: " << kernel.landlock_why);
  }
}

}  // namespace mixguard::test
