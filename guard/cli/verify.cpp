// SPDX-License-Identifier: Apache-2.0
#include "guard/cli/verify.hpp"

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "guard/audit/log.hpp"
#include "guard/cli/judged.hpp"
#include "guard/config.hpp"
#include "guard/exit_code.hpp"
#include "guard/output/decision_json.hpp"
#include "guard/output/progress.hpp"

namespace mixguard::guard::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kSteps = 6;

int verify_project(const Invocation& invocation, bool tests, Console& console) {
  return with_store(invocation, console, [&](const Store& store) -> Result<int> {
    if (store.project_root().empty())
      return fail("verify: there is no mix.exs here or above; name a project with --project DIR");
    const auto steps = verify_and_record(store, {invocation.common.policy, "", tests}, console);
    if (!steps) return propagate(steps);
    const bool passed = has_passed(*steps);
    if (console.json()) {
      console.document(dump_pretty({{"passed", passed}, {"steps", steps_json(*steps)}}));
    } else {
      print_steps(*steps, console);
    }
    return passed ? kExitOk : kExitNotCommitted;
  });
}

}  // namespace

Json steps_json(const std::vector<VerifyStep>& steps) {
  Json list = Json::array();
  for (const VerifyStep& step : steps) {
    list.push_back({{"name", step.name},
                    {"outcome", to_string(step.outcome)},
                    {"why", step.why},
                    {"details", step.details},
                    {"ms", step.took.count()}});
  }
  return list;
}

void print_steps(const std::vector<VerifyStep>& steps, Console& console) {
  for (const VerifyStep& step : steps) {
    std::string line(to_string(step.outcome));
    line.resize(9, ' ');
    line += step.name + ": " + printable(step.why);
    if (step.outcome != VerifyStep::Outcome::kSkipped)
      line += "   (" + std::to_string(step.took.count()) + " ms)";
    console.document(line);
    for (const std::string& detail : step.details) console.document("    " + printable(detail));
  }
}

Result<std::vector<VerifyStep>> verify_and_record(const Store& store, const VerifyOptions& options,
                                                  Console& console) {
  const auto policy = load_policy(store.project_root(), options.policy);
  if (!policy) return fail("verify: " + policy.error().lines.front());
  std::vector<policy::HttpEndpoint> endpoints;
  for (const policy::Ruleset& layer : policy->policy.layers())
    endpoints.insert(endpoints.end(), layer.endpoints.begin(), layer.endpoints.end());
  Progress progress(console, "verify", kSteps, std::chrono::milliseconds(0));
  std::size_t begun = 0;
  auto steps =
      verify(store, options, endpoints, [&](const char* name) { progress.at(begun++, name); });
  progress.end();
  auto written = write_down(store, "validated",
                            {{"run_id", text_or_null(options.run_id)},
                             {"passed", has_passed(steps)},
                             {"steps", steps_json(steps)}});
  if (!written) return propagate(written);
  return steps;
}

void define_verify(CLI::App& app, Invocation& invocation) {
  const auto tests = std::make_shared<bool>(false);
  CLI::App* verb =
      add_verb(app, invocation, "verify",
               "Is the project sound: dependencies, warnings, tests, migrations, endpoints",
               [&invocation, tests](Console& console) {
                 return verify_project(invocation, *tests, console);
               });
  verb->add_flag("--tests", *tests, "Run the tests too");
}

}  // namespace mixguard::guard::cli
