// SPDX-License-Identifier: Apache-2.0
//
// A mix.exs: read, and each of its aliases followed and judged.

#include <set>

#include "policy/alias_expansion.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace {

using namespace mixguard;
using policy::Alias;
using policy::MixExs;

constexpr std::size_t kMostLeaves = 64;
constexpr std::size_t kMostAsked = 6;

void claim_table(const MixExs& exs) {
  if (!exs.aliases) {
    fuzz::claim(!exs.aliases.error().why.empty(), "an unreadable table says why");
    return;
  }
  std::set<std::string> names;
  for (const Alias& alias : *exs.aliases) {
    fuzz::claim(!alias.steps.empty(), "an alias has steps");
    fuzz::claim(alias.line > 0, "an alias has a line");
    fuzz::claim(names.insert(alias.name).second, "an alias is there once");
    fuzz::claim(policy::find_alias(exs, alias.name) == &alias, "an alias is found by its name");
  }
}

void claim_expansion(const policy::MixCommand& command, const std::vector<MixExs>& files) {
  const policy::Expansion expansion = policy::expand(command, files);
  fuzz::claim(expansion.leaves.size() <= kMostLeaves, "leaves are few");
  fuzz::claim(expansion.refusal || expansion.is_alias.size() == command.calls.size(),
              "each call is an alias or is not");
  fuzz::claim(expansion.refusal || !expansion.leaves.empty(), "a command runs something");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const policy::Policy kPolicy = fuzz::policy_of({});
  const std::string text = fuzz::text_of(data, size);
  const MixExs exs = policy::read_mix_exs(text);
  claim_table(exs);
  policy::Facts facts = fuzz::facts();
  facts.mix_exs = {exs};
  const policy::Decision unknown = fuzz::judge(kPolicy, {"mix", "compile"}, facts);
  fuzz::claim(exs.aliases || unknown.verdict != policy::Verdict::kAllow,
              "nothing is allowed where the aliases are unknown");
  fuzz::judge(kPolicy, {"mix"}, facts);
  if (!exs.aliases) return 0;
  std::size_t asked = 0;
  for (const Alias& alias : *exs.aliases) {
    if (++asked > kMostAsked) break;
    const policy::MixCommand command = policy::read_mix({alias.name, "--x", "1"});
    if (!command.refusal) claim_expansion(command, {exs});
    if (!command.refusal) claim_expansion(command, {exs, exs});
    fuzz::judge(kPolicy, {"mix", alias.name}, facts);
  }
  return 0;
}
