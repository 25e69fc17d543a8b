// SPDX-License-Identifier: Apache-2.0
// How a confined command looks from where it was started: exit codes, signals, limits, environment;
// and that nothing runs when a step of the sandbox cannot be had.
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>

#include "../helpers/faults.hpp"
#include "sandbox/child.hpp"
#include "support/attack.hpp"
#include "support/host.hpp"
#include "support/mode.hpp"
#include "support/verdict.hpp"

using namespace mixguard::test;
using mixguard::sandbox::Outcome;
namespace fs = std::filesystem;

namespace {

// Sends `signal` to this process, from another one, when the command that it is about to run says
// that it is ready.
class LateSignal {
 public:
  LateSignal(const Box& box, int signal) {
    fs::remove(box.path("stdout"));
    pid_ = ::fork();
    if (pid_ != 0) return;
    if (eventually([&] { return Box::read(box.path("stdout")) == "ready\n"; }))
      ::kill(::getppid(), signal);
    ::_exit(0);
  }
  ~LateSignal() { ::waitpid(pid_, nullptr, 0); }
  LateSignal(const LateSignal&) = delete;
  LateSignal& operator=(const LateSignal&) = delete;

 private:
  pid_t pid_ = -1;
};

// Runs the command where these calls fail (tests/helpers/faults.hpp), in a child of the test. What
// went wrong is the result.
std::string error_with(Box& box, const std::vector<std::string>& faults, const Arguments& command) {
  const std::string file = box.path("error");
  const pid_t child = ::fork();
  if (child == 0) {
    std::string error = make_fail(faults);
    if (error.empty()) {
      const Probe probe = box.run(command);
      error = probe.error.empty() ? probe.outcome.detail : probe.error;
    }
    box.write(file, error);
    ::_exit(0);
  }
  ::waitpid(child, nullptr, 0);
  return Box::read(file);
}

}  // namespace

TEST_CASE("sup_fail_closed: a step that fails stops the run, and says which", "[escape]") {
  for (const StepFault& fault : step_faults()) {
    Box box;
    if (!has_view(box)) return;
    const bool missing = (mode().landlock_abi == 0 && fault.stage == std::string("landlock")) ||
                         (!box.kernel.exec_events && fault.stage == std::string("exec_filter"));
    // Needs a terminal: terminal_test.cpp.
    if (fault.stage == std::string("terminal")) continue;
    box.exec.judge = [](const auto&) { return mixguard::sandbox::ExecVerdict{true, "", "", {}}; };
    // Where clone3 is not there anyway, clone(2) does its work.
    if (missing || (hidden("clone3") && fault.stage == std::string("clone"))) continue;
    INFO(fault.name);
    box.confinement.net = {"127.0.0.1:5432"};  // something has to listen inside
    box.exec.judge = [](const auto&) { return mixguard::sandbox::ExecVerdict{true, {}, {}, {}}; };
    const std::string error =
        error_with(box, {std::string("step:") + fault.name}, {"write", box.project("lib/ran")});
    CHECK_THAT(error, Catch::Contains("sandbox step ") && Catch::Contains(fault.stage));
    CHECK(error.find('\n') == std::string::npos);
    verdict(fault.name, Box::exists(box.landed("ran")));
    // The control arm: the same command runs when nothing fails.
    REQUIRE(error_with(box, {}, {"write", box.project("lib/ran")}).empty());
    REQUIRE(Box::exists(box.landed("ran")));
  }
}

TEST_CASE("sup_fail_closed: where the caller is not ready nothing is started, and nothing is left",
          "[escape]") {
  Box box;
  if (!can_confine(box)) return;
  box.before_start = [] { return mixguard::fail("no record"); };
  CHECK(box.run({"write", box.project("lib/ran")}).error == "no record");
  CHECK_FALSE(Box::exists(box.landed("ran")));
  CHECK((::waitpid(-1, nullptr, WNOHANG) < 0 && errno == ECHILD));
  box.before_start = [] { return mixguard::Result<void>(); };
  CHECK(box.run({"write", box.project("lib/ran")}).worked());
  CHECK(Box::exists(box.landed("ran")));
}

