// SPDX-License-Identifier: Apache-2.0
#include "policy/pattern.hpp"

#include <chrono>

#include "policy/grants.hpp"
#include "tests/policy/support.hpp"

namespace mixguard::policy::test {
namespace {

TEST_CASE("a pattern matches the whole text or not at all") {
  const auto pattern = Pattern::make("dev|test");
  REQUIRE(pattern);
  CHECK(pattern->matches("dev"));
  CHECK_FALSE(pattern->matches("development"));
  CHECK_FALSE(pattern->matches("dev\n"));
  CHECK_FALSE(pattern->matches(std::string_view("dev\0x", 5)));
  CHECK_FALSE(pattern->matches(""));
}

TEST_CASE("what RE2 has not, and what is too much for it, is refused when made") {
  const auto text = GENERATE(as<std::string>(), "(?=a)", "(a)\\1", "(?<!a)b", "a{1001}",
                             "(a{100}){100}", "[a", "a)", "(?P<x", "\xff", "*a", "(\\pL{50}){20}");
  INFO(text);
  CHECK_FALSE(Pattern::make(text));
}

TEST_CASE("what is accepted can be matched") {
  const auto text = GENERATE(as<std::string>(), "", ".{64,}", "[a-z]{1,1000}", "(x{1,30}){1,30}",
                             "\\pL+", "[^\\x00-\\x1f]{0,512}", "(?i)abc", "(a+)+$");
  INFO(text);
  const auto pattern = Pattern::make(text);
  REQUIRE(pattern);
  const bool matched = pattern->matches("") || pattern->matches(std::string(64, 'x')) ||
                       pattern->matches("ABC") || pattern->matches("a");
  CHECK(matched);
}

TEST_CASE("matching takes linear time") {
  const auto pattern = Pattern::make("(a+)+$");
  REQUIRE(pattern);
  const auto start = std::chrono::steady_clock::now();
  CHECK_FALSE(pattern->matches(std::string(4096, 'a') + "!"));
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(1));
}

TEST_CASE("globs match whole paths, component by component") {
  const auto [glob, path, expected] = GENERATE(table<std::string, std::string, bool>({
      {"_build/**", "_build", true},
      {"_build/**", "_build/dev/lib/x", true},
      {"_build/**", "_builds", false},
      {"_build/**", "a/_build", false},
      {"**/.env*", ".env", true},
      {"**/.env*", "a/b/.env.local", true},
      {"**/.env*", "a/env", false},
      {"lib/*.ex", "lib/a.ex", true},
      {"lib/*.ex", "lib/a/b.ex", false},
      {"lib/**/*.ex", "lib/a.ex", true},
      {"lib/**/*.ex", "lib/a/b/c.ex", true},
      {"a/**/b/**/c", "a/x/b/y/b/c", true},
      {"a/**/b/**/c", "a/x/c", false},
      {"?", "a", true},
      {"?", "ab", false},
      {"**", "a/b", true},
      {"*", "a/b", false},
      {"/a/**", "/a/b", true},
      {"/a/**", "a/b", false},
      {"a*b*c", "axxbyyc", true},
      {"a*b*c", "axxbyy", false},
      {"", "", true},
  }));
  INFO(glob << " on " << path);
  CHECK(glob_matches(glob, path) == expected);
}

TEST_CASE("a glob covers another only when every path of it is covered") {
  const auto [outer, inner, expected] = GENERATE(table<std::string, std::string, bool>({
      {"**", "a/**", true},
      {"_build/**", "_build/dev/*.beam", true},
      {"_build/**", "_build/**", true},
      {"_build/**", "_build", true},
      {"a/*", "a/**", false},
      {"a/*", "a/b?", true},
      {"a/?b", "a/*b", false},
      {"a/*.ex", "a/*x.ex", true},
      {"a/*x.ex", "a/*.ex", false},
      {"**/*.db", "priv/*.db", true},
      {"**/*.db", "**/x.db", true},
      {"*/x", "**/x", false},
      {"**", "~/.mix/**", false},
      {"~/.mix/**", "~/.mix/archives/**", true},
      {"~/.mix/**", "~/.hex/**", false},
  }));
  INFO(outer << " over " << inner);
  CHECK(glob_covers(outer, inner) == expected);
}

}  // namespace
}  // namespace mixguard::policy::test
