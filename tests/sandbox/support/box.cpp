// SPDX-License-Identifier: Apache-2.0
#include "box.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace mixguard::test {
namespace {

// Standard output into a file while `action` runs: the sandbox passes descriptors on, it does not
// capture.
std::string captured(const std::string& file, const std::function<void()>& action) {
  const int saved = ::dup(STDOUT_FILENO);
  const int output = ::open(file.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  ::dup2(output, STDOUT_FILENO);
  action();
  ::dup2(saved, STDOUT_FILENO);
  ::close(saved);
  ::close(output);
  return Box::read(file);
}

}  // namespace

// The suite run as another user has its binaries elsewhere.
std::string test_program(const std::string& name) {
  const char* directory = std::getenv("MIXGUARD_TEST_BINARIES");
  return std::string(directory != nullptr ? directory : MIXGUARD_TEST_BINARIES) + "/" + name;
}

Box::Box() : program(test_program("probe")) {
  std::string name = "/tmp/mixguard-box-XXXXXX";
  REQUIRE(::mkdtemp(name.data()) != nullptr);
  root_ = name;
  for (const char* directory :
       {"project", "project/lib", "run", "run/upper", "run/work", "scratch", "outside"}) {
    std::filesystem::create_directories(path(directory));
  }
  write(path("outside/secret"), "secret\n");
  workspace.project = project();
  workspace.project_fd = ::open(project().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  workspace.upper = path("run/upper");
  workspace.work = path("run/work");
  workspace.scratch = path("scratch");
  workspace.home = "/home/somebody";
  workspace.binds = {{"/usr", "/usr"},
                     {"/etc/passwd", "/etc/passwd"},
                     {test_program("probe"), test_program("probe")},
                     {test_program("exec_probe"), test_program("exec_probe")}};
  for (const char* link : {"bin", "lib", "lib64"}) {
    const std::string absolute = std::string("/") + link;
    if (std::filesystem::is_symlink(absolute)) {
      workspace.symlinks.push_back({absolute, std::filesystem::read_symlink(absolute).string()});
    }
  }
  cwd = project();
}

Box::~Box() {
  ::close(workspace.project_fd);
  std::error_code ignored;
  // overlayfs leaves a directory without rights in its work directory.
  std::filesystem::permissions(path("run/work/work"), std::filesystem::perms::owner_all, ignored);
  std::filesystem::remove_all(root_, ignored);
}

Probe Box::run(const std::vector<std::string>& arguments) {
  sandbox::KernelSupport kernel = sandbox::probe_kernel();
  if (hide_user_namespaces) {
    kernel.user_namespaces = false;
    kernel.user_namespaces_why = "hidden by the test";
  }
  Probe result;
  const auto layers = sandbox::plan_layers(confinement, kernel);
  if (!layers) {
    result.error = layers.error().message;
    return result;
  }
  sandbox::Command command{program, {program}, environment, cwd};
  command.exec = exec;
  command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
  result.output = captured(path("stdout"), [&] {
    auto outcome = sandbox::run(confinement, command, workspace, *layers, kernel);
    outcome ? static_cast<void>(result.outcome = *outcome)
            : static_cast<void>(result.error = outcome.error().message);
  });
  return result;
}

Probe Box::bare(const std::vector<std::string>& arguments) {
  Probe result;
  result.output = captured(path("stdout"), [&] {
    const pid_t pid = ::fork();
    if (pid == 0) {
      std::vector<char*> argv{const_cast<char*>(program.c_str())};
      for (const std::string& argument : arguments)
        argv.push_back(const_cast<char*>(argument.c_str()));
      argv.push_back(nullptr);
      if (::chdir(cwd.c_str()) != 0) ::_exit(126);
      ::execv(program.c_str(), argv.data());
      ::_exit(127);
    }
    int status = 0;
    ::waitpid(pid, &status, 0);
    result.outcome.kind =
        WIFEXITED(status) ? sandbox::Outcome::Kind::kExited : sandbox::Outcome::Kind::kSignaled;
    result.outcome.code = WEXITSTATUS(status);
    result.outcome.signal = WTERMSIG(status);
  });
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

bool full_sandbox_available() {
  const sandbox::KernelSupport kernel = sandbox::probe_kernel();
  if (kernel.user_namespaces) return true;
  const std::string why = "user namespaces: " + kernel.user_namespaces_why;
  const char* must = std::getenv("MIXGUARD_MUST_SANDBOX");
  if (must != nullptr && std::string(must) == "1") FAIL("MIXGUARD_MUST_SANDBOX=1 and no " << why);
  WARN("skipped, " << why);
  return false;
}

}  // namespace mixguard::test
