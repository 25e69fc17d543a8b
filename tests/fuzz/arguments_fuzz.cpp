// SPDX-License-Identifier: Apache-2.0
//
// A command line, one word a line; the first line is MIX_ENV. It is judged by the catalogue alone,
// by a policy with every type of value, and by three layers over aliases.

#include "policy/text.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace {

using namespace mixguard;
using policy::Decision;
using policy::Layer;
using policy::Policy;
using Words = std::vector<std::string>;

constexpr std::string_view kTypes = R"(version = 1
extends = []
[[task]]
id = "types"
name = ["t", "a.b", "a_1"]
decision = "allow"
args = [{ type = "name", repeat = [0, 2] }, { type = "path", under = "${root}/test", repeat = [0, 9] }]
[task.flags]
all = { type = "bool", alias = "a" }
no-compile = "bool"
quiet = { type = "bool", alias = "q", repeat = true }
step = { type = "int", min = -9, max = 99, alias = "n" }
level = { enum = ["one", "two", "-3"], alias = "l" }
to = { type = "version" }
repo = { type = "module", alias = "r", repeat = true }
call = "mfa"
file = { type = "path", under = "${root}", alias = "f" }
name = "name"
wait = "duration"
text = { type = "string", match = '[^;]*', max_len = 40, alias = "t" }
eval = { type = "code", alias = "e", repeat = true }
[[task]]
id = "asked"
name = "ask"
decision = "ask"
args = [{ type = "int", min = -5, repeat = [1, 3] }]
[[task]]
id = "console"
name = "iex"
decision = "allow"
[[exec]]
id = "git"
as = ["command"]
path = "/usr/bin/git"
argv = ["git", ["log", "show"], "<name>", "@safe..."]
decision = "allow"
)";

constexpr std::string_view kSystem = R"(version = 1
default = "ask"
[[task]]
id = "no-drop"
name = "ecto.drop"
env = ["prod"]
decision = "deny"
[[task]]
id = "no-force"
name = "compile"
flags = { force = { type = "bool", alias = "f" } }
decision = "deny"
)";

constexpr std::string_view kProject = R"(version = 1
[[task]]
id = "mine"
name = ["my.task", "ecto.drop", "ecto.rollback"]
decision = "allow"
flags = { step = "int", quiet = "bool" }
[[task]]
id = "alias"
name = "@alias"
decision = "ask"
)";

constexpr std::string_view kMixExs = R"(defmodule Shop.MixProject do
  use Mix.Project
  def project, do: [app: :shop, version: "0.1.0", aliases: aliases()]
  defp aliases do
    ["setup": ["compile", "my.task"],
     "test": ["ecto.migrate --quiet", "test"],
     "two": ["do a + setup"],
     "fun": [&hello/1]]
  end
end
)";

const std::vector<Policy>& policies() {
  static const std::vector<Policy> made = {
      fuzz::policy_of({}), fuzz::policy_of({fuzz::ruleset(kTypes, Layer::kProject)}),
      fuzz::policy_of(
          {fuzz::ruleset(kSystem, Layer::kSystem), fuzz::ruleset(kProject, Layer::kProject)})};
  return made;
}

// What an explanation offers is a policy.
void claim_offers(const Decision& decision) {
  for (const policy::Part& part : decision.parts) {
    if (part.would_allow.empty()) continue;
    const std::string text = "version = 1\nextends = []\n" + part.would_allow;
    const auto offered = policy::parse_ruleset(text, "offered.toml", Layer::kUser);
    fuzz::claim(offered.has_value(), "the rule that is offered can be read: " + text);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Words words = fuzz::lines_of(fuzz::text_of(data, size));
  if (words.size() < 2) return 0;
  policy::Facts facts = fuzz::facts();
  facts.environment = {"MIX_ENV=" + words.front(), "HOME=/home/u"};
  facts.program_path = "/usr/bin/git";
  facts.same_file_as_program = {"/usr/bin/git"};
  words.erase(words.begin());
  for (const Policy& policy : policies()) {
    const bool has_aliases = &policy == &policies().back();
    if (has_aliases) facts.mix_exs = {policy::read_mix_exs(kMixExs)};
    claim_offers(fuzz::judge(policy, words, facts));
  }
  return 0;
}
