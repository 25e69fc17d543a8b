// SPDX-License-Identifier: Apache-2.0
#include "policy/gates.hpp"

#include "policy/text.hpp"
#include "tests/policy/support.hpp"

namespace mixguard::policy::test {
namespace {

// Everything is allowed to `t`, so that only a gate can refuse.
const Policy& open_policy() {
  static const Policy policy = bare_policy(R"(
    [[task]]
    id = "t"
    name = "t"
    decision = "allow"
    args = [{ type = "code", repeat = [0, 64] }]
  )");
  return policy;
}

std::string gate(const Words& arguments) {
  Words argv = {"mix", "t"};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return outcome(decide(open_policy(), argv, facts()));
}

TEST_CASE("64 arguments are taken and 65 are not") {
  CHECK(gate(Words(62, "x")) == "allow");
  CHECK(gate(Words(63, "x")) == "deny E_LIMIT");
}

TEST_CASE("an argument of 4096 bytes is taken and one of 4097 is not") {
  CHECK(gate({std::string(4096, 'x')}) == "allow");
  CHECK(gate({std::string(4097, 'x')}) == "deny E_LIMIT");
}

TEST_CASE("a command is no longer than 65536 bytes") {
  CHECK(gate(Words(15, std::string(4096, 'x'))) == "allow");
  CHECK(gate(Words(16, std::string(4096, 'x'))) == "deny E_LIMIT");
}

TEST_CASE("no control character gets through") {
  for (char32_t c = 0; c < 0xA0; ++c) {
    if (c >= 0x20 && c < 0x7F) continue;
    std::string text = "a";
    if (c < 0x80) {
      text += static_cast<char>(c);
    } else {
      text += static_cast<char>(0xC2);
      text += static_cast<char>(c);
    }
    INFO(code_point_name(c));
    CHECK(gate({text}) == "deny E_CONTROL");
  }
}

TEST_CASE("no invisible character gets through") {
  const auto text =
      GENERATE(as<std::string>(), "\u200b", "\u200d", "\u202e", "\u2066", "\ufeff", "\u00ad",
               "\u00a0", "\u3000", "\u2028", "\u180e", "\U000e0041", "\ufe0f", "\u3164", "\u115f");
  CHECK(gate({"a" + text}) == "deny E_UNICODE");
}

TEST_CASE("what is not UTF-8 does not get through") {
  const auto text = GENERATE(as<std::string>(), "\xff", "\xc3", "\xc0\xaf", "\xed\xa0\x80",
                             "\xf4\x90\x80\x80", "\xe2\x82", "\x80");
  CHECK(gate({"a" + text}) == "deny E_UNICODE");
}

TEST_CASE("names of flags are ASCII and values need not be") {
  CHECK(gate({"--\u0430ll"}) == "deny E_UNICODE");
  CHECK(gate({"-\u0430"}) == "deny E_UNICODE");
  CHECK(gate({"\u2014all"}) == "deny E_UNICODE");
  CHECK(gate({"gr\u00fcn"}) == "allow");
}

TEST_CASE("the program's own name passes the gates too") {
  CHECK(outcome(decide(open_policy(), {"mix\n"}, facts())) == "deny E_CONTROL");
  CHECK(outcome(decide(open_policy(), {}, facts())) == "deny E_LAUNCHER");
}

TEST_CASE("code takes the characters that a shell would act on") {
  CHECK(gate({"IO.puts(\"$x\") ; `y` | [z] > {1} & *?~#!\\"}) == "allow");
}

}  // namespace
}  // namespace mixguard::policy::test
