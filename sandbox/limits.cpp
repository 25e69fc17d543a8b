// SPDX-License-Identifier: Apache-2.0
#include "sandbox/limits.hpp"

#include <sys/resource.h>

#include <algorithm>

namespace mixguard::sandbox {
namespace {

RlimitStep step(int resource, rlim_t value) {
  rlimit present{};
  ::getrlimit(static_cast<__rlimit_resource>(resource), &present);
  if (present.rlim_max != RLIM_INFINITY) value = std::min(value, present.rlim_max);
  return RlimitStep{resource, rlimit{value, value}};
}

}  // namespace

std::vector<RlimitStep> prepare_limits(const policy::Limits& limits, bool own_user_namespace) {
  std::vector<RlimitStep> steps{step(RLIMIT_CORE, 0)};
  // The supervisor adds up the run's time and says so when it ends it; a second later one process
  // alone has used it all, and the kernel needs no supervisor.
  if (limits.cpu_ms != 0) steps.push_back(step(RLIMIT_CPU, (limits.cpu_ms + 999) / 1000 + 1));
  // One more: init is of the same user.
  if (limits.processes != 0 && own_user_namespace)
    steps.push_back(step(RLIMIT_NPROC, limits.processes + 1));
  if (limits.open_files != 0) steps.push_back(step(RLIMIT_NOFILE, limits.open_files));
  if (limits.file_size != 0) steps.push_back(step(RLIMIT_FSIZE, limits.file_size));
  return steps;
}

}  // namespace mixguard::sandbox
