// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/policy/support.hpp"

namespace mixguard::policy::test {
namespace {

std::string folder() {
  const char* const named = std::getenv("MIXGUARD_CASES");
  return named == nullptr ? std::string(MIXGUARD_TEST_SOURCES) + "/cases" : named;
}

std::string read(const std::string& path) {
  std::ifstream file(path);
  REQUIRE(file);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

Policy acme() {
  auto parsed = parse_ruleset(read(folder() + "/acme.toml"), "acme.toml", Layer::kProject);
  REQUIRE(parsed);
  parsed->named_explicitly = true;
  return policy_of({std::move(*parsed)});
}

TEST_CASE("every case of the public contract is judged as it says") {
  const Policy policy = acme();
  std::istringstream lines(read(folder() + "/policy.jsonl"));
  std::size_t count = 0;
  for (std::string line; std::getline(lines, line);) {
    const auto expected = nlohmann::json::parse(line);
    INFO(expected.at("name").get<std::string>());
    const Decision decision =
        decide(policy, expected.at("argv").get<Words>(),
               facts(expected.at("env").get<std::map<std::string, std::string>>()));
    INFO(decision.message);
    CHECK(std::string(to_string(decision.verdict)) == expected.at("decision").get<std::string>());
    if (expected.contains("reason")) {
      CHECK(std::string(to_string(decision.reason)) == expected.at("reason").get<std::string>());
    }
    ++count;
  }
  CHECK(count >= 62);
}

}  // namespace
}  // namespace mixguard::policy::test
