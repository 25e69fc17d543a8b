// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <exception>
#include <initializer_list>

#include "guard/cli/app.hpp"
#include "guard/exit_code.hpp"

namespace {

// A descriptor 0 to 2 that the caller closed would be given to the next file that is opened (the
// record, the store), and from there to the guarded command. /dev/null takes its place, opened the
// wrong way round: using it fails as using a closed descriptor does.
bool occupy_standard_descriptors() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(fd, F_GETFD) >= 0) continue;
    if (::open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd) return false;
  }
  return true;
}

}  // namespace

// Nothing below throws on purpose; what a library throws all the same (memory, a bug) must end as
// an internal error with nothing run, not as an abort with a core dump.
int main(int argc, char** argv) {
  std::signal(SIGXFSZ,
              SIG_IGN);  // a file-size limit is an error of the write that meets it, not a death
  if (!occupy_standard_descriptors()) return mixguard::guard::kExitInternal;
  try {
    return mixguard::guard::cli::run_app(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "mixguard: internal error: %s\n", error.what());
  } catch (...) {
    std::fputs("mixguard: internal error\n", stderr);
  }
  return mixguard::guard::kExitInternal;
}
