// SPDX-License-Identifier: Apache-2.0
// Runs a program as if the kernel were older or a container's filter stricter:
//   hide landlock clone3 openat2 userns -- PROGRAM ARG…
//   hide step:pivot_root -- PROGRAM ARG…
//   hide --steps                  names those that can be made to fail
// MIXGUARD_HIDDEN tells the program what was hidden. A filter cannot make Landlock an older one:
// `landlock-above-2` is just told, and sandbox_tests takes it as what the kernel said.
#include <errno.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "faults.hpp"

int main(int argc, char** argv) {
  if (argc == 2 && std::strcmp(argv[1], "--steps") == 0) {
    for (const auto& fault : mixguard::test::step_faults()) std::puts(fault.name);
    return 0;
  }
  std::vector<std::string> names;
  std::string hidden;
  int at = 1;
  for (; at < argc && std::strcmp(argv[at], "--") != 0; ++at) {
    const std::string name = argv[at];
    hidden += (hidden.empty() ? "" : " ") + name;
    if (!name.starts_with("landlock-above-")) names.push_back(name);
  }
  if (at + 1 >= argc) {
    std::fprintf(stderr, "usage: hide NAME… -- PROGRAM ARG…\n");
    return 64;
  }
  ::setenv("MIXGUARD_HIDDEN", hidden.c_str(), 1);
  if (const std::string trouble = mixguard::test::make_fail(names); !trouble.empty()) {
    std::fprintf(stderr, "hide: %s\n", trouble.c_str());
    return 125;
  }
  ::execvp(argv[at + 1], argv + at + 1);
  std::fprintf(stderr, "hide: %s: %s\n", argv[at + 1], std::strerror(errno));
  return 127;
}