TEST_CASE("sup_fail_closed: every step that the child can report has been made to fail",
          "[escape]") {
  using mixguard::sandbox::Stage;
  const std::vector<StepFault> faults = step_faults();
  for (int stage = 0; stage <= static_cast<int>(Stage::kExec); ++stage) {
    const std::string name = stage_name(static_cast<Stage>(stage));
    // These fail without help, below.
    if (name == "working_directory" || name == "exec") continue;
    INFO(name);
    CHECK(std::any_of(faults.begin(), faults.end(),
                      [&](const StepFault& fault) { return fault.stage == name; }));
  }
  CHECK(stage_name(static_cast<Stage>(static_cast<int>(Stage::kExec) + 1)) ==
        std::string("unknown"));  // kExec is the last one
}

TEST_CASE("sup_fail_closed: a working directory that is not there stops the run", "[escape]") {
  Box box;
  if (!can_confine(box)) return;
  box.cwd = box.project("absent");
  const Probe probe = box.run({"write", box.project("lib/ran")});
  CHECK(probe.error == "sandbox step working_directory: No such file or directory");
  verdict("working_directory", Box::exists(box.landed("ran")));
}

TEST_CASE("sup_fail_closed: in reduced mode steps stop the run as well", "[escape]") {
  for (const char* stage : {"no_new_privileges", "landlock_ruleset", "landlock_rule", "landlock",
                            "descriptors", "seccomp", "limits", "spawn_payload", "handshake"}) {
    Box box;
    if (!can_confine(box)) return;
    if (mode().landlock_abi == 0) return not_tried_here();
    box.hide_user_namespaces();
    INFO(stage);
    const std::string error =
        error_with(box, {std::string("step:") + stage}, {"write", box.project("lib/ran")});
    CHECK_THAT(error, Catch::Contains("sandbox step "));
    verdict(std::string("reduced_") + stage, Box::exists(box.landed("ran")));
  }
}

TEST_CASE("sup_fail_closed: when the supervisor is killed nothing of the run is left", "[escape]") {
  Box box;
  if (!can_confine(box)) return;
  const std::string mark = box.path("mark");
  const auto kill_it = [&](const std::function<void()>& start) {
    const pid_t supervisor = ::fork();
    if (supervisor == 0) {
      start();
      ::_exit(0);
    }
    while (!any_with_argument(mark)) wait_ms(1);
    wait_ms(50);
    ::kill(supervisor, SIGKILL);
    ::waitpid(supervisor, nullptr, 0);
  };
  kill_it([&] { static_cast<void>(box.bare({"sleep", "3", mark})); });
  wait_ms(200);
  REQUIRE(any_with_argument(mark));
  while (any_with_argument(mark)) wait_ms(20);
  kill_it([&] { static_cast<void>(box.run({"sleep", "60", mark})); });
  verdict("supervisor_killed", !eventually([&] { return !any_with_argument(mark); }));
}

TEST_CASE("sup_nested: inside another sandbox it declares what is weaker and still confines",
          "[escape]") {
  Box box;
  if (!can_confine(box)) return;
  if (mode().landlock_abi == 0) return not_tried_here();
  // The suite's own program, in the sandbox: it may not make namespaces there.
  const std::string self = fs::read_symlink("/proc/self/exe").string();
  box.workspace.binds.push_back({self, self});
  box.workspace.binds.push_back({box.path("outside"), box.path("outside"), true});
  box.environment.push_back("MIXGUARD_TEST_BINARIES=" +
                            fs::path(Box::probe()).parent_path().string());
  box.environment.push_back("MIXGUARD_TEST_SECRET=" + box.path("outside/secret"));
  if (mode().strength == Strength::kReduced)
    box.environment.push_back("TMPDIR=" + box.workspace.scratch);
  box.cwd = "/";
  const Probe outer = box.run_program(self, {"a sandbox inside a sandbox"});
  INFO(outer.output);
  CHECK_THAT(outer.output, Catch::Contains("inner layer: user_namespaces unavailable"));
  CHECK_THAT(outer.output, Catch::Contains("inner control: written"));
  CHECK_THAT(outer.output, Catch::Contains("inner ran: 1"));
  verdict("inner_write", Box::read(box.path("outside/secret")) != "secret\nouter\n");
}

