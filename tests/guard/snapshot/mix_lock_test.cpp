// SPDX-License-Identifier: Apache-2.0
#include "guard/snapshot/mix_lock.hpp"

#include <catch2/catch.hpp>

namespace mixguard::guard {
namespace {

const std::string kLock =
    "%{\n"
    R"(  "decimal": {:hex, :decimal, "2.1.1", "5611", [:mix], [], "hexpm", "53cf"},)"
    "\n"
    R"(  "jason": {:hex, :jason, "1.4.1", "af1d", [:mix], [{:decimal, "~> 1.0 or ~> 2.0", [hex: :decimal, repo: "hexpm", optional: true]}], "hexpm", "fbb0"},)"
    "\n"
    R"(  "local": {:git, "file:///srv/a \"b\".git", "0a1b", [tag: "v1"]},)"
    "\n}\n";

MixLock parsed(const std::string& text) {
  auto lock = parse_mix_lock(text);
  if (!lock) FAIL(lock.error().message);
  return std::move(*lock);
}

TEST_CASE("a lock file is written as it was read") {
  CHECK(parsed(kLock).text() == kLock);
  CHECK(parsed("%{}").text() == "%{\n}\n");
  const std::string windows = "%{\r\n  \"a\": {:git, \"x\", \"1\", []},\r\n}\r\n";
  CHECK(parsed(windows).text() == windows);
}

TEST_CASE("one dependency's entry is replaced, removed or added where it belongs") {
  MixLock lock = parsed(kLock);
  REQUIRE(lock.entries.size() == 3);
  CHECK(lock.entries[1].name == "jason");
  const auto jason = lock.text_of("jason");
  REQUIRE(jason);
  CHECK(jason->starts_with("\"jason\": {:hex"));
  CHECK(jason->ends_with("\"fbb0\"}"));
  lock.set("jason", std::nullopt);
  CHECK_FALSE(lock.text_of("jason"));
  lock.set("absent", std::nullopt);
  CHECK(lock.entries.size() == 2);
  lock.set("jason", jason);
  CHECK(lock.text() == kLock);
  lock.set("jason", "\"jason\": {:hex, 1}");
  CHECK(lock.text().find("\n  \"jason\": {:hex, 1},\n  \"local\"") != std::string::npos);
}

TEST_CASE("what older versions and the formatter write is read too") {
  const MixLock old =
      parsed("%{\"a\": {:git, \"u\", \"1\", []},\n  \"b\": {:hex, :b, \"1.0.0\"}}\n");
  CHECK(old.entries.size() == 2);
  CHECK(old.text() ==
        "%{\n  \"a\": {:git, \"u\", \"1\", []},\n  \"b\": {:hex, :b, \"1.0.0\"},\n}\n");
  CHECK(parsed("%{\n  a: {:git, \"u\", \"1\", []}\n}\n").text_of("a") ==
        "a: {:git, \"u\", \"1\", []}");
}

TEST_CASE("what is no map of that shape is refused with its line") {
  const auto line_of = [](const std::string& text) {
    const auto lock = parse_mix_lock(text);
    REQUIRE_FALSE(lock);
    return lock.error().message.substr(0, lock.error().message.find(':'));
  };
  CHECK(line_of("") == "line 1");
  CHECK(line_of("[a: 1]") == "line 1");
  CHECK(line_of("%{\n<<<<<<< HEAD\n  \"a\": {:x},\n") == "line 2");
  CHECK(line_of("%{\n  \"a\": {:x},\n=======\n  \"a\": {:y},\n>>>>>>> b\n}\n") == "line 3");
  CHECK(line_of("%{\n  \"a\": {:x},\n  \"a\": {:y},\n}\n") == "line 3");
  CHECK(line_of("%{\"a\": System.halt()}") == "line 1");
  CHECK(line_of("%{\"a\": {:x, \"#{1}\"}}") == "line 1");
  CHECK(line_of("%{\"a\": {:x, \"open}}") == "line 1");
  CHECK(line_of("%{\"a\": {:x}}\nIO.puts(1)\n") == "line 2");
  CHECK(line_of("%{\"a\": {:x]}") == "line 1");
  CHECK(line_of("%{\"a\": }") == "line 1");
  CHECK(line_of("%{\"a\": {:x} # note\n}") == "line 1");
}

}  // namespace
}  // namespace mixguard::guard
