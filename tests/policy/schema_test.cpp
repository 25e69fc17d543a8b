// SPDX-License-Identifier: Apache-2.0
#include "policy/schema.hpp"

#include <nlohmann/json.hpp>
#include <set>

#include "tests/policy/support.hpp"

namespace mixguard::policy::test {
namespace {

using Json = nlohmann::json;

// The keys that the parser names when it meets one that is like none of them.
std::set<std::string> keys_of_parser(const std::string& text) {
  const auto parsed = parse_ruleset("version = 1\n" + text, "p.toml", Layer::kUser);
  REQUIRE_FALSE(parsed);
  const std::string& what = parsed.error().front().what;
  INFO(what);
  REQUIRE(what.find("unknown key \"_________\"") == 0);
  std::set<std::string> keys;
  std::size_t at = what.find("expected one of");
  REQUIRE(at != std::string::npos);
  while ((at = what.find('"', at)) != std::string::npos) {
    const std::size_t end = what.find('"', at + 1);
    keys.insert(what.substr(at + 1, end - at - 1));
    at = end + 1;
  }
  return keys;
}

TEST_CASE("the schema has the keys that the parser takes, and no others") {
  const Json schema = Json::parse(policy::schema());
  const auto [where, text] = GENERATE(table<std::string, std::string>({
      {"", "_________ = 1"},
      {"/definitions/variable", "[env]\nFOO = { _________ = 1 }"},
      {"/definitions/fs", "[fs]\n_________ = 1"},
      {"/definitions/net", "[net]\n_________ = 1"},
      {"/definitions/limits", "[limits]\n_________ = 1"},
      {"/definitions/safeguards", "[safeguards]\n_________ = 1"},
      {"/definitions/task", "[[task]]\nid='a'\nname='a'\ndecision='ask'\n_________ = 1"},
      {"/definitions/snapshot",
       "[[task]]\nid='a'\nname='a'\ndecision='ask'\nsnapshot = { what = [], _________ = 1 }"},
      {"/definitions/flag",
       "[[task]]\nid='a'\nname='a'\ndecision='ask'\nflags = { to = { type='int', _________ = 1 } "
       "}"},
      {"/definitions/argument",
       "[[task]]\nid='a'\nname='a'\ndecision='ask'\nargs = [{ type = 'int', _________ = 1 }]"},
      {"/definitions/exec", "[[exec]]\nid='a'\npath='/a'\ndecision='ask'\n_________ = 1"},
      {"/definitions/expect", "[[expect]]\nrun=['mix']\nis='ask'\n_________ = 1"},
  }));
  INFO("schema" << where);
  const Json& part = schema.at(Json::json_pointer(where));
  CHECK(part.at("additionalProperties") == false);
  std::set<std::string> keys;
  for (const auto& [key, value] : part.at("properties").items()) keys.insert(key);
  CHECK(keys == keys_of_parser(text));
}

TEST_CASE("every key of the schema is described") {
  const Json schema = Json::parse(policy::schema());
  const auto described = [&](const Json& value, const auto& self) -> bool {
    if (value.contains("description")) return true;
    if (!value.contains("$ref")) return false;
    return self(schema.at(Json::json_pointer(value.at("$ref").get<std::string>().substr(1))), self);
  };
  std::vector<const Json*> tables = {&schema};
  for (const Json& table : schema.at("definitions")) tables.push_back(&table);
  for (const Json* table : tables) {
    if (!table->contains("properties")) continue;
    for (const auto& [key, value] : table->at("properties").items()) {
      INFO(key);
      CHECK((described(value, described) ||
             (value.contains("allOf") && described(value.at("allOf").front(), described))));
    }
  }
}

}  // namespace
}  // namespace mixguard::policy::test