// Runs inside the one above: it can write to the outside file, what it confines cannot.
TEST_CASE("a sandbox inside a sandbox", "[.inner]") {
  const std::string secret = std::getenv("MIXGUARD_TEST_SECRET");
  std::ofstream(secret, std::ios::app) << "outer\n";
  if (Box::read(secret) == "secret\nouter\n") std::cout << "inner control: written\n";
  Box box;
  const auto layers = plan_layers(box.confinement, box.kernel);
  REQUIRE(layers);
  if (!has_private_view(*layers)) std::cout << "inner layer: user_namespaces unavailable\n";
  const Probe wrote = box.run({"write", secret});
  CHECK(wrote.refused());
  std::cout << "inner ran: " << wrote.outcome.code << wrote.error << std::endl;
}

TEST_CASE("sup_exit_signal: exit codes and deaths by signal are exact", "[manners]") {
  Box box;
  if (!can_confine(box)) return;
  const auto exited = box.run({"exit_with", "37"});
  CHECK(exited.outcome.kind == Outcome::Kind::kExited);
  CHECK(exited.outcome.code == 37);
  for (const int signal : {SIGTERM, SIGKILL, SIGSEGV, SIGABRT}) {
    const auto killed = box.run({"raise_signal", std::to_string(signal)});
    CHECK(killed.outcome.kind == Outcome::Kind::kSignaled);
    CHECK(killed.outcome.signal == signal);
  }
}

TEST_CASE("sup_exit_signal: the command keeps its user id and is not pid 1", "[manners]") {
  Box box;
  if (!has_view(box)) return;
  CHECK(box.run({"process_id"}).output == "2 " + std::to_string(::getuid()) + "\n");
}

TEST_CASE("sup_exit_signal: a program that is not there is reported as not found", "[manners]") {
  Box box;
  if (!can_confine(box)) return;
  const auto probe = box.run_program("/usr/bin/mixguard-absent", {});
  CHECK(probe.outcome.kind == Outcome::Kind::kNotStarted);
  CHECK(probe.outcome.not_found);
}

TEST_CASE("sup_exit_signal: what kept the command from starting is told to whoever asks twice",
          "[manners]") {
  Box box;
  if (!can_confine(box)) return;
  mixguard::sandbox::Command command;
  command.program = "/usr/bin/absent";
  command.argv = {"absent"};
  command.cwd = box.project();
  command.meanwhile = [](const std::function<bool()>& over) {
    while (!over()) wait_ms(1);
    wait_ms(50);
    CHECK(over());
  };
  const auto layers = mixguard::sandbox::plan_layers(box.confinement, box.kernel);
  REQUIRE(layers);
  const auto outcome =
      mixguard::sandbox::run(box.confinement, command, box.workspace, *layers, box.kernel);
  REQUIRE(outcome);
  CHECK(outcome->kind == Outcome::Kind::kNotStarted);
  CHECK(outcome->not_found);
}

TEST_CASE("sup_exit_signal: a signal is passed on and the command's own answer counts",
          "[manners]") {
  Box box;
  if (!can_confine(box)) return;
  for (const int signal : {SIGTERM, SIGINT}) {
    const LateSignal late(box, signal);
    const auto probe = box.run({"wait_for_term"});
    CHECK(probe.outcome.kind == Outcome::Kind::kExited);
    CHECK(probe.outcome.code == 5);
    CHECK(probe.outcome.interrupted_by == signal);
  }
}

