// SPDX-License-Identifier: Apache-2.0
//
// Writes the filter of system calls to standard output, as `bwrap --seccomp FD` reads one: the peer
// is measured with the layers that it can have.
#include "sandbox/seccomp_filter.hpp"

#include <iostream>

int main() {
  const auto filter = mixguard::sandbox::seccomp_filter({});
  std::cout.write(reinterpret_cast<const char*>(filter.data()),
                  static_cast<std::streamsize>(filter.size_bytes()));
  return std::cout.flush() ? 0 : 1;
}
