// SPDX-License-Identifier: Apache-2.0
#include "policy/values.hpp"

#include "tests/policy/support.hpp"

namespace mixguard::policy::test {
namespace {

constexpr PathScope kScope{"/home/u/shop", "/home/u/shop/apps"};

std::string check(const ValueType& type, std::string_view text) {
  std::vector<PathArgument> paths;
  const auto misfit = check_value(type, text, kScope, paths);
  return misfit ? std::string(to_string(misfit->reason)) : "";
}

std::string check(ValueKind kind, std::string_view text) {
  ValueType type;
  type.kind = kind;
  return check(type, text);
}

TEST_CASE("values have the shape of their type") {
  const auto [kind, text] = GENERATE(table<ValueKind, std::string>({
      {ValueKind::kInt, "0"},
      {ValueKind::kInt, "-12"},
      {ValueKind::kVersion, "20240131235959"},
      {ValueKind::kModule, "Acme.Repo_2"},
      {ValueKind::kMfa, "Acme.run/1"},
      {ValueKind::kMfa, "Acme.Sub.run!/0"},
      {ValueKind::kMfa, "Acme.ok?"},
      {ValueKind::kMfa, "Acme"},
      {ValueKind::kName, "a_1"},
      {ValueKind::kDuration, "30s"},
      {ValueKind::kDuration, "5000"},
      {ValueKind::kPath, "lib/a b.ex"},
      {ValueKind::kPath, "/home/u/shop"},
      {ValueKind::kPath, "../lib/x"},
      {ValueKind::kCode, "IO.puts(\"$(id)\")"},
  }));
  INFO(text);
  CHECK(check(kind, text).empty());
}

TEST_CASE("values of another shape are refused") {
  const auto [kind, text, reason] = GENERATE(table<ValueKind, std::string, std::string>({
      {ValueKind::kInt, "1.5", "E_FLAG_TYPE"},
      {ValueKind::kInt, "99999999999999999999", "E_FLAG_TYPE"},
      {ValueKind::kInt, "\u0661", "E_FLAG_TYPE"},
      {ValueKind::kInt, "1;id", "E_META"},
      {ValueKind::kVersion, "2024013123595", "E_FLAG_TYPE"},
      {ValueKind::kVersion, "202401312359599", "E_FLAG_TYPE"},
      {ValueKind::kModule, "acme.Repo", "E_FLAG_TYPE"},
      {ValueKind::kModule, "Acme.", "E_FLAG_TYPE"},
      {ValueKind::kModule, "Acme..Repo", "E_FLAG_TYPE"},
      {ValueKind::kModule, "X;Y", "E_META"},
      {ValueKind::kMfa, "Acme.run/", "E_FLAG_TYPE"},
      {ValueKind::kMfa, "Acme/1", "E_FLAG_TYPE"},
      {ValueKind::kMfa, "run/1", "E_FLAG_TYPE"},
      {ValueKind::kName, "1a", "E_FLAG_TYPE"},
      {ValueKind::kName, "aB", "E_FLAG_TYPE"},
      {ValueKind::kDuration, "s", "E_FLAG_TYPE"},
      {ValueKind::kPath, "a/*.ex", "E_META"},
      {ValueKind::kPath, "-rf", "E_FLAG_TYPE"},
      {ValueKind::kPath, "../../x", "E_PATH"},
      {ValueKind::kPath, "/home/u/shopping", "E_PATH"},
      {ValueKind::kPath, "/etc/passwd", "E_PATH"},
      {ValueKind::kPath, "", "E_FLAG_TYPE"},
      {ValueKind::kCode, "", "E_FLAG_TYPE"},
  }));
  INFO(text);
  CHECK(check(kind, text) == reason);
}

TEST_CASE("a listed word is taken whatever it holds, and no other is") {
  ValueType type;
  type.kind = ValueKind::kEnum;
  type.choices = {"lib/**/*.ex", "$x"};
  CHECK(check(type, "lib/**/*.ex").empty());
  CHECK(check(type, "$x").empty());
  CHECK(check(type, "lib") == "E_FLAG_TYPE");
  CHECK(check(type, "lib/*") == "E_META");
}

TEST_CASE("a string takes what its pattern takes, up to its length") {
  ValueType type;
  type.match = *Pattern::make("[a-z*]+");
  type.max_len = 4;
  CHECK(check(type, "a*b").empty());
  CHECK(check(type, "abcde") == "E_FLAG_TYPE");
  CHECK(check(type, "a?") == "E_META");
  CHECK(check(type, "a\n") == "E_META");
}

TEST_CASE("paths are expanded as Path.expand does, without looking at the disk") {
  CHECK(expand_path("a/./b//c/", "/x") == "/x/a/b/c");
  CHECK(expand_path("../../../a", "/x/y") == "/a");
  CHECK(expand_path("/a/../..", "/x") == "/");
  CHECK(expand_path("", "/x") == "/x");
  CHECK(expand_path(".", "/") == "/");
  CHECK(is_beneath("/a/b", "/a"));
  CHECK(is_beneath("/a", "/a"));
  CHECK(is_beneath("/a", "/"));
  CHECK_FALSE(is_beneath("/ab", "/a"));
}

TEST_CASE("accepted paths are handed on with their root, line numbers taken off as well") {
  ValueType type;
  type.kind = ValueKind::kPath;
  type.under = "${root}/test";
  std::vector<PathArgument> paths;
  REQUIRE_FALSE(check_value(type, "../test/a_test.exs:12:15", kScope, paths));
  REQUIRE(paths.size() == 2);
  CHECK(paths[0].path == "/home/u/shop/test/a_test.exs");
  CHECK(paths[1].path == "/home/u/shop/test/a_test.exs:12:15");
  CHECK(paths[1].given == "../test/a_test.exs:12:15");
  CHECK(paths[1].under == "/home/u/shop/test");
}

TEST_CASE("without a project there is no path below it") {
  ValueType type;
  type.kind = ValueKind::kPath;
  std::vector<PathArgument> paths;
  const auto misfit = check_value(type, "a", {"", "/tmp"}, paths);
  REQUIRE(misfit);
  CHECK(misfit->reason == Reason::kPath);
}

}  // namespace
}  // namespace mixguard::policy::test
