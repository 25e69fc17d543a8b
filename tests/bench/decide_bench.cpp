// SPDX-License-Identifier: Apache-2.0
//
// The judgement in process, as `mixguard check` asks for it: how long policies of 100 and of 5,000
// rules take to load and to decide.
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

constexpr unsigned kRulesInFile = 1'000;

// Rules as people write them: a few flags, a path, a pattern; some for a task that the catalogue
// knows. In as many files as it takes.
std::vector<std::string> policy_texts(unsigned rules) {
  std::vector<std::string> texts;
  for (unsigned i = 0; i < rules; ++i) {
    if (i % kRulesInFile == 0) texts.emplace_back("version = 1\n");
    const std::string n = std::to_string(i);
    texts.back() += "[[task]]\nid = \"rule" + n + "\"\nname = \"" +
                    (i < 3 ? "ecto.migrate" : "shop.task" + n) + R"("
env = ["dev", "test"]
decision = "allow"
flags = { step = { type = "int", min = 1, max = 20, alias = "n" }, quiet = "bool", only = { type = "string", match = '[a-z_]{1,20}', max_len = 20 } }
args = [{ type = "path", under = "${root}/test", repeat = [0, 8] }]
write = ["_build/**"]
)";
  }
  return texts;
}

std::vector<std::vector<std::string>> commands(unsigned rules) {
  const std::string last = "shop.task" + std::to_string(rules - 1);
  return {{"mix", "test"},
          {"mix", "compile", "--warnings-as-errors"},
          {"mix", "shop.task7", "--step", "3", "--quiet", "test/a_test.exs"},
          {"mix", last, "--only", "slow_ones"},
          {"mix", last, "--step", "21"},
          {"mix", "ecto.migrate", "-n", "2"},
          {"mix", "do", "compile", "+", "test"},
          {"mix", "Ecto.Drop"},
          {"mix", "does.not.exist"}};
}

Policy load(const std::vector<std::string>& texts) {
  std::vector<Ruleset> layers;
  for (const std::string& text : texts) {
    auto rules = parse_ruleset(text, "bench.toml", Layer::kSystem);
    if (!rules) std::abort();
    layers.push_back(std::move(*rules));
  }
  auto policy = Policy::build(std::move(layers));
  if (!policy) std::abort();
  return std::move(*policy);
}

std::int64_t nanoseconds(Clock::duration time) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time).count();
}

void measure(unsigned rules) {
  const std::vector<std::string> texts = policy_texts(rules);
  std::vector<std::int64_t> loads;
  for (int i = 0; i < 9; ++i) {
    const auto start = Clock::now();
    const Policy policy = load(texts);
    loads.push_back(nanoseconds(Clock::now() - start));
  }
  const Policy policy = load(texts);
  Facts facts;
  facts.project_root = facts.cwd = "/home/u/shop";
  facts.environment = {"HOME=/home/u", "LANG=C.UTF-8", "TERM=xterm", "MIX_ENV=dev"};
  std::vector<std::int64_t> times;
  for (int round = 0; round < 4'000; ++round) {
    for (const auto& argv : commands(rules)) {
      const auto start = Clock::now();
      const Decision decision = decide(policy, argv, facts, Detail::kRefusals);
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
