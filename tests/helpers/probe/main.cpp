// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "probe.hpp"

namespace probe {

int verdict(bool worked) {
  if (worked) return kWorked;
  std::printf("refused: %s\n", std::strerror(errno));
  return kRefused;
}

int number(const std::string& text) { return std::atoi(text.c_str()); }

bool append(int fd) { return fd >= 0 && ::write(fd, "pwned\n", 6) == 6; }

namespace {

bool write_text(const char* path, const std::string& text) {
  const int fd = ::open(path, O_WRONLY | O_CLOEXEC);
  const bool written = fd >= 0 && ::write(fd, text.data(), text.size()) == ssize_t(text.size());
  ::close(fd);
  return written;
}

// Waits for one byte when the attack is over, for somebody to look at the process that did it: a
// child of another probe, which it can be compared with.
int hold(const Arguments& a) {
  const pid_t attacker = ::fork();
  int status = 0;
  if (attacker != 0) {
    ::waitpid(attacker, &status, 0);
    return WEXITSTATUS(status);
  }
  const int result = run(a.at(0), Arguments(a.begin() + 1, a.end()));
  std::printf("held\n");
  char byte = 0;
  static_cast<void>(::read(STDIN_FILENO, &byte, 1));
  ::_exit(result);
}

// What an attack could do if a user namespace were to be had: the control arm of those that need
// one.
int in_namespace(const Arguments& a) {
  if (!become_namespace_root()) return verdict(false);
  return run(a.at(0), Arguments(a.begin() + 1, a.end()));
}

constexpr Attack kWrappers[] = {{"hold", hold}, {"in_namespace", in_namespace}};

}  // namespace

bool become_namespace_root() {
  const std::string uid = "0 " + std::to_string(::geteuid()) + " 1";
  const std::string gid = "0 " + std::to_string(::getegid()) + " 1";
  return ::unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 &&
         write_text("/proc/self/setgroups", "deny") && write_text("/proc/self/uid_map", uid) &&
         write_text("/proc/self/gid_map", gid) &&
         ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
}

int run(const std::string& name, const Arguments& arguments) {
  for (const auto attacks :
       {std::span<const Attack>(kWrappers), file_attacks(), network_attacks(), system_attacks(),
        process_attacks(), program_attacks(), behaviours()}) {
    for (const Attack& attack : attacks) {
      if (name == attack.name) return attack.run(arguments);
    }
  }
  std::fprintf(stderr, "probe: no attack named %s\n", name.c_str());
  return 64;
}

}  // namespace probe

int main(int argc, char** argv) {
  if (argc < 2) return 64;
  ::setvbuf(stdout, nullptr, _IONBF, 0);
  return probe::run(argv[1], probe::Arguments(argv + 2, argv + argc));
}
