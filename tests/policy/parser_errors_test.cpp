// SPDX-License-Identifier: Apache-2.0
#include "tests/policy/support.hpp"

namespace mixguard::policy::test {
namespace {

// All complaints about `text`, one a line, without the file's name.
std::string complaints(std::string_view text, Layer layer = Layer::kProject) {
  const auto parsed = parse_ruleset(text, "p.toml", layer);
  if (parsed) return "";
  std::string all;
  for (const PolicyError& error : parsed.error()) {
    all += error.to_string().substr(std::string("p.toml:").size()) + "\n";
  }
  return all;
}

std::string task_complaints(std::string_view body) {
  return complaints("version = 1\n[[task]]\nid = \"a\"\nname = \"test\"\ndecision = \"allow\"\n" +
                    std::string(body));
}

struct Mistake {
  std::string_view text;
  std::string_view complaint;
};

TEST_CASE("mistakes at the top of a policy are told with their place") {
  const Mistake mistake = GENERATE(
      Mistake{"", "1:1: the policy has no \"version\", which it needs; write version = 1\n"},
      Mistake{"version = 2", "1:11: \"version\" is 2; expected 1\n"},
      Mistake{"version = \"1\"", "1:11: \"version\" is a string; expected an integer\n"},
      Mistake{"version = 1\ndefalt = \"deny\"",
              "2:1: unknown key \"defalt\" in the policy; did you mean \"default\"?\n"},
      Mistake{"version = 1\ndefault = \"allow\"",
              "2:11: \"default\" is \"allow\"; expected \"deny\" or \"ask\"\n"},
      Mistake{"version = 1\ndefault = \"maybe\"",
              "2:11: \"default\" is \"maybe\"; expected one of \"deny\", \"ask\"\n"},
      Mistake{"version = 1\nextends = [\"builtin:ruby\"]",
              "2:12: \"extends\" names \"builtin:ruby\"; the only base is \"builtin:elixir\", or "
              "none at all\n"},
      Mistake{"version = 1\n[task]\nid = \"a\"",
              "2:1: \"task\" is a table; write [[task]], once for each\n"},
      Mistake{"version = 1\n[trust]\nx = 1",
              "2:2: \"trust\" in a project's own policy: a project cannot vouch for itself; use "
              "`mixguard trust`\n"});
  CHECK(complaints(mistake.text) == mistake.complaint);
}

TEST_CASE("a syntax error ends the list and has its place") {
  const std::string text = complaints("version = 1\nname = \"a\ndefault = 1\n");
  CHECK(text.starts_with("2:"));
  CHECK(std::count(text.begin(), text.end(), '\n') == 1);
}

TEST_CASE("trust is an unknown key where it is not forbidden") {
  CHECK(complaints("version = 1\ntrust = true", Layer::kUser).starts_with("2:1: unknown key"));
}

TEST_CASE("mistakes in variables are told with their place") {
  const Mistake mistake = GENERATE(
      Mistake{"[vars]\ndb = \"x:1\"\n[net]\nallow = [\"${dbb}\"]",
              "5:10: unknown variable \"${dbb}\"; did you mean \"${db}\"?\n"},
      Mistake{"[net]\nallow = [\"${nothing}\"]",
              "3:10: unknown variable \"${nothing}\"; define it under [vars]\n"},
      Mistake{"[vars]\nroot = \"/x\"", "3:1: \"root\" is builtin: it is the project's directory\n"},
      Mistake{"[vars]\na = \"1\"\nb = \"${a}\"",
              "4:5: variables cannot hold other variables but ${root}\n"},
      Mistake{"[vars]\na = 1", "3:5: \"a\" is an integer; expected a string\n"});
  CHECK(complaints("version = 1\n" + std::string(mistake.text)) == mistake.complaint);
}

TEST_CASE("mistakes in settings are told with their place") {
  const Mistake mistake = GENERATE(
      Mistake{"[env]\nFOO = { match = '(' }", "3:17: regular expression \"(\": missing ): (\n"},
      Mistake{"[env]\nFOO = { match = '(?=a)' }",
              "3:17: regular expression \"(?=a)\": invalid perl operator: (?=\n"},
      Mistake{"[env]\nFOO = { enum = ['a'], default = 'b' }",
              "3:33: \"default\" is \"b\", which its own rule refuses\n"},
      Mistake{"[env]\nFOO = { required = true, optional = true }",
              "3:37: \"optional\" contradicts \"required\"\n"},
      Mistake{"[env]\nERL_FLAGS = { secret = true }",
              "3:1: \"ERL_FLAGS\" can put code into the command; it needs \"enum\" or "
              "\"match\"\n"},
      Mistake{"[env]\nFOO = \"bar\"", "3:7: \"FOO\" is a string; expected a table\n"},
      Mistake{"[net]\nallow = [\"localhost\"]",
              "3:10: \"localhost\" in \"allow\"; expected host:port, [v6]:port or unix:/path\n"},
      Mistake{"[net]\nallow = [\"a:1\", \"127.0.0.1:70000\"]",
              "3:17: \"127.0.0.1:70000\" in \"allow\"; expected host:port, [v6]:port or "
              "unix:/path\n"},
      Mistake{"[net]\npublish = [\"localhost:4000\"]",
              "3:12: \"localhost:4000\" in \"publish\"; expected a numeric address such as "
              "\"127.0.0.1:4000\"\n"},
      Mistake{"[fs]\nread = [\"lib/**\"]",
              "3:9: \"lib/**\" in \"read\"; expected an absolute pattern or one that begins with "
              "${root}\n"},
      Mistake{"[limits]\nwall = 10",
              "3:8: \"wall\" is an integer; expected a quantity such as \"10m\"\n"},
      Mistake{"[limits]\nmemory = \"4GB\"",
              "3:10: \"memory\" is \"4GB\"; expected a quantity such as \"4GiB\"\n"},
      Mistake{"[limits]\nprocesses = 0",
              "3:13: \"processes\" is 0; expected at least 1 (leave it out for no limit)\n"},
      Mistake{"[safeguards]\nlandlok = \"require\"",
              "3:1: unknown key \"landlok\" in [safeguards]; did you mean \"landlock\"?\n"},
      Mistake{"[safeguards]\nlandlock = \"on\"",
              "3:12: \"landlock\" is \"on\"; expected one of \"require\", \"if-available\", "
              "\"off\"\n"},
      Mistake{"[[expect]]\nrun = [\"mix\", \"test\"]",
              "2:1: [[expect]] has no \"is\", which it needs\n"});
  CHECK(complaints("version = 1\n" + std::string(mistake.text)) == mistake.complaint);
}

TEST_CASE("mistakes in task rules are told with their place") {
  const Mistake mistake = GENERATE(
      Mistake{"enviroment = [\"dev\"]",
              "6:1: unknown key \"enviroment\" in [[task]]; expected one of \"id\", \"name\", "
              "\"env\", \"decision\", \"flags\", \"args\", \"write\", \"net\", \"snapshot\", "
              "\"mode\", \"because\", \"instead\"\n"},
      Mistake{"evn = [\"dev\"]", "6:1: unknown key \"evn\" in [[task]]; did you mean \"env\"?\n"},
      Mistake{"flags = { step = \"integer\" }",
              "6:18: unknown type \"integer\"; expected one of bool, int, enum, version, module, "
              "mfa, path, name, duration, string, code\n"},
      Mistake{"flags = { step = \"modul\" }",
              "6:18: unknown type \"modul\"; did you mean \"module\"?\n"},
      Mistake{"flags = { step = { type = \"int\", min = 5, max = 1 } }",
              "6:40: \"min\" is 5, more than \"max\", which is 1\n"},
      Mistake{"flags = { step = { type = \"int\", match = 'x' } }",
              "6:34: \"match\" does not apply to type \"int\"\n"},
      Mistake{"flags = { only = \"string\" }",
              "6:18: \"only\" of type \"string\" needs \"match\"\n"
              "6:18: \"only\" of type \"string\" needs \"max_len\"\n"},
      Mistake{"flags = { a_b = \"bool\" }",
              "6:11: \"a_b\" is not a flag name; expected lowercase words between dashes, without "
              "the leading \"--\"\n"},
      Mistake{"flags = { aa = { type = \"bool\", alias = \"x\" }, bb = { type = \"bool\", alias = "
              "\"x\" } }",
              "6:48: \"alias\" \"x\" is already taken by \"aa\"\n"},
      Mistake{"flags = { \"no-aa\" = { type = \"int\", alias = \"n\" }, aa = \"bool\" }",
              "6:11: \"no-aa\" is how Mix reads \"aa\" turned off; leave it out, the other allows "
              "both\n"},
      Mistake{"flags = { aa = { type = \"bool\", alias = \"xy\" } }",
              "6:41: \"alias\" is \"xy\"; expected one letter\n"},
      Mistake{"flags = { aa = { type = \"module\", enum = [\"Ok.Go\", \"not\"] } }",
              "6:52: \"not\" in \"enum\" is not a value of type \"module\"\n"},
      Mistake{"args = [{ type = \"path\", under = \"test\" }]",
              "6:34: \"under\" is \"test\"; expected an absolute path or one that begins with "
              "${root}\n"},
      Mistake{"args = [{ type = \"path\", repeat = [3, 2] }]",
              "6:35: \"repeat\" is [3, 2]; expected 0 <= min <= max, and max from 1 to 64\n"},
      Mistake{"args = [\"bool\"]",
              "6:9: \"bool\" is a type of flags; an argument cannot have it\n"},
      Mistake{"write = [\"/etc/**\"]",
              "6:10: \"/etc/**\" in \"write\" is not a pattern below the project, ~/.mix or "
              "~/.hex; expected one "
              "such as \"_build/**\"\n"},
      Mistake{"write = [\"a/../../b\"]",
              "6:10: \"a/../../b\" in \"write\" is not a pattern below the project, ~/.mix or "
              "~/.hex; expected one "
              "such as \"_build/**\"\n"},
      Mistake{"mode = \"fast\"",
              "6:8: \"mode\" is \"fast\"; expected one of \"transaction\", \"live\"\n"},
      Mistake{"snapshot = { on_failure = \"keep\" }",
              "6:12: snapshot has no \"what\", which it needs\n"},
      Mistake{"env = []", "6:7: \"env\" is empty; leave it out to mean every environment\n"},
      Mistake{"env = [\"Prod\"]",
              "6:8: \"Prod\" in \"env\" is not an environment; expected one such as \"dev\"\n"});
  CHECK(task_complaints(mistake.text) == mistake.complaint);
}

TEST_CASE("names of tasks in rules are canonical") {
  const Mistake mistake = GENERATE(
      Mistake{"Ecto.Drop", "\"Ecto.Drop\" is not a canonical task name; write \"ecto.drop\""},
      Mistake{"ecto_.drop", "\"ecto_.drop\" is not a canonical task name; write \"ecto.drop\""},
      Mistake{"ecto drop",
              "\"ecto drop\" is not a canonical task name; expected one such as "
              "\"ecto.migrate\", or \"@alias\""},
      Mistake{"do", "\"do\" cannot have a rule: its parts are judged one by one"});
  CHECK(complaints("version = 1\n[[task]]\nid = \"a\"\ndecision = \"deny\"\nname = \"" +
                   std::string(mistake.text) + "\"") ==
        "5:8: " + std::string(mistake.complaint) + "\n");
}

TEST_CASE("mistakes in exec rules are told with their place") {
  const Mistake mistake = GENERATE(
      Mistake{"path = \"git\"",
              "5:8: \"path\" is \"git\"; expected an absolute path, which does not depend on "
              "PATH\n"},
      Mistake{"path = \"/g\"\nargv = [\"@safe...\", \"x\"]",
              "6:9: \"@safe...\" must be the last element of \"argv\"\n"},
      Mistake{"path = \"/g\"\nargv = [\"@all\"]",
              "6:9: \"@all\" in \"argv\"; expected \"@safe...\" or \"@any...\"\n"},
      Mistake{"path = \"/g\"\nargv = [\"<file>\"]",
              "6:9: unknown type \"file\"; expected one of bool, int, enum, version, module, mfa, "
              "path, name, duration, string, code\n"},
      Mistake{"path = \"/g\"\nas = [\"parent\"]",
              "6:7: \"as\" is \"parent\"; expected \"child\" or \"command\"\n"},
      Mistake{"argv = [\"x\"]", "2:1: [[exec]] has no \"path\", which it needs\n"});
  CHECK(complaints("version = 1\n[[exec]]\nid = \"a\"\ndecision = \"allow\"\n" +
                   std::string(mistake.text)) == mistake.complaint);
}

TEST_CASE("every mistake is told, in the order of the file") {
  CHECK(complaints("version = 1\nbogus = 1\n[[task]]\nname = \"test\"\n[[task]]\nid = \"b\"\n") ==
        "2:1: unknown key \"bogus\" in the policy; expected one of \"version\", \"name\", "
        "\"extends\", \"default\", \"vars\", \"env\", \"fs\", \"net\", \"limits\", \"task\", "
        "\"exec\", \"safeguards\", \"retention\", \"endpoint\", \"expect\"\n"
        "3:1: [[task]] has no \"decision\", which it needs\n"
        "3:1: [[task]] has no \"id\", which it needs\n"
        "5:1: [[task]] has no \"decision\", which it needs\n"
        "5:1: [[task]] has no \"name\", which it needs\n");
}

TEST_CASE("an id belongs to one rule, be it a task or an exec") {
  CHECK(complaints("version = 1\n[[task]]\nid = \"a\"\nname = \"test\"\ndecision = \"deny\"\n"
                   "[[exec]]\nid = \"a\"\npath = \"/x\"\ndecision = \"deny\"\n") ==
        "7:6: \"id\" \"a\" is already taken by line 3\n");
}

TEST_CASE("what is too large to be a policy is refused") {
  CHECK(complaints(std::string((1U << 20U) + 1, '#')) == "1:1: more than 1 MiB of text\n");
  CHECK(complaints("version = 1\n[env]\nA = { match = '" + std::string(513, 'a') + "' }") ==
        "3:15: regular expression of 513 bytes; at most 512 are allowed\n");
}

TEST_CASE("a table header that does not begin with a key is an error and not a crash") {
  for (const std::string text : {"[= 1]", "[", "[[", "[[ ]]", "[]", "[.a]", "[\n]", "[a.]"}) {
    INFO(text);
    CHECK(complaints("version = 1\n" + text).starts_with("2:"));
  }
}

TEST_CASE("letters that TOML knows only in strings are an error elsewhere and not a crash") {
  for (const std::string text : {"\u02cf", "\u02cf = 1", "a = \u02cf", "a\u2001", "[a]\u3001"}) {
    INFO(text);
    CHECK(complaints("version = 1\n" + text).starts_with("2:"));
  }
}

TEST_CASE("letters are told from strings as TOML tells them") {
  CHECK(complaints("version = 1\nname = \"\u02cf \\\" \u02cf\" # \u02cf\n").empty());
  CHECK(complaints("version = 1\nname = '\u02cf \\' # '\u02cf\n").empty());
  CHECK(
      complaints("version = 1\nname = \"\"\"a\"b\"\"\u02cf\n\u02cf\"\"\"\"\" # \u02cf\n").empty());
  CHECK(complaints("version = 1\nname = '''a'b\n\u02cf'''\n").empty());
  CHECK(
      complaints("version = 1\nname = '\u02cf' \u02cf\n") ==
      "2:12: Error while parsing key-value pair: expected a comment or whitespace, saw '\u02cf'\n");
  CHECK(complaints("version = 1\nname = 2\"\u03b1iB\"\n") ==
        "2:9: Error while parsing decimal integer: expected digit, saw '\"'\n");
  CHECK(complaints("version = 1\nname = \"\"\"\\\ufebf2\"\"\"\n") ==
        "2:12: Error while parsing string: unknown escape sequence '\\\ufebf'\n");
  CHECK(complaints("version = 1\nname = 1.\"\u03b1\"\n") ==
        "2:10: Error while parsing floating-point: expected decimal digit, saw '\"'\n");
  CHECK(complaints("version = 1\n[env]\n\"A\".\"B\"={enum=['\u03b1',\"\u03b1\"]}\n")
            .find("Error while parsing") == std::string::npos);
  CHECK(
      complaints("version = 1\nname = \"\"\"\"\"\" \u02cf\n") ==
      "2:15: Error while parsing key-value pair: expected a comment or whitespace, saw '\u02cf'\n");
}

TEST_CASE("deep nesting is an error and not a crash") {
  CHECK(!complaints("version = 1\nname = " + std::string(100'000, '[')).empty());
}

TEST_CASE("an expectation that fails makes the policy unusable, with its line") {
  const auto built =
      Policy::build({ruleset("extends = []\n[[expect]]\nrun = [\"mix\", \"test\"]\n"
                             "is = \"allow\"\n")});
  REQUIRE(!built);
  CHECK(built.error().front().to_string() ==
        "p.toml:3:1: expected allow for \"mix test\"; found deny (no rule allows \"test\" in "
        "test)");
}

TEST_CASE("two project policies are one too many") {
  const auto built = Policy::build({ruleset(""), ruleset("", Layer::kProject, "q.toml")});
  REQUIRE(!built);
  CHECK(built.error().front().to_string() == "q.toml:1:1: a second project policy, besides p.toml");
}

}  // namespace
}  // namespace mixguard::policy::test
