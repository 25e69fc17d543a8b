// SPDX-License-Identifier: Apache-2.0
#include "policy/coverage.hpp"

#include "tests/policy/support.hpp"

namespace mixguard::policy::test {
namespace {

constexpr const char* kRules = R"(
  [[task]]
  id = "migrate"
  name = "ecto.migrate"
  decision = "allow"
  args = []
  [task.flags]
  quiet = "bool"
  step = { type = "int", min = 1, max = 20, alias = "n" }
  [[task]]
  id = "drop"
  name = "ecto.drop"
  decision = "deny"
)";

// What is not reached, without the places.
std::vector<std::string> uncovered(std::string expectations) {
  std::vector<std::string> what;
  for (const LintWarning& one : cover(bare_policy(kRules + expectations)).uncovered)
    what.push_back(one.what);
  return what;
}

TEST_CASE("without expectations nothing is reached") {
  CHECK(uncovered("") ==
        std::vector<std::string>{"E_ARG: no expectation is refused for an argument",
                                 "E_FLAG_UNKNOWN: no expectation is refused for an "
                                 "unknown flag",
                                 "E_NO_RULE: no expectation is refused for want of a "
                                 "rule",
                                 "E_RULE: no expectation is refused by a rule",
                                 "rule \"migrate\": no expectation reaches it",
                                 "rule \"migrate\": no expectation is let through with --quiet",
                                 "rule \"migrate\": no expectation is let through with --step",
                                 "rule \"migrate\": no expectation is refused for its --step",
                                 "rule \"drop\": no expectation reaches it"});
}

TEST_CASE("each expectation reaches what it says") {
  CHECK(uncovered(R"(
    [[expect]]
    run = ["mix", "ecto.migrate", "-n", "3", "--no-quiet"]
    is = "allow"
    [[expect]]
    run = ["mix", "ecto.migrate", "--step", "21"]
    is = "deny"
    [[expect]]
    run = ["mix", "ecto.drop"]
    is = "deny"
    [[expect]]
    run = ["mix", "ecto.migrate", "now"]
    is = "deny"
    [[expect]]
    run = ["mix", "ecto.migrate", "--bogus"]
    is = "deny"
    [[expect]]
    run = ["mix", "something.else"]
    is = "deny"
  )")
            .empty());
}

TEST_CASE("a refusal for another reason breaks no bound") {
  const auto missing = uncovered(R"(
    [[expect]]
    run = ["mix", "ecto.migrate", "--step", "3", "--bogus"]
    is = "deny"
  )");
  CHECK(std::find(missing.begin(), missing.end(),
                  "rule \"migrate\": no expectation is refused for its --step") != missing.end());
  CHECK(std::find(missing.begin(), missing.end(),
                  "rule \"migrate\": no expectation is let through with --step") != missing.end());
}

TEST_CASE("the percentage is rounded down, and full for a policy without rules") {
  Coverage coverage;
  CHECK(coverage.percent() == 100);
  coverage.items = 10000;
  coverage.uncovered.resize(1);
  CHECK(coverage.percent() == 99);
}

}  // namespace
}  // namespace mixguard::policy::test