TEST_CASE("sup_exit_signal: the wall-clock limit ends even a command that ignores SIGTERM",
          "[manners]") {
  Box box;
  if (!can_confine(box)) return;
  box.confinement.limits.wall_ms = 200;
  const auto polite = box.run({"wait_for_term"});
  CHECK(polite.outcome.kind == Outcome::Kind::kTimedOut);
  const auto stubborn = box.run({"ignore_term"});
  CHECK(stubborn.outcome.kind == Outcome::Kind::kTimedOut);
}

TEST_CASE("sup_exit_signal: the wall-clock limit ends a command whose exec does not come back",
          "[manners]") {
  Box box;
  if (!can_confine(box)) return;
  const std::string program = box.path("outside/program");
  fs::copy_file(Box::probe(), program);
  box.workspace.binds.push_back({program, program});
  if (!has_view(box)) box.workspace.readable.push_back(program);
  box.confinement.limits.wall_ms = 200;
  // Whoever opens the file waits until its lease is given up, 45 seconds at most.
  struct sigaction ignore{}, before{};
  ignore.sa_handler = SIG_IGN;
  ::sigaction(SIGIO, &ignore, &before);
  const int lease = ::open(program.c_str(), O_RDWR | O_CLOEXEC);
  REQUIRE(::fcntl(lease, F_SETLEASE, F_WRLCK) == 0);
  const auto start = std::chrono::steady_clock::now();
  const Probe probe = box.run_program(program, {"exit", "0"});
  CHECK(probe.outcome.kind == Outcome::Kind::kTimedOut);
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(20));
  ::close(lease);
  ::sigaction(SIGIO, &before, nullptr);
}

TEST_CASE("sup_exit_signal: dispositions and masks of a BEAM that starts it are not inherited",
          "[manners]") {
  Box box;
  if (!can_confine(box)) return;
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

TEST_CASE("sup_exit_signal: standard input is read to its end", "[manners]") {
  Box box;
  if (!can_confine(box)) return;
  std::array<int, 2> pipe{};
  REQUIRE(::pipe2(pipe.data(), O_CLOEXEC) == 0);
  const pid_t writer = ::fork();
  if (writer == 0) {
    ::close(pipe[0]);
    const std::string block(1 << 20, 'x');
    for (std::size_t at = 0; at < block.size();) {
      const ssize_t n = ::write(pipe[1], block.data() + at, block.size() - at);
      if (n <= 0) break;
      at += static_cast<std::size_t>(n);
    }
    ::_exit(0);
  }
  ::close(pipe[1]);
  const Redirected input(STDIN_FILENO, pipe[0]);
  CHECK(box.run({"count_input"}).output == "1048576\n");
  ::close(pipe[0]);
  ::waitpid(writer, nullptr, 0);
}

TEST_CASE("sup_exit_signal: ten megabytes of output arrive whole", "[manners]") {
  Box box;
  if (!can_confine(box)) return;
  const auto probe = box.run({"much_output", "10485760"});
  CHECK(probe.outcome.code == 0);
  CHECK(probe.output.size() == 10485760);
}

TEST_CASE("sup_exit_signal: closed standard descriptors do no harm", "[manners]") {
  Box box;
  if (!can_confine(box)) return;
  for (const int closed : {STDIN_FILENO, STDERR_FILENO}) {
    const int saved = ::fcntl(closed, F_DUPFD_CLOEXEC, 3);
    ::close(closed);
    const auto probe = box.run({"exit_with", "37"});
    ::dup2(saved, closed);
    ::close(saved);
    CHECK(probe.error == "");
    CHECK(probe.outcome.code == 37);
  }
}

TEST_CASE("sup_exit_signal: the environment is exactly what was given", "[manners]") {
  Box box;
  if (!can_confine(box)) return;
  ::setenv("MIXGUARD_TEST_SECRET", "x", 1);
  box.environment = {"ONLY=this"};
  CHECK(box.run({"environment"}).output == "ONLY=this\n");
  ::unsetenv("MIXGUARD_TEST_SECRET");
}
