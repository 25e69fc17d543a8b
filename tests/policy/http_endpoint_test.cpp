// SPDX-License-Identifier: Apache-2.0
#include "policy/http_endpoint.hpp"

#include <catch2/catch.hpp>

#include "policy/ruleset.hpp"

namespace mixguard::policy {
namespace {

tl::expected<Ruleset, std::vector<PolicyError>> read(const std::string& table) {
  return parse_ruleset("version = 1\n[[endpoint]]\n" + table + "\n", "p.toml", Layer::kProject);
}

HttpEndpoint endpoint(const std::string& table) {
  const auto ruleset = read(table);
  INFO(table);
  if (!ruleset) FAIL(ruleset.error().front().to_string());
  return ruleset->endpoints.at(0);
}

std::string refusal(const std::string& table) {
  const auto ruleset = read(table);
  INFO(table);
  REQUIRE_FALSE(ruleset);
  REQUIRE(ruleset.error().size() == 1);
  return ruleset.error().front().to_string();
}

TEST_CASE("an endpoint's address is one of this machine") {
  const auto plain = endpoint("url = 'http://localhost:4000/'");
  CHECK(plain.host == "localhost");
  CHECK(plain.port == 4000);
  CHECK(plain.target == "/");
  CHECK(plain.status == 0);
  CHECK(endpoint("url = 'http://localhost'").target == "/");
  CHECK(endpoint("url = 'http://localhost'").port == 80);
  CHECK(endpoint("url = 'http://LOCALHOST:1/'").host == "localhost");
  CHECK(endpoint("url = 'http://127.9.9.9:1/'").host == "127.9.9.9");
  CHECK(endpoint("url = 'http://[::1]/x'").host == "::1");
  CHECK(endpoint("url = 'http://[::1]/x'").port == 80);
  CHECK(endpoint("url = 'http://[::1]:8080/x'").port == 8080);
  for (const char* other :
       {"http://10.0.0.1/", "http://example.com/", "http://localhost.example.com/",
        "http://127.0.0.1.example.com/", "http://user@localhost/", "http://127.0.0.1@10.0.0.1/",
        "http://0.0.0.0/", "http://[::]/", "http://[::ffff:10.0.0.1]/", "http://localhost:0/",
        "http://localhost:65536/", "http://localhost:/", "http://2130706433/", "http://0x7f.1/",
        "http:///x", "http://"}) {
    CHECK(refusal("url = '" + std::string(other) + "'").find("of this machine") !=
          std::string::npos);
  }
  for (const char* other : {"https://localhost/", "localhost:4000", "//localhost/", ""})
    CHECK(refusal("url = '" + std::string(other) + "'").find("\"http://\"") != std::string::npos);
}

TEST_CASE("each parameter of an endpoint's path has a value that stays one segment") {
  CHECK(endpoint("url = 'http://localhost/users/:id/posts/:slug/'\n"
                 "params = { id = 42, slug = 'a/b c?é' }")
            .target == "/users/42/posts/a%2Fb%20c%3F%C3%A9/");
  CHECK(endpoint("url = 'http://localhost/:on'\nparams = { on = true }").target == "/true");
  CHECK(endpoint("url = 'http://localhost/a:b/%20//x'").target == "/a:b/%20//x");
  for (const char* value : {"''", "'.'", "'..'"}) {
    CHECK(refusal("url = 'http://localhost/:id'\nparams = { id = " + std::string(value) + " }") ==
          "p.toml:4:17: \"id\" in \"params\" is \"" +
              std::string(value).substr(1, std::string(value).size() - 2) +
              "\"; expected something that stays one segment");
  }
  CHECK(refusal("url = 'http://localhost/:id'").find("parameter \"id\" has no value") !=
        std::string::npos);
  CHECK(refusal("url = 'http://localhost/x'\nparams = { id = 1 }").find("p.toml:4:12:") == 0);
  CHECK(refusal("url = 'http://localhost/:id'\nparams = { id = [1] }").find("is a list") !=
        std::string::npos);
  for (const char* path :
       {"..", "a/../b", "%2e%2E", ".", "a b", "%zz", "%2", "<", "\xC3\xA9", "\""})
    CHECK(refusal("url = 'http://localhost/" + std::string(path) + "'").find("in its path") !=
          std::string::npos);
}

TEST_CASE("an endpoint's query is encoded from its table") {
  CHECK(
      endpoint("url = 'http://localhost/s'\nquery = { q = 'a&b=c#d', 'x[]' = 1, e = '' }").target ==
      "/s?q=a%26b%3Dc%23d&x%5B%5D=1&e=");
  for (const char* url : {"http://localhost/s?q=1", "http://localhost/s#top", "http://localhost?q"})
    CHECK(refusal("url = '" + std::string(url) + "'").find("\"query\"") != std::string::npos);
  CHECK(refusal("url = 'http://localhost/'\nquery = 'a=b'").find("p.toml:4:9:") == 0);
}

TEST_CASE("an endpoint's status and content type are ones that there can be") {
  const auto both = endpoint(
      "url = 'http://localhost/'\nstatus = 404\ncontent_type = 'application/vnd.api+json'");
  CHECK(both.status == 404);
  CHECK(both.content_type == "application/vnd.api+json");
  for (const char* status : {"199", "600", "-1", "'200'"})
    refusal("url = 'http://localhost/'\nstatus = " + std::string(status));
  for (const char* type : {"html", "text/", "/html", "text/html; charset=utf-8", "a/b/c", ""})
    refusal("url = 'http://localhost/'\ncontent_type = '" + std::string(type) + "'");
  CHECK(refusal("status = 200").find("\"url\"") != std::string::npos);
}

}  // namespace
}  // namespace mixguard::policy
