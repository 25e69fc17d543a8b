// SPDX-License-Identifier: Apache-2.0
#pragma once

// A throw-away world for sandbox tests: a project directory, a file outside of it, a listener or
// two, and the probe run with or without the sandbox. Everything is below one temporary directory
// that goes with the Box.

#include <functional>
#include <string>
#include <vector>

#include "sandbox/sandbox.hpp"

namespace mixguard::test {

struct Probe {
  sandbox::Outcome outcome;
  std::string output;  // standard output
  std::string error;   // why the sandbox could not be built; then `outcome` means nothing
  [[nodiscard]] bool worked() const {
    return outcome.kind == sandbox::Outcome::Kind::kExited && outcome.code == 77;
  }
  [[nodiscard]] bool refused() const { return error.empty() && !worked(); }
};

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

  // Runs `probe ARGUMENTS…` confined, or (`bare`) as it is: the control arm.
  Probe run(const std::vector<std::string>& arguments);
  Probe bare(const std::vector<std::string>& arguments);

  policy::Confinement confinement;
  sandbox::Workspace workspace;  // transaction on the project; tests change what they need
  std::vector<std::string> environment{"PATH=/usr/bin:/bin"};
  std::string cwd;
  bool hide_user_namespaces = false;  // reduced mode
  sandbox::ExecRules exec;            // without a judge everything may be started
  std::string program;                // what is run instead of the probe

  void write(const std::string& path, const std::string& content) const;
  [[nodiscard]] static std::string read(const std::string& path);
  [[nodiscard]] static bool exists(const std::string& path);

 private:
  std::string root_;
};

// Skips the running test, with the reason, when user namespaces are not to be had; fails it under
// MIXGUARD_MUST_SANDBOX=1. Returns whether the test may go on.
[[nodiscard]] bool full_sandbox_available();

// The path of a program built for the tests.
[[nodiscard]] std::string test_program(const std::string& name);

}  // namespace mixguard::test
