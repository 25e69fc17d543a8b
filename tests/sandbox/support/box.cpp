// SPDX-License-Identifier: Apache-2.0
#include "box.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <thread>

#include "host.hpp"
#include "mode.hpp"

namespace mixguard::test {
namespace {

// The suite run as another user has its binaries elsewhere.
std::string probe_path() {
  const char* directory = std::getenv("MIXGUARD_TEST_BINARIES");
  return std::string(directory != nullptr ? directory : MIXGUARD_TEST_BINARIES) + "/probe";
}

// Standard output into a file while `action` runs: the sandbox passes descriptors on, it does not
// capture.
std::string captured(const std::string& file, const std::function<void()>& action) {
  const int output = ::open(file.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  {
    const Redirected standard_output(STDOUT_FILENO, output);
    action();
  }
  ::close(output);
  return Box::read(file);
}

// Lets a held probe be looked at: `meanwhile` waits for it, looks, and lets it go.
class Holding {
 public:
  Holding(std::string output, const Look& look) : output_(std::move(output)), look_(look) {
    REQUIRE(::pipe2(pipe_.data(), O_CLOEXEC) == 0);
    input_.emplace(STDIN_FILENO, pipe_[0]);
  }
  ~Holding() {
    ::close(pipe_[0]);
    ::close(pipe_[1]);
  }
  Holding(const Holding&) = delete;
  Holding& operator=(const Holding&) = delete;

  void watch(const std::function<bool()>& over) {
    while (Box::read(output_).find("held\n") == std::string::npos) {
      if (over()) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    const std::vector<pid_t> processes = running(Box::probe());
    for (const pid_t pid : processes) {
      const pid_t parent = std::stoi(status_of(pid, "PPid"));
      if (std::find(processes.begin(), processes.end(), parent) != processes.end())
        seen_ = look_(pid) || seen_;
    }
    REQUIRE(::write(pipe_[1], "\n", 1) == 1);
  }
  [[nodiscard]] bool seen() const { return seen_; }

 private:
  std::string output_;
  Look look_;
  std::array<int, 2> pipe_{};
  std::optional<Redirected> input_;
  bool seen_ = false;
};

Arguments held(const Arguments& arguments) {
  Arguments all{"hold"};
  all.insert(all.end(), arguments.begin(), arguments.end());
  return all;
}

pid_t start(const std::string& program, const Arguments& arguments, const std::string& cwd) {
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  std::vector<char*> argv{const_cast<char*>(program.c_str())};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  if (::chdir(cwd.c_str()) != 0) ::_exit(126);
  ::execv(program.c_str(), argv.data());
  ::_exit(127);
}

}  // namespace

const std::string& Box::probe() {
  static const std::string path = probe_path();
  return path;
}

Box::Box() : kernel(known_kernel()) {
  const char* base = std::getenv("TMPDIR");
  std::string name = std::string(base != nullptr ? base : "/tmp") + "/mixguard-box-XXXXXX";
  REQUIRE(::mkdtemp(name.data()) != nullptr);
  root_ = name;
  for (const char* directory :
       {"project", "project/lib", "run", "run/upper", "run/work", "scratch", "outside", "home"}) {
    std::filesystem::create_directories(path(directory));
  }
  write(path("outside/secret"), "secret\n");
  workspace.project = project();
  workspace.project_fd = ::open(project().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  workspace.upper = path("run/upper");
  workspace.work = path("run/work");
  workspace.scratch = path("scratch");
  workspace.home = path("home");
  workspace.binds = {{"/usr", "/usr"}, {"/etc/passwd", "/etc/passwd"}, {probe(), probe()}};
  for (const char* link : {"bin", "lib", "lib64"}) {
    const std::string absolute = std::string("/") + link;
    if (std::filesystem::is_symlink(absolute)) {
      workspace.symlinks.push_back({absolute, std::filesystem::read_symlink(absolute).string()});
    }
  }
  cwd = project();
  if (!kernel.user_namespaces) go_live();
}

Box::~Box() {
  ::close(workspace.project_fd);
  std::error_code ignored;
  clear_work_directory();
  std::filesystem::remove_all(root_, ignored);
}

void Box::clear_work_directory() const {
  std::error_code ignored;
  std::filesystem::remove_all(path("run/work"), ignored);
  std::filesystem::create_directory(path("run/work"), ignored);
}

void Box::go_live() {
  workspace.upper.clear();
  workspace.work.clear();
  workspace.live_writable = {project("lib")};
}

void Box::hide_user_namespaces() {
  kernel.user_namespaces = false;
  kernel.user_namespaces_why = "hidden by the test";
  go_live();
}

Probe Box::confined(const std::string& program, const Arguments& arguments,
                    const std::function<void(const std::function<bool()>&)>& meanwhile) {
  Probe result;
  const auto layers = sandbox::plan_layers(confinement, kernel);
  if (!layers) {
    result.error = layers.error().message;
    return result;
  }
  sandbox::Command command;
  command.program = program;
  command.argv = {program};
  command.environment = environment;
  command.cwd = cwd;
  command.before_start = before_start;
  command.meanwhile = meanwhile;
  command.exec = exec;
  command.own_terminal = own_terminal;
  command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
  const auto confine = [&] {
    // A run has a work directory of its own: no overlay is mounted on one that was used.
    clear_work_directory();
    auto outcome = sandbox::run(confinement, command, workspace, *layers, kernel);
    if (!outcome) {
      result.error = outcome.error().message;
      return;
    }
    outcome->remains.wait();  // what is left is looked for
    result.outcome = std::move(*outcome);
  };
  if (own_terminal) {
    confine();
  } else {
    result.output = captured(path("stdout"), confine);
  }
  return result;
}

Probe Box::run(const Arguments& arguments, const Look& look) {
  if (!look) return confined(probe(), arguments, {});
  Holding holding(path("stdout"), look);
  Probe result = confined(probe(), held(arguments), [&](const auto& over) { holding.watch(over); });
  result.seen = holding.seen();
  return result;
}

Probe Box::run_program(const std::string& program, const Arguments& arguments) {
  return confined(program, arguments, {});
}

Probe Box::bare(const Arguments& arguments, const Look& look) {
  Probe result;
  std::optional<Holding> holding;
  if (look) holding.emplace(path("stdout"), look);
  result.output = captured(path("stdout"), [&] {
    const pid_t pid = start(probe(), look ? held(arguments) : arguments, cwd);
    siginfo_t ended{};
    const auto over = [&] {
      return ::waitid(P_PID, static_cast<id_t>(pid), &ended, WEXITED | WNOHANG | WNOWAIT) == 0 &&
             ended.si_pid == pid;
    };
    if (holding) holding->watch(over);
    int status = 0;
    ::waitpid(pid, &status, 0);
    result.outcome.kind =
        WIFEXITED(status) ? sandbox::Outcome::Kind::kExited : sandbox::Outcome::Kind::kSignaled;
    result.outcome.code = WEXITSTATUS(status);
    result.outcome.signal = WTERMSIG(status);
  });
  result.seen = holding && holding->seen();
  return result;
}

void Box::write(const std::string& path, const std::string& content) const {
  std::ofstream(path, std::ios::binary) << content;
}
std::string Box::read(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}
bool Box::exists(const std::string& path) {
  struct stat info{};
  return ::lstat(path.c_str(), &info) == 0;
}

}  // namespace mixguard::test
