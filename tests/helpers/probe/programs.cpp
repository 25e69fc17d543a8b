// SPDX-License-Identifier: Apache-2.0
// Attacks on the rules for programs: each tries to have a program run that the rules forbid. `tool
// WORD FILE` is that program: it appends WORD to FILE, so that what ran can be counted from
// outside.
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "probe.hpp"

namespace probe {
namespace {

std::vector<char*> pointers(const Arguments& words) {
  std::vector<char*> result;
  for (const std::string& word : words) result.push_back(const_cast<char*>(word.c_str()));
  result.push_back(nullptr);
  return result;
}

Arguments rest(const Arguments& words, std::size_t from) {
  return {words.begin() + static_cast<std::ptrdiff_t>(from), words.end()};
}

int tool(const Arguments& a) {
  const int fd = ::open(a.at(1).c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  const std::string line = a.at(0) + "\n";
  return fd >= 0 && ::write(fd, line.data(), line.size()) > 0 ? 0 : 1;
}

int execute(const Arguments& a) {
  ::execv(a.at(0).c_str(), pointers(a).data());
  return verdict(false);
}
// The first word is the name under which PATH is executed.
int execute_as(const Arguments& a) {
  Arguments words = rest(a, 1);
  words[0] = a.at(0);
  ::execv(a.at(1).c_str(), pointers(words).data());
  return verdict(false);
}

int open_copy(const std::string& path, int copy) {
  const int source = ::open(path.c_str(), O_RDONLY);
  struct stat info{};
  if (source < 0 || copy < 0 || ::fstat(source, &info) != 0) return -1;
  if (::sendfile(copy, source, nullptr, static_cast<std::size_t>(info.st_size)) != info.st_size)
    return -1;
  return copy;
}
int execute_descriptor(int fd, const Arguments& words) {
  ::syscall(SYS_execveat, fd, "", pointers(words).data(), environ, AT_EMPTY_PATH);
  return verdict(false);
}
int execute_memory(const Arguments& a) {
  return execute_descriptor(open_copy(a.at(0), ::memfd_create("x", 0)), a);
}
int execute_memory_by_name(const Arguments& a) {
  const int fd = open_copy(a.at(0), ::memfd_create("x", 0));
  const std::string name = "/proc/self/fd/" + std::to_string(fd);
  ::execv(name.c_str(), pointers(a).data());
  return verdict(false);
}
// A file that never had a name.
int execute_unnamed(const Arguments& a) {
  const int writable = open_copy(a.at(0), ::open("lib", O_TMPFILE | O_RDWR, 0755));
  const std::string name = "/proc/self/fd/" + std::to_string(writable);
  const int fd = ::open(name.c_str(), O_RDONLY);
  ::close(writable);
  return execute_descriptor(fd, a);
}
int execute_opened(const Arguments& a) {
  return execute_descriptor(::open(a.at(0).c_str(), O_RDONLY), a);
}
int execute_copy(const Arguments& a) {
  const std::string copy = "lib/copied";
  const int fd = open_copy(a.at(0), ::open(copy.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0755));
  ::close(fd);
  ::execv(copy.c_str(), pointers(a).data());
  return verdict(false);
}

// ---- races

struct Race {
  std::atomic<bool> over{false};
  char word[8] = "safe";
  char path[2][256] = {};
  char active_path[256] = {};
};

// The compiler must not see that the one is overwritten by the other.
void rewrite(char* place, const char* text, std::size_t size) {
  std::memcpy(place, text, size);
  asm volatile("" : : "r"(place) : "memory");
}
void flip_word(Race& race) {
  while (!race.over.load(std::memory_order_relaxed)) {
    rewrite(race.word, "evil", 5);
    rewrite(race.word, "safe", 5);
  }
}
void flip_path(Race& race) {
  while (!race.over.load(std::memory_order_relaxed)) {
    rewrite(race.active_path, race.path[1], sizeof(race.path[1]));
    rewrite(race.active_path, race.path[0], sizeof(race.path[0]));
  }
}

// Shares everything with its parent until it executes: what it hands to the kernel is still being
// rewritten.
pid_t spawn_sharing(const char* path, char* const* argv) {
  const pid_t pid = ::vfork();
  if (pid == 0) {
    ::execv(path, argv);
    ::_exit(99);
  }
  return pid;
}

// race_word COUNT TOOL FILE: the word is rewritten by a thread, and by a process that shares the
// memory it is in.
int race_word(const Arguments& a) {
  auto* race = static_cast<Race*>(
      ::mmap(nullptr, sizeof(Race), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  new (race) Race;
  const pid_t peer = ::fork();
  if (peer == 0) {
    flip_word(*race);
    ::_exit(0);
  }
  std::thread thread([&] { flip_word(*race); });
  char* const argv[] = {const_cast<char*>(a.at(1).c_str()), const_cast<char*>("tool"), race->word,
                        const_cast<char*>(a.at(2).c_str()), nullptr};
  int ran = 0;
  for (int i = 0; i < number(a.at(0)); ++i) {
    const pid_t pid = spawn_sharing(a.at(1).c_str(), argv);
    int status = 0;
    ::waitpid(pid, &status, 0);
    ran += WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }
  race->over = true;
  thread.join();
  ::waitpid(peer, nullptr, 0);
  std::printf("%d\n", ran);
  return 0;
}
// race_path COUNT TOOL OTHER FILE: the path is rewritten between two programs.
int race_path(const Arguments& a) {
  auto* race = static_cast<Race*>(
      ::mmap(nullptr, sizeof(Race), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  new (race) Race;
  for (std::size_t i : {0U, 1U}) std::strncpy(race->path[i], a.at(1 + i).c_str(), 255);
  std::strncpy(race->active_path, a.at(1).c_str(), 255);
  const pid_t peer = ::fork();
  if (peer == 0) {
    flip_path(*race);
    ::_exit(0);
  }
  char* const argv[] = {const_cast<char*>("tool"), const_cast<char*>("tool"),
                        const_cast<char*>("safe"), const_cast<char*>(a.at(3).c_str()), nullptr};
  for (int i = 0; i < number(a.at(0)); ++i)
    ::waitpid(spawn_sharing(race->active_path, argv), nullptr, 0);
  race->over = true;
  ::waitpid(peer, nullptr, 0);
  return 0;
}

// spawn_from_threads THREADS COUNT TOOL FILE: all of them spawn at once; prints how many ended
// well.
int spawn_from_threads(const Arguments& a) {
  std::atomic<int> succeeded{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < number(a.at(0)); ++i) {
    threads.emplace_back([&] {
      const Arguments words{a.at(2), "tool", "safe", a.at(3)};
      for (int n = 0; n < number(a.at(1)); ++n) {
        pid_t pid = -1;
        int status = -1;
        if (::posix_spawn(&pid, a.at(2).c_str(), nullptr, nullptr, pointers(words).data(),
                          environ) == 0 &&
            ::waitpid(pid, &status, 0) == pid && status == 0) {
          ++succeeded;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::printf("%d\n", succeeded.load());
  return 0;
}

// execute_from_threads COUNT TOOL FILE: in each of COUNT processes several threads execute at once;
// the first one that gets there ends the others.
int execute_from_threads(const Arguments& a) {
  int succeeded = 0;
  for (int i = 0; i < number(a.at(0)); ++i) {
    const pid_t pid = ::fork();
    if (pid == 0) {
      const Arguments words{a.at(1), "tool", "safe", a.at(2)};
      // By hand: a thread that cannot be made any more is no fault.
      for (int n = 0; n < 4; ++n) {
        pthread_t thread{};
        ::pthread_create(
            &thread, nullptr,
            [](void* what) -> void* {
              const auto& program = *static_cast<const Arguments*>(what);
              ::execv(program.front().c_str(), pointers(program).data());
              return nullptr;
            },
            const_cast<Arguments*>(&words));
      }
      ::sleep(10);
      ::_exit(99);
    }
    int status = 0;
    ::waitpid(pid, &status, 0);
    succeeded += status == 0;
  }
  std::printf("%d\n", succeeded);
  return 0;
}

// execute_undumpable TOOL FILE: a process that may not be looked into.
int execute_undumpable(const Arguments& a) {
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  return execute(a);
}

// execute_after_misses TOOL FILE: as execvp(3) does, through directories that do not have it.
int execute_after_misses(const Arguments& a) {
  for (const char* missing : {"/nowhere/tool", "/usr/nowhere", "lib/tool"}) {
    ::execv(missing, pointers(a).data());
    if (errno != ENOENT) return verdict(false);
  }
  return execute(a);
}

constexpr Attack kAttacks[] = {
    {"tool", tool},
    {"start", execute},
    {"execute_as", execute_as},
    {"execute_memory", execute_memory},
    {"execute_memory_by_name", execute_memory_by_name},
    {"execute_unnamed", execute_unnamed},
    {"execute_opened", execute_opened},
    {"execute_copy", execute_copy},
    {"race_word", race_word},
    {"race_path", race_path},
    {"spawn_from_threads", spawn_from_threads},
    {"execute_from_threads", execute_from_threads},
    {"execute_undumpable", execute_undumpable},
    {"execute_after_misses", execute_after_misses},
};

}  // namespace

std::span<const Attack> program_attacks() { return kAttacks; }

}  // namespace probe
