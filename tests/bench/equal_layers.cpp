// SPDX-License-Identifier: Apache-2.0
//
// The sandbox alone, with the layers that bubblewrap has as well: namespaces, a view of a few bind
// mounts, the filter. No decision, no overlay, no Landlock, no judged execs, no record.
//   equal_layers PROGRAM ARG…
#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "sandbox/sandbox.hpp"

int main(int argc, char** argv) {
  using namespace mixguard;
  if (argc < 2) return 2;
  policy::Confinement confinement;
  confinement.safeguards = {{"landlock", policy::Requirement::kOff},
                            {"exec_rules", policy::Requirement::kOff}};
  const sandbox::KernelSupport kernel = sandbox::probe_kernel();
  const auto layers = sandbox::plan_layers(confinement, kernel);
  const std::string here = std::filesystem::current_path();
  sandbox::Workspace workspace;
  workspace.binds = {{"/usr", "/usr"}, {here, here, true}};
  workspace.symlinks = {{"/bin", "usr/bin"}, {"/lib", "usr/lib"}, {"/lib64", "usr/lib64"}};
  sandbox::Command command;
  command.program = argv[1];
  command.argv.assign(argv + 1, argv + argc);
  command.environment = {"PATH=/usr/bin:/bin"};
  command.cwd = here;
  const auto outcome =
      layers ? sandbox::run(confinement, command, workspace, *layers, kernel) : propagate(layers);
  if (!outcome) {
    std::cerr << outcome.error().message << "\n";
    return 125;
  }
  return outcome->code;
}
