// SPDX-License-Identifier: Apache-2.0
#include "policy/lint.hpp"

#include "tests/policy/support.hpp"

namespace mixguard::policy::test {
namespace {

std::string warnings(std::string_view text) {
  std::string all;
  for (const LintWarning& warning : lint(policy_of({ruleset(text)}))) {
    all += std::to_string(warning.line) + ": " + warning.what + "\n";
  }
  return all;
}

std::string task_warnings(std::string_view body) {
  return warnings("[[task]]\nid = 'r'\nname = 'x'\ndecision = 'allow'\n" + std::string(body));
}

TEST_CASE("a sound policy has no warnings") {
  CHECK(warnings("[env]\nMODE = { enum = ['a'] }\nAPI_KEY = { match = '[a-z]{8}', secret = true }")
            .empty());
  CHECK(task_warnings("flags = { only = { type = 'string', match = '[a-z]+', max_len = 9 } }")
            .empty());
}

TEST_CASE("patterns that refuse nothing are pointed out") {
  CHECK(task_warnings("flags = { only = { type = 'string', match = '.*', max_len = 9 } }") ==
        "6: rule \"r\", --only: \".*\" matches everything\n");
  CHECK(task_warnings("args = [{ type = 'string', match = '[^a]*', max_len = 9 }]") ==
        "6: rule \"r\", an argument: \"[^a]*\" lets shell metacharacters through\n");
  CHECK(warnings("[env]\nFOO = { match = '.*' }") == "3: FOO: \".*\" matches everything\n");
}

TEST_CASE("types that let anything through are pointed out") {
  CHECK(task_warnings("args = ['code']") ==
        "6: rule \"r\", an argument: any code is allowed; consider decision = \"ask\"\n");
  CHECK(task_warnings("args = [{ type = 'path', under = '/' }]") ==
        "6: rule \"r\", an argument: every path of the machine is under \"/\"\n");
}

TEST_CASE("rules that no command can reach are pointed out") {
  CHECK(task_warnings("env = ['dev', 'moon']") ==
        "2: rule \"r\" speaks of \"moon\", which no MIX_ENV that is let through can be\n");
  CHECK(task_warnings("env = ['prod']") ==
        "2: rule \"r\" allows only in prod, where a project's own policy may not; move it to the "
        "user's\n");
  CHECK(task_warnings("env = ['dev']\n[[task]]\nid='d'\nname=['x','y']\ndecision='deny'") ==
        "2: rule \"r\" can never matter: rule \"d\" denies all of it\n");
  CHECK(task_warnings("[[task]]\nid='d'\nname='x'\nenv=['prod']\ndecision='deny'").empty());
}

TEST_CASE("an allow rule that takes a sibling's bounds away is pointed out") {
  const auto pair = [](const std::string& wide, const std::string& narrow) {
    return warnings("[[task]]\nid='w'\nname='x'\ndecision='allow'\n" + wide +
                    "\n[[task]]\nid='n'\nname='x'\nenv=['dev']\ndecision='allow'\n" + narrow);
  };
  const std::string told =
      "2: rule \"w\" allows all that rule \"n\" does, whose bounds then mean nothing; narrow the "
      "one or drop the other\n";
  CHECK(pair("flags={all='bool',step={type='int',max=9}}",
             "flags={step={type='int',min=1,max=3}}") == told);
  CHECK(pair("args=[{type='name',repeat=[0,4]}]", "args=['name']") == told);
  CHECK(pair("", "") == told);
  CHECK(pair("flags={step={type='int',max=9}}", "flags={step={type='int',max=10}}").empty());
  CHECK(pair("flags={step={type='int',max=9}}", "flags={step={type='int',max=9},all='bool'}")
            .empty());
  CHECK(pair("env=['test']", "").empty());
  CHECK(pair("flags={kind={enum=['a']}}", "flags={kind={enum=['a','b']}}").empty());
  // Of two rules that say the same one is told.
  CHECK(pair("env=['dev']", "").starts_with("7: rule \"n\""));
}

TEST_CASE("a task that the catalogue knows under another name is pointed out") {
  CHECK(warnings("[[task]]\nid = 'r'\nname = 'ecto.migrat'\ndecision = 'deny'") ==
        "2: rule \"r\": the catalogue knows no task \"ecto.migrat\"; did you mean "
        "\"ecto.migrate\"?\n");
}

TEST_CASE("variables that no rule can pass, and secrets that are not marked, are pointed out") {
  CHECK(warnings("[env]\nPATH = { match = '[a-z]+' }") ==
        "3: PATH is made anew for every command; no rule passes it\n");
  CHECK(warnings("[env]\nAPI_TOKEN = { match = '[a-z]+' }") ==
        "3: API_TOKEN sounds secret and is not marked secret = true\n");
}

TEST_CASE("exec rules that take any arguments are pointed out") {
  CHECK(warnings("[[exec]]\nid = 'g'\npath = '/g'\ndecision = 'allow'") ==
        "2: rule \"g\" allows any arguments; say which with \"argv\"\n");
  CHECK(warnings("[[exec]]\nid = 'g'\npath = '/g'\nargv = ['g', '@any...']\ndecision = 'allow'") ==
        "2: rule \"g\": \"@any...\" lets anything follow; \"@safe...\" does not\n");
}

}  // namespace
}  // namespace mixguard::policy::test
