// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "guard/cli/verb.hpp"
#include "guard/config.hpp"
#include "guard/exit_code.hpp"
#include "guard/helper_process.hpp"
#include "guard/output/console.hpp"
#include "guard/output/run_json.hpp"
#include "guard/project.hpp"
#include "sandbox/sandbox.hpp"

namespace mixguard::guard::cli {
namespace {

using Json = nlohmann::ordered_json;
using State = sandbox::LayerReport::State;

const char* mark(State state) {
  switch (state) {
    case State::kActive:
      return "active     ";
    case State::kDegraded:
      return "degraded   ";
    case State::kUnavailable:
      return "unavailable";
    case State::kOff:
      return "off        ";
  }
  return "unavailable";
}

// The script answers --short-version itself, without starting a virtual machine.
std::string elixir_version(const Toolchain& toolchain) {
  if (toolchain.elixir.path.empty()) return {};
  const Result<HelperOutput> output =
      run_helper(toolchain.elixir.real, {"--short-version"}, std::chrono::seconds(5));
  if (!output || output->exit_code != 0) return {};
  return output->standard_output.substr(0, output->standard_output.find('\n'));
}

struct Report {
  std::vector<sandbox::LayerReport> layers;
  std::string sandbox_trouble;  // why nothing can run at all
  sandbox::KernelSupport kernel;
  Toolchain toolchain;
  std::string elixir;
  std::string policy_trouble;
};

Report examine(const CommonOptions& common) {
  Report report;
  report.kernel = sandbox::probe_kernel();
  const Result<Project> project = find_project(common.project);
  const sandbox::UniqueFd root(
      project && project->found()
          ? ::open(project->root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
          : -1);
  if (root) report.kernel.overlay_why = sandbox::why_no_overlay(root.get(), project->root);
  policy::Confinement confinement;
  auto layers = sandbox::plan_layers(confinement, report.kernel);
  layers ? static_cast<void>(report.layers = std::move(*layers))
         : static_cast<void>(report.sandbox_trouble = layers.error().message);
  report.toolchain = find_toolchain(project ? project->root : std::string());
  report.elixir = elixir_version(report.toolchain);
  if (const auto loaded = load_policy(project ? project->root : std::string(), common.policy);
      !loaded) {
    report.policy_trouble = loaded.error().lines.front();
  }
  return report;
}

void print(const Report& report, Console& console) {
  for (const sandbox::LayerReport& layer : report.layers) {
    std::string name = layer.name;
    name.resize(std::max<std::size_t>(name.size(), 16), ' ');
    console.document(std::string(mark(layer.state)) + "  " + name + layer.detail);
  }
  if (!report.sandbox_trouble.empty())
    console.document("unavailable  sandbox         " + report.sandbox_trouble);
  if (!report.kernel.user_namespaces)
    console.document("             to mend user_namespaces: " +
                     report.kernel.user_namespaces_remedy);
  const Toolchain& toolchain = report.toolchain;
  if (toolchain.mix.path.empty()) {
    console.document("missing      elixir          no mix found; Debian: apt install elixir");
  } else {
    console.document("found        elixir          " + report.elixir + " at " + toolchain.mix.real +
                     (toolchain.recognised
                          ? ", started directly"
                          : ", started through its scripts: " + toolchain.why_not));
  }
  console.document(report.policy_trouble.empty()
                       ? "valid        policy"
                       : "invalid      policy          " + report.policy_trouble);
}

int doctor(const CommonOptions& common, Console& console) {
  const Report report = examine(common);
  if (console.json()) {
    console.document(dump_pretty(
        {{"layers", layers_json(report.layers)},
         {"sandbox",
          report.sandbox_trouble.empty() ? Json("usable") : Json(report.sandbox_trouble)},
         {"remedy", report.kernel.user_namespaces_remedy},
         {"elixir",
          {{"version", report.elixir},
           {"mix", report.toolchain.mix.path},
           {"started_directly", report.toolchain.recognised}}},
         {"policy", report.policy_trouble.empty() ? Json("valid") : Json(report.policy_trouble)}}));
  } else {
    print(report, console);
  }
  return report.sandbox_trouble.empty() && report.policy_trouble.empty() ? kExitOk : kExitInternal;
}

}  // namespace

void define_doctor(CLI::App& app, Invocation& invocation) {
  add_verb(app, invocation, "doctor",
           "Each layer: active, degraded or unavailable, and how to mend it",
           [&](Console& console) { return doctor(invocation.common, console); });
}

}  // namespace mixguard::guard::cli
