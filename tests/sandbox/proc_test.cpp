// SPDX-License-Identifier: Apache-2.0
// Attacks on other processes, on what they share, and on the machine's resources.
#include <fcntl.h>
#include <mqueue.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>

#include "support/attack.hpp"
#include "support/host.hpp"
#include "support/mode.hpp"
#include "support/verdict.hpp"

using namespace mixguard::test;
using mixguard::sandbox::Outcome;
namespace fs = std::filesystem;

namespace {

long disk_priority(pid_t pid) { return ::syscall(SYS_ioprio_get, 1 /* of a process */, pid); }

}  // namespace

TEST_CASE("proc_outside: a process outside can be neither signalled nor changed", "[escape]") {
  Box box;
  if (!can_confine(box)) return;
  for (const char* way : {"kill_process", "kill_thread", "queue_signal", "kill_by_descriptor",
                          "slow_down", "slow_down_disk", "schedule_process", "limit_process"}) {
    // What is done to a victim stays: each arm has its own.
    const auto touched = [](const Victim& victim) {
      rlimit limit{};
      ::prlimit(victim.id(), RLIMIT_FSIZE, nullptr, &limit);
      return !victim.alive() || ::getpriority(PRIO_PROCESS, static_cast<id_t>(victim.id())) != 0 ||
             limit.rlim_max == 0 || ::sched_getscheduler(victim.id()) != SCHED_OTHER ||
             disk_priority(victim.id()) != disk_priority(0);
    };
    INFO(way);
    const Victim control, victim;
    static_cast<void>(box.bare({way, control.pid()}));
    REQUIRE(eventually([&] { return touched(control); }));
    static_cast<void>(box.run({way, victim.pid()}));
    wait_ms(20);
    verdict(way, touched(victim));
  }
}

TEST_CASE("proc_outside: a process outside cannot be seen", "[escape]") {
  Box box;
  if (!can_confine(box)) return;
  ::setenv("MIXGUARD_TEST_SECRET", "environments-secret", 1);
  const Victim victim;
  ::unsetenv("MIXGUARD_TEST_SECRET");
  const std::string name = Box::read("/proc/self/comm");
  for (const auto& [file, secret] :
       {std::pair<std::string, std::string>{"comm", name}, {"maps", "r--p"}, {"status", "Pid:"}}) {
    attack(box, {file, {"read", "/proc/" + victim.pid() + "/" + file}, prints(secret)});
  }
}

TEST_CASE("proc_outside: init cannot be killed from inside", "[escape]") {
  Box box;
  if (!has_view(box)) return;
  // As a stand-in for init outside there is a victim: pid 1 itself cannot be a control arm.
  const Victim control;
  REQUIRE(box.bare({"kill_process", control.pid()}).worked());
  const Probe probe = box.run({"kill_process", "1"});
  verdict("init", probe.outcome.kind != Outcome::Kind::kExited);
}

TEST_CASE("ipc_outside: memory, semaphores and queues of the host are not there", "[escape]") {
  Box box;
  if (!can_confine(box)) return;
  const key_t key = 0x6d000000 + ::getpid();
  const std::string number = std::to_string(key);
  const std::string name = "/mixguard-" + std::to_string(::getpid());

  const int memory = ::shmget(key, 4096, IPC_CREAT | 0600);
  REQUIRE(memory >= 0);
  auto* content = static_cast<char*>(::shmat(memory, nullptr, 0));
  attack(box, {"shared_memory", {"shared_memory", number}, [&](const Probe&) {
                 return std::exchange(*content, '\0') != '\0';
               }});
  ::shmdt(content);
  ::shmctl(memory, IPC_RMID, nullptr);

  const int semaphore = ::semget(key, 1, IPC_CREAT | 0600);
  REQUIRE(semaphore >= 0);
  attack(box, {"semaphore", {"semaphore", number}, [&](const Probe&) {
                 const bool set = ::semctl(semaphore, 0, GETVAL) != 0;
                 ::semctl(semaphore, 0, SETVAL, 0);
                 return set;
               }});
  ::semctl(semaphore, 0, IPC_RMID);

  const int messages = ::msgget(key, IPC_CREAT | 0600);
  REQUIRE(messages >= 0);
  attack(box, {"message", {"message", number}, [&](const Probe&) {
                 char received[16];
                 return ::msgrcv(messages, received, 1, 0, IPC_NOWAIT) == 1;
               }});
  ::msgctl(messages, IPC_RMID, nullptr);

  mq_attr attributes{};
  attributes.mq_maxmsg = attributes.mq_msgsize = 1;
  const mqd_t queue = ::mq_open(name.c_str(), O_RDONLY | O_CREAT | O_NONBLOCK, 0600, &attributes);
  REQUIRE(queue >= 0);
  attack(box, {"message_queue", {"message_queue", name}, [&](const Probe&) {
                 char received = 0;
                 return ::mq_receive(queue, &received, 1, nullptr) == 1;
               }});
  ::mq_close(queue);
  ::mq_unlink(name.c_str());

  const std::string file = "/dev/shm" + name;
  box.write(file, "mine\n");
  attack(box, {"named_memory", {"overwrite", file}, changes(file)});
  attack(box, {"named_memory_read", {"read", file}, prints("mine")});
  fs::remove(file);
}

