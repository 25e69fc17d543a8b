// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/fuzz.hpp"

#include <algorithm>
#include <cstdlib>
#include <iostream>

#include "policy/explain.hpp"

namespace mixguard::fuzz {
namespace {

using policy::Decision;
using policy::Facts;
using policy::Part;
using policy::Policy;
using policy::Reason;
using policy::Verdict;

void claim_parts(const Decision& decision) {
  claim(!decision.parts.empty(), "a decision has a part");
  Verdict strictest = Verdict::kAllow;
  for (const Part& part : decision.parts) {
    strictest = std::max(strictest, part.verdict);
    claim((part.verdict == Verdict::kAllow) == (part.reason == Reason::kNone),
          "a part has a reason unless it is allowed");
    claim(!part.canonical.empty(), "a part has words");
  }
  claim(decision.verdict == strictest, "the strictest part decides");
  claim(decision.verdict == Verdict::kAllow || !decision.message.empty(),
        "what is not allowed says why");
}

void claim_told(const Decision& decision) {
  const std::string told = policy::explain(decision, {});
  const std::string verdict(to_string(decision.verdict));
  claim(told.size() > verdict.size() && told.back() == '\n', "an explanation is a text");
  claim(policy::refusal(decision).empty() == (decision.verdict == Verdict::kAllow),
        "a refusal is told");
}

std::vector<std::vector<std::string>> words_of(const Decision& decision) {
  std::vector<std::vector<std::string>> words;
  for (const Part& part : decision.parts) words.push_back(part.canonical);
  return words;
}

}  // namespace

void claim(bool holds, std::string_view what) {
  if (holds) return;
  std::cerr << "this does not hold: " << what << std::endl;
  std::abort();
}

std::string text_of(const std::uint8_t* data, std::size_t size) { return {data, data + size}; }

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    lines.emplace_back(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  }
  return lines;
}

policy::Ruleset ruleset(std::string_view toml, policy::Layer layer) {
  auto parsed = policy::parse_ruleset(toml, "p.toml", layer);
  claim(parsed.has_value(), parsed ? "" : parsed.error().front().to_string());
  return std::move(*parsed);
}

Policy policy_of(std::vector<policy::Ruleset> layers) {
  auto built = Policy::build(std::move(layers));
  claim(built.has_value(), built ? "" : built.error().front().to_string());
  return std::move(*built);
}

Facts facts() {
  Facts facts;
  facts.project_root = "/home/u/shop";
  facts.cwd = facts.project_root;
  return facts;
}

Decision judge(const Policy& policy, const std::vector<std::string>& argv, const Facts& facts) {
  Decision decision = decide(policy, argv, facts);
  claim_parts(decision);
  claim_told(decision);
  if (decision.verdict == Verdict::kDeny) return decision;
  const Decision again = decide(policy, decision.canonical, facts);
  // A comma that ends a part is a word of its own there: one too many of them, at worst.
  if (again.reason == policy::Reason::kLimit) return decision;
  claim(again.verdict == decision.verdict, "the canonical words are judged as the typed ones");
  claim(again.canonical == decision.canonical, "canonical words are their own canonical words");
  claim(words_of(again) == words_of(decision), "the canonical words have the same parts");
  return decision;
}

}  // namespace mixguard::fuzz
