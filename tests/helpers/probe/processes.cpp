// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <mqueue.h>
#include <sched.h>
#include <signal.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "probe.hpp"

namespace probe {
namespace {

int kill_process(const Arguments& a) { return verdict(::kill(number(a.at(0)), SIGTERM) == 0); }
int kill_thread(const Arguments& a) {
  return verdict(::syscall(SYS_tgkill, number(a.at(0)), number(a.at(0)), SIGTERM) == 0);
}
int queue_signal(const Arguments& a) {
  return verdict(::sigqueue(number(a.at(0)), SIGTERM, sigval{}) == 0);
}
int kill_by_descriptor(const Arguments& a) {
  const int process = int(::syscall(434, number(a.at(0)), 0));  // pidfd_open
  return verdict(process >= 0 && ::syscall(424, process, SIGTERM, nullptr, 0) == 0);
}
int slow_down(const Arguments& a) {
  return verdict(::setpriority(PRIO_PROCESS, static_cast<id_t>(number(a.at(0))), 19) == 0);
}
int schedule_process(const Arguments& a) {
  const sched_param none{};
  return verdict(::sched_setscheduler(number(a.at(0)), SCHED_IDLE, &none) == 0);
}
int slow_down_disk(const Arguments& a) {
  constexpr int kProcess = 1, kIdle = 3 << 13;  // linux/ioprio.h
  return verdict(::syscall(SYS_ioprio_set, kProcess, number(a.at(0)), kIdle) == 0);
}
int limit_process(const Arguments& a) {
  const rlimit none{0, 0};
  return verdict(::prlimit(number(a.at(0)), RLIMIT_FSIZE, &none, nullptr) == 0);
}

int shared_memory(const Arguments& a) {
  const int id = ::shmget(number(a.at(0)), 0, 0);
  void* memory = id >= 0 ? ::shmat(id, nullptr, 0) : reinterpret_cast<void*>(-1);
  if (memory == reinterpret_cast<void*>(-1)) return verdict(false);
  std::memcpy(memory, "pwned", 6);
  return kWorked;
}
int semaphore(const Arguments& a) {
  const int id = ::semget(number(a.at(0)), 0, 0);
  return verdict(id >= 0 && ::semctl(id, 0, SETVAL, 7) == 0);
}
int message(const Arguments& a) {
  const struct {
    long kind;
    char text;
  } sent{1, 'x'};
  const int id = ::msgget(number(a.at(0)), 0);
  return verdict(id >= 0 && ::msgsnd(id, &sent, 1, IPC_NOWAIT) == 0);
}
int message_queue(const Arguments& a) {
  const mqd_t queue = ::mq_open(a.at(0).c_str(), O_WRONLY | O_NONBLOCK);
  return verdict(queue >= 0 && ::mq_send(queue, "x", 1, 0) == 0);
}

// Leaves a process behind that writes a file after the run should be over.
int leave_behind(const std::string& path, bool stubborn) {
  if (::fork() != 0) return 0;
  ::setsid();
  if (::fork() != 0) ::_exit(0);
  if (stubborn) {
    for (const int signal : {SIGTERM, SIGHUP, SIGINT}) ::signal(signal, SIG_IGN);
  }
  for (int fd = 0; fd < 64; ++fd) ::close(fd);
  ::usleep(800'000);
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT, 0644);
  ::_exit(fd >= 0 ? 0 : 1);
}
int survivor(const Arguments& a) { return leave_behind(a.at(0), false); }
int survive_and_sleep(const Arguments& a) {
  leave_behind(a.at(0), true);
  std::printf("left behind\n");
  ::sleep(20);
  return 0;
}
int stubborn_survivor(const Arguments& a) { return leave_behind(a.at(0), true); }

// Never the same process for long, so that there is hardly anybody to kill.
int hopping_survivor(const Arguments& a) {
  if (::fork() != 0) return 0;
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(400);
  while (std::chrono::steady_clock::now() < until) {
    if (::fork() > 0) ::_exit(0);
  }
  const int fd = ::open(a.at(0).c_str(), O_WRONLY | O_CREAT, 0644);
  ::_exit(fd >= 0 ? 0 : 1);
}
// Kills what would end it.
int killing_survivor(const Arguments& a) {
  leave_behind(a.at(0), true);
  return verdict(::kill(::getppid(), SIGKILL) == 0);
}
int many_processes(const Arguments& a) {
  const int wanted = number(a.at(0));
  const pid_t parent = ::getpid();
  int made = 0;
  for (int i = 0; i < wanted; ++i) {
    const pid_t pid = ::fork();
    if (pid == 0) pause_below(parent);
    made += pid > 0;
  }
  std::printf("%d\n", made);
  return 0;
}
int many_descriptors(const Arguments& a) {
  int made = 0;
  while (made < number(a.at(0)) && ::open("/dev/null", O_RDONLY) >= 0) ++made;
  std::printf("%d\n", made);
  return 0;
}
// Ends after this many seconds at the latest, for want of a limit.
int burn(const Arguments& a) {
  ::alarm(static_cast<unsigned>(number(a.at(0))));
  for (;;) {
    asm volatile("");
  }
}

// ---- behaviour

int report_signals(const Arguments&) {
  sigset_t blocked;
  ::sigprocmask(SIG_SETMASK, nullptr, &blocked);
  for (int signal = 1; signal < 32; ++signal) {
    struct sigaction action{};
    ::sigaction(signal, nullptr, &action);
    if (action.sa_handler == SIG_IGN) std::printf("ignored %d ", signal);
    if (::sigismember(&blocked, signal) == 1) std::printf("blocked %d ", signal);
  }
  std::printf("\n");
  return 0;
}
int raise_signal(const Arguments& a) {
  ::raise(number(a.at(0)));
  return 0;
}
int exit_with(const Arguments& a) { return number(a.at(0)); }
// Ends with 5 when it is told to stop, so that a forwarded signal can be told from a killing one.
int wait_for_term(const Arguments&) {
  for (const int signal : {SIGTERM, SIGINT}) ::signal(signal, [](int) { ::_exit(5); });
  std::puts("ready");
  std::fflush(stdout);
  for (;;) ::pause();
}
int ignore_term(const Arguments&) {
  ::signal(SIGTERM, SIG_IGN);
  for (;;) ::pause();
}
int sleep_seconds(const Arguments& a) {
  ::sleep(static_cast<unsigned>(number(a.at(0))));
  return 0;
}
int environment(const Arguments&) {
  for (char** entry = environ; *entry != nullptr; ++entry) std::printf("%s\n", *entry);
  return 0;
}
int process_id(const Arguments&) {
  std::printf("%d %u\n", ::getpid(), ::getuid());
  return 0;
}
int count_input(const Arguments&) {
  std::array<char, 65536> buffer;
  long total = 0;
  for (ssize_t n = 0; (n = ::read(STDIN_FILENO, buffer.data(), buffer.size())) > 0;) total += n;
  std::printf("%ld\n", total);
  return 0;
}
int much_output(const Arguments& a) {
  const std::string block(65536, 'x');
  for (int left = number(a.at(0)); left > 0; left -= int(block.size())) {
    for (size_t at = 0; at < block.size();) {
      const ssize_t n = ::write(STDOUT_FILENO, block.data() + at, block.size() - at);
      if (n <= 0) return 1;
      at += size_t(n);
    }
  }
  return 0;
}

constexpr Attack kAttacks[] = {
    {"kill_process", kill_process},
    {"kill_thread", kill_thread},
    {"queue_signal", queue_signal},
    {"kill_by_descriptor", kill_by_descriptor},
    {"slow_down", slow_down},
    {"schedule_process", schedule_process},
    {"slow_down_disk", slow_down_disk},
    {"limit_process", limit_process},
    {"shared_memory", shared_memory},
    {"semaphore", semaphore},
    {"message", message},
    {"message_queue", message_queue},
    {"survivor", survivor},
    {"stubborn_survivor", stubborn_survivor},
    {"survive_and_sleep", survive_and_sleep},
    {"hopping_survivor", hopping_survivor},
    {"killing_survivor", killing_survivor},
    {"many_processes", many_processes},
    {"many_descriptors", many_descriptors},
    {"burn", burn},
};

constexpr Attack kBehaviours[] = {
    {"report_signals", report_signals}, {"raise_signal", raise_signal},
    {"exit_with", exit_with},           {"wait_for_term", wait_for_term},
    {"ignore_term", ignore_term},       {"sleep", sleep_seconds},
    {"environment", environment},       {"process_id", process_id},
    {"count_input", count_input},       {"much_output", much_output},
};

}  // namespace

std::span<const Attack> process_attacks() { return kAttacks; }
std::span<const Attack> behaviours() { return kBehaviours; }

}  // namespace probe