TEST_CASE("proc_survivor: no process outlives the run", "[escape]") {
  Box box;
  if (!can_confine(box)) return;
  const std::string late = box.project("lib/late");
  for (const char* way : {"survivor", "stubborn_survivor", "hopping_survivor"}) {
    const Effect written = [&](const Probe&) {
      wait_ms(1200);
      return fs::remove(box.landed("late")) || fs::remove(late);
    };
    attack(box, {way, {way, late}, written});
    CHECK_FALSE(any_with_argument(late));
  }
}

TEST_CASE("proc_survivor: what would end it cannot be killed", "[escape]") {
  Box box;
  if (!can_confine(box)) return;
  const std::string late = box.project("lib/late");
  // The control arm's parent is a process that is there to be killed.
  const pid_t parent = ::fork();
  if (parent == 0) {
    static_cast<void>(box.bare({"killing_survivor", late}));
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(parent, &status, 0);
  REQUIRE(WIFSIGNALED(status));
  REQUIRE(eventually([&] { return fs::remove(late); }));
  static_cast<void>(box.run({"killing_survivor", late}));
  wait_ms(1200);
  verdict("init_killed", Box::exists(box.landed("late")) || Box::exists(late));
}

TEST_CASE("proc_bombs: the limits hold and the supervisor goes on", "[escape]") {
  Box box;
  if (!can_confine(box)) return;
  box.confinement.limits.file_size = 1 << 20;
  box.confinement.limits.open_files = 64;
  const std::string file = box.project("lib/big");
  const Effect big = [&](const Probe&) {
    for (const std::string& path : {file, box.landed("big")}) {
      std::error_code none;
      if (fs::file_size(path, none) > (1 << 20) && !none) return fs::remove(path);
    }
    return false;
  };
  // Sparse: nothing is written.
  attack(box, {"big_file", {"big_file", file, "10737418240"}, big});
  attack(box, {.name = "many_descriptors",
               .arguments = {"many_descriptors", "1000"},
               .look = [](pid_t pid) {
                 std::error_code none;
                 const auto all =
                     fs::directory_iterator("/proc/" + std::to_string(pid) + "/fd", none);
                 return std::distance(begin(all), end(all)) > 64;
               }});
  CHECK(box.run({"exit_with", "37"}).outcome.code == 37);
}

TEST_CASE("proc_bombs: the process limit holds", "[escape]") {
  Box box;
  // Elsewhere the supervisor counts, a little late: limits_test.cpp.
  if (!has_view(box)) return;
  if (::geteuid() == 0) {
    WARN("skipped: the kernel exempts uid 0 from RLIMIT_NPROC");
    return;
  }
  box.confinement.limits.processes = 20;
  const Look crowd = [](pid_t) { return running(Box::probe()).size() > 25; };
  attack(box, {.name = "many_processes", .arguments = {"many_processes", "100"}, .look = crowd});
}

TEST_CASE("proc_bombs: the limit of processor time holds", "[escape]") {
  Box box;
  if (!can_confine(box)) return;
  REQUIRE(box.bare({"burn", "2"}).outcome.signal == SIGALRM);
  box.confinement.limits.cpu_ms = 1000;
  const Probe probe = box.run({"burn", "10"});
  CHECK(probe.outcome.limit == "cpu");
  verdict("processor_time", probe.outcome.wall > std::chrono::seconds(8));
}
