// SPDX-License-Identifier: Apache-2.0
// What takes much of the machine, or of the terminal. Every bomb is bounded.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>

#include "probe.hpp"

namespace probe {
namespace {

// A fork bomb with an end: every process makes others until `a[0]` have been tried.
int fork_bomb(const Arguments& a) {
  auto* const left = static_cast<std::atomic<int>*>(::mmap(nullptr, sizeof(std::atomic<int>),
                                                           PROT_READ | PROT_WRITE,
                                                           MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  left->store(number(a.at(0)));
  while (left->fetch_sub(1) > 0) {
    if (::fork() < 0) ::usleep(100);
  }
  ::sleep(3);
  return 0;
}
bool fill(std::size_t size, int flags) {
  constexpr std::size_t kStep = 4096;
  void* const memory =
      ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | MAP_NORESERVE | flags, -1, 0);
  if (memory == MAP_FAILED) return false;
  for (std::size_t at = 0; at < size; at += kStep) static_cast<volatile char*>(memory)[at] = 1;
  return true;
}
std::size_t mebibytes(const std::string& text) {
  return static_cast<std::size_t>(number(text)) << 20;
}
int touch_memory(const Arguments& a) { return verdict(fill(mebibytes(a.at(0)), MAP_PRIVATE)); }
int touch_shared_memory(const Arguments& a) {
  return verdict(fill(mebibytes(a.at(0)), MAP_SHARED));
}
// a[0] processes of a[1] MiB each; none alone is large.
int touch_in_processes(const Arguments& a) {
  const int count = number(a.at(0));
  for (int i = 0; i < count; ++i) {
    if (::fork() != 0) continue;
    fill(mebibytes(a.at(1)), MAP_PRIVATE);
    ::sleep(2);
    ::_exit(0);
  }
  while (::wait(nullptr) > 0) {
  }
  return kWorked;
}
// a[1] MiB, then a[0] children that share the pages and change nothing.
int share_with_children(const Arguments& a) {
  fill(mebibytes(a.at(1)), MAP_PRIVATE);
  for (int i = 0; i < number(a.at(0)); ++i) {
    if (::fork() != 0) continue;
    ::sleep(1);
    ::_exit(0);
  }
  while (::wait(nullptr) > 0) {
  }
  return kWorked;
}
int fill_file(const Arguments& a) {
  const int fd = ::open(a.at(0).c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  static char block[1 << 20];
  for (int i = 0; i < number(a.at(1)); ++i) {
    if (::write(fd, block, sizeof(block)) != static_cast<ssize_t>(sizeof(block)))
      return verdict(false);
  }
  return kWorked;
}
// a[0] processes that compute until they are stopped.
int burn_in_processes(const Arguments& a) {
  for (int i = 1; i < number(a.at(0)); ++i) {
    if (::fork() == 0) break;
  }
  for (std::atomic<unsigned> turn = 0;;) ++turn;
}
// a[0] KiB of numbered lines on standard output, or on standard error when there is a[1].
int talk(const Arguments& a) {
  const int fd = a.size() > 1 ? STDERR_FILENO : STDOUT_FILENO;
  std::string text;
  for (std::size_t line = 0; text.size() < static_cast<std::size_t>(number(a.at(0))) * 1024; ++line)
    text += std::to_string(line) + "\n";
  for (std::size_t at = 0; at < text.size();) {
    const ssize_t n = ::write(fd, text.data() + at, text.size() - at);
    if (n < 0) return verdict(false);
    at += static_cast<std::size_t>(n);
  }
  return 0;
}
int own_cgroup(const Arguments&) {
  char text[4096] = {};
  const int fd = ::open("/proc/self/cgroup", O_RDONLY);
  std::printf("%.*s", static_cast<int>(::read(fd, text, sizeof(text))), text);
  return 0;
}
int spoil_terminal(const Arguments&) {
  termios settings{};
  if (::tcgetattr(0, &settings) != 0) return verdict(false);
  settings.c_lflag = 0;
  settings.c_oflag = 0;
  return verdict(::tcsetattr(0, TCSANOW, &settings) == 0);
}

constexpr Attack kAttacks[] = {
    {"fork_bomb", fork_bomb},
    {"touch_memory", touch_memory},
    {"touch_shared_memory", touch_shared_memory},
    {"touch_in_processes", touch_in_processes},
    {"share_with_children", share_with_children},
    {"fill_file", fill_file},
    {"burn_in_processes", burn_in_processes},
    {"talk", talk},
    {"own_cgroup", own_cgroup},
    {"spoil_terminal", spoil_terminal},
};

}  // namespace

std::span<const Attack> resource_attacks() { return kAttacks; }

}  // namespace probe
