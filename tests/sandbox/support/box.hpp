// SPDX-License-Identifier: Apache-2.0
#pragma once

// A throw-away world for sandbox tests: a project directory, a file outside of it, a home, and the
// probe run with or without the sandbox. Everything is below one temporary directory that goes with
// the Box. With a view of its own the run is a transaction; without, writes go through to lib/.

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

#include "sandbox/sandbox.hpp"

namespace mixguard::test {

using Arguments = std::vector<std::string>;

struct Probe {
  sandbox::Outcome outcome;
  std::string output;  // standard output
  std::string error;   // why the sandbox could not be built; then `outcome` means nothing
  bool seen = false;   // a `look` found what it was looking for
  [[nodiscard]] bool worked() const {
    return outcome.kind == sandbox::Outcome::Kind::kExited && outcome.code == 77;
  }
  [[nodiscard]] bool refused() const { return error.empty() && !worked(); }
};

// Looks at a process of the probe from outside. Its parent is a probe as well.
using Look = std::function<bool(pid_t)>;

class Box {
 public:
  Box();
  ~Box();
  Box(const Box&) = delete;
  Box& operator=(const Box&) = delete;

  [[nodiscard]] std::string path(const std::string& name) const { return root_ + "/" + name; }
  [[nodiscard]] std::string project(const std::string& name = "") const {
    return root_ + "/project" + (name.empty() ? "" : "/" + name);
  }
  [[nodiscard]] std::string upper(const std::string& name) const {
    return root_ + "/run/upper/" + name;
  }
  // Where outside a file of lib/ is after the command wrote it.
  [[nodiscard]] std::string landed(const std::string& name) const {
    return workspace.upper.empty() ? project("lib/" + name) : upper("lib/" + name);
  }

  // Runs `probe ARGUMENTS…` confined, or (`bare`) as it is: the control arm. With `look` the probe
  // is held when it is done, each of its processes is looked at, and it is let go.
  Probe run(const Arguments& arguments, const Look& look = {});
  Probe bare(const Arguments& arguments, const Look& look = {});
  // Another program, confined.
  Probe run_program(const std::string& program, const Arguments& arguments);

  // Changes are written through to lib/, as for servers.
  void go_live();
  void hide_user_namespaces();

  sandbox::KernelSupport kernel;
  policy::Confinement confinement;
  sandbox::Workspace workspace;  // tests change what they need
  std::vector<std::string> environment{"PATH=/usr/bin:/bin"};
  std::string cwd;
  sandbox::ExecRules exec;  // without a judge everything may be started
  bool own_terminal = false;
  std::function<mixguard::Result<void>()> before_start;

  void write(const std::string& path, const std::string& content) const;
  [[nodiscard]] static std::string read(const std::string& path);
  [[nodiscard]] static bool exists(const std::string& path);
  [[nodiscard]] static const std::string& probe();

 private:
  Probe confined(const std::string& program, const Arguments& arguments,
                 const std::function<void(const std::function<bool()>&)>& meanwhile);
  void clear_work_directory() const;
  std::string root_;
};

}  // namespace mixguard::test
