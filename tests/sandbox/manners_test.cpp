// SPDX-License-Identifier: Apache-2.0
// How a confined command looks from where it was started: exit codes, signals, limits, environment.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <filesystem>
#include <thread>

#include "support/box.hpp"

using mixguard::sandbox::Outcome;
using mixguard::test::Box;
using mixguard::test::full_sandbox_available;

namespace {

// Sends `signal` to this process shortly, from another one.
class LateSignal {
 public:
  LateSignal(int signal, int after_ms) : pid_(::fork()) {
    if (pid_ != 0) return;
    ::usleep(static_cast<useconds_t>(after_ms) * 1000);
    ::kill(::getppid(), signal);
    ::_exit(0);
  }
  ~LateSignal() { ::waitpid(pid_, nullptr, 0); }
  LateSignal(const LateSignal&) = delete;
  LateSignal& operator=(const LateSignal&) = delete;

 private:
  pid_t pid_;
};

}  // namespace

TEST_CASE("exit codes and deaths by signal are exact", "[manners]") {
  if (!full_sandbox_available()) return;
  Box box;
  const auto exited = box.run({"exit_with", "37"});
  CHECK(exited.outcome.kind == Outcome::Kind::kExited);
  CHECK(exited.outcome.code == 37);
  for (const int signal : {SIGTERM, SIGKILL, SIGSEGV, SIGABRT}) {
    const auto killed = box.run({"raise_signal", std::to_string(signal)});
    CHECK(killed.outcome.kind == Outcome::Kind::kSignaled);
    CHECK(killed.outcome.signal == signal);
  }
}

TEST_CASE("the command keeps its user id and is not pid 1", "[manners]") {
  if (!full_sandbox_available()) return;
  Box box;
  CHECK(box.run({"process_id"}).output == "2 " + std::to_string(::getuid()) + "\n");
}

TEST_CASE("a program that is not there is reported as not found", "[manners]") {
  if (!full_sandbox_available()) return;
  Box box;
  box.workspace.binds.pop_back();  // the probe itself
  const auto probe = box.run({"exit_with", "0"});
  CHECK(probe.outcome.kind == Outcome::Kind::kNotStarted);
  CHECK(probe.outcome.not_found);
}

TEST_CASE("SIGTERM is passed on and the command's own answer counts", "[manners]") {
  if (!full_sandbox_available()) return;
  Box box;
  const LateSignal late(SIGTERM, 150);
  const auto probe = box.run({"wait_for_term"});
  CHECK(probe.outcome.kind == Outcome::Kind::kExited);
  CHECK(probe.outcome.code == 5);
  CHECK(probe.outcome.interrupted_by == SIGTERM);
}

TEST_CASE("SIGINT that a process sends is passed on", "[manners]") {
  if (!full_sandbox_available()) return;
  Box box;
  const LateSignal late(SIGINT, 150);
  const auto probe = box.run({"sleep", "20"});
  CHECK(probe.outcome.kind == Outcome::Kind::kSignaled);
  CHECK(probe.outcome.signal == SIGINT);
}

TEST_CASE("the wall-clock limit ends even a command that ignores SIGTERM", "[manners]") {
  if (!full_sandbox_available()) return;
  Box box;
  box.confinement.limits.wall_ms = 200;
  const auto polite = box.run({"wait_for_term"});
  CHECK(polite.outcome.kind == Outcome::Kind::kTimedOut);
  const auto stubborn = box.run({"ignore_term"});
  CHECK(stubborn.outcome.kind == Outcome::Kind::kTimedOut);
}

TEST_CASE("dispositions and masks of a BEAM that starts mixguard are not inherited", "[manners]") {
  if (!full_sandbox_available()) return;
  Box box;
  ::signal(SIGCHLD, SIG_IGN);
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGHUP, SIG_IGN);
  for (const int signal : {SIGINT, SIGQUIT})
    ::signal(signal, SIG_DFL);  // a shell's `&` ignores them
  sigset_t blocked, saved;
  ::sigemptyset(&blocked);
  ::sigaddset(&blocked, SIGUSR1);
  ::sigprocmask(SIG_BLOCK, &blocked, &saved);
  const auto probe = box.run({"report_signals"});
  ::sigprocmask(SIG_SETMASK, &saved, nullptr);
  for (const int signal : {SIGCHLD, SIGPIPE, SIGHUP}) ::signal(signal, SIG_DFL);
  CHECK(probe.outcome.code == 0);
  CHECK(probe.output == "ignored 1 \n");  // SIGHUP stays ignored on purpose: nohup
}

TEST_CASE("when the supervisor is killed nothing of the run is left", "[manners]") {
  if (!full_sandbox_available()) return;
  Box box;
  const pid_t supervisor = ::fork();
  if (supervisor == 0) {
    static_cast<void>(box.run({"survivor", box.project("late")}));
    static_cast<void>(box.run({"sleep", "30"}));
    ::_exit(0);
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  ::kill(supervisor, SIGKILL);
  ::waitpid(supervisor, nullptr, 0);
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  CHECK_FALSE(Box::exists(box.upper("late")));
  int alive = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string command = Box::read(entry.path().string() + "/cmdline");
    alive +=
        command.find("probe") != std::string::npos && command.find("sleep") != std::string::npos;
  }
  CHECK(alive == 0);
}

TEST_CASE("the process limit holds", "[manners]") {
  if (!full_sandbox_available()) return;
  if (::geteuid() == 0) {
    WARN("skipped: the kernel exempts uid 0 from RLIMIT_NPROC");
    return;
  }
  Box box;
  box.confinement.limits.processes = 20;
  CHECK(std::stoi(box.run({"many_processes", "100"}).output) < 20);
}

TEST_CASE("the environment is exactly what was given", "[manners]") {
  if (!full_sandbox_available()) return;
  Box box;
  ::setenv("MIXGUARD_TEST_SECRET", "x", 1);
  box.environment = {"ONLY=this"};
  CHECK(box.run({"read", "/proc/self/environ"}).worked());
  CHECK(box.run({"environment"}).output == "ONLY=this\n");
  ::unsetenv("MIXGUARD_TEST_SECRET");
}
