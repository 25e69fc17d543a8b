// SPDX-License-Identifier: Apache-2.0
//
// The judgement in process: how long policies of 100 and of 5,000 rules take to load and to decide.
// One line each:
//   RULES LOAD_US P50_NS P99_NS
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <iostream>
#include <string>
#include <vector>

#include "policy/engine.hpp"

namespace {

using namespace mixguard::policy;
using Clock = std::chrono::steady_clock;

// Rules as people write them: a few flags, a path, a pattern; some for tasks that the catalogue
// knows.
std::string policy_text(unsigned rules) {
  std::string text = "version = 1\n";
  for (unsigned i = 0; i < rules; ++i) {
    const std::string n = std::to_string(i);
    text += "[[task]]\nid = \"rule" + n + "\"\nname = \"" +
            (i % 10 == 0 ? "ecto.migrate" : "shop.task" + n) +
            "\"\nenv = [\"dev\", \"test\"]\ndecision = \"allow\"\n"
            "flags = { step = { type = \"int\", min = 1, max = 20, alias = \"n\" }, quiet = "
            "\"bool\", only = { type = "
            "\"string\", match = '[a-z_]{1,20}', max_len = 20 } }\n"
            "args = [{ type = \"path\", under = \"${root}/test\", repeat = [0, 8] }]\nwrite = "
            "[\"_build/**\"]\n";
  }
  return text;
}

std::vector<std::vector<std::string>> commands(unsigned rules) {
  const std::string last = "shop.task" + std::to_string(rules - 1);
  return {{"mix", "test"},
          {"mix", "compile", "--warnings-as-errors"},
          {"mix", "shop.task1", "--step", "3", "--quiet", "test/a_test.exs"},
          {"mix", last, "--only", "slow_ones"},
          {"mix", last, "--step", "21"},
          {"mix", "ecto.migrate", "-n", "2"},
          {"mix", "do", "compile", "+", "test"},
          {"mix", "Ecto.Drop"},
          {"mix", "does.not.exist"}};
}

Policy load(const std::string& text) {
  auto rules = parse_ruleset(text, "bench.toml", Layer::kUser);
  auto policy = rules ? Policy::build({std::move(*rules)}) : Policy::build({});
  if (!rules || !policy) std::abort();
  return std::move(*policy);
}

std::int64_t nanoseconds(Clock::duration time) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time).count();
}

void measure(unsigned rules) {
  const std::string text = policy_text(rules);
  std::vector<std::int64_t> loads;
  for (int i = 0; i < 9; ++i) {
    const auto start = Clock::now();
    const Policy policy = load(text);
    loads.push_back(nanoseconds(Clock::now() - start));
  }
  const Policy policy = load(text);
  Facts facts;
  facts.project_root = facts.cwd = "/home/u/shop";
  facts.environment = {"HOME=/home/u", "LANG=C.UTF-8", "TERM=xterm", "MIX_ENV=dev"};
  std::vector<std::int64_t> times;
  for (int round = 0; round < 4'000; ++round) {
    for (const auto& argv : commands(rules)) {
      const auto start = Clock::now();
      const Decision decision = decide(policy, argv, facts);
      times.push_back(nanoseconds(Clock::now() - start));
      if (decision.parts.empty()) std::abort();
    }
  }
  std::sort(loads.begin(), loads.end());
  std::sort(times.begin(), times.end());
  std::cout << rules << ' ' << loads[loads.size() / 2] / 1000 << ' ' << times[times.size() / 2]
            << ' ' << times[times.size() * 99 / 100] << '\n';
}

}  // namespace

int main() {
  measure(100);
  measure(5'000);
  return 0;
}
