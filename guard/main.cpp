// SPDX-License-Identifier: Apache-2.0
#include <csignal>
#include <cstdio>
#include <exception>

#include "guard/cli/app.hpp"
#include "guard/exit_code.hpp"

// Nothing below throws on purpose; what a library throws all the same (memory, a bug) must end as
// an internal error with nothing run, not as an abort with a core dump.
int main(int argc, char** argv) {
  std::signal(SIGXFSZ,
              SIG_IGN);  // a file-size limit is an error of the write that meets it, not a death
  try {
    return mixguard::guard::cli::run_app(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "mixguard: internal error: %s\n", error.what());
  } catch (...) {
    std::fputs("mixguard: internal error\n", stderr);
  }
  return mixguard::guard::kExitInternal;
}
