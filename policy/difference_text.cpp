// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <tuple>

#include "policy/builtin.hpp"
#include "policy/difference.hpp"
#include "policy/layout.hpp"
#include "policy/text.hpp"

namespace mixguard::policy {
namespace {

using Words = std::vector<std::string>;

constexpr std::size_t kMostNames = 3;
constexpr std::string_view kIndent = "                 ";

// "a, b, c, d and 12 more"
std::string shortened(const Words& names) {
  if (names.size() <= kMostNames) return comma_list(names);
  const Words first(names.begin(), names.begin() + kMostNames);
  return comma_list(first) + " and " + std::to_string(names.size() - kMostNames) + " more";
}

// Items that only one side has, marked.
std::string shown_change(const Change& change) {
  const bool is_single = change.aspect == Aspect::kMode || change.aspect == Aspect::kVariable;
  if (is_single) return comma_list(change.from) + " -> " + comma_list(change.to);
  std::string text;
  const auto add = [&](char sign, const Words& list, const Words& other) {
    for (const std::string& item : list) {
      if (std::find(other.begin(), other.end(), item) != other.end()) continue;
      text += (text.empty() ? "" : "  ") + std::string(1, sign) + item;
    }
  };
  add('+', change.to, change.from);
  add('-', change.from, change.to);
  return text;
}

std::string heading(const Change& change) {
  if (change.aspect != Aspect::kDecision) return std::string(to_string(change.aspect));
  return change.from.front() + " -> " + change.to.front();
}

Words example_words(const Example& example) {
  Words words;
  for (const auto& [name, value] : example.env) words.push_back(name + "=" + value);
  words.insert(words.end(), example.run.begin(), example.run.end());
  return words;
}

// The rule that tells the two policies apart is one of a file, where there is one; nothing for the
// catalogue's.
std::string rule_of(const Change& change) {
  for (const auto* rules : {&change.to_rules, &change.from_rules}) {
    for (const RuleRef& rule : *rules) {
      if (rule.file != kBuiltinFile) return place(rule.file, rule.line) + " " + rule.id;
    }
  }
  return "";
}

// Changes that are told together.
struct Group {
  const Change* first = nullptr;
  Words tasks;
};

bool are_alike(const Change& a, const Change& b) {
  const auto parts = [](const Change& c) {
    return std::tie(c.wider, c.aspect, c.envs, c.with, c.from, c.to);
  };
  return parts(a) == parts(b) && a.task.empty() == b.task.empty() && rule_of(a) == rule_of(b);
}

std::vector<Group> group(const std::vector<Change>& changes) {
  std::vector<Group> groups;
  for (const Change& change : changes) {
    const auto same = std::find_if(groups.begin(), groups.end(), [&](const Group& known) {
      return are_alike(*known.first, change);
    });
    if (same == groups.end()) {
      groups.push_back({&change, {change.task}});
    } else {
      same->tasks.push_back(change.task);
    }
  }
  return groups;
}

class Teller {
 public:
  explicit Teller(const ExplainStyle& style) : layout_(style) {}

  std::string tell(const Difference& difference) {
    const std::vector<Group> groups = group(difference.changes);
    const auto wider = static_cast<std::size_t>(std::count_if(
        groups.begin(), groups.end(), [](const Group& one) { return one.first->wider; }));
    layout_.paragraph("", "", summary(wider, groups.size() - wider));
    tell_all("wider", groups, true);
    tell_all("narrower", groups, false);
    if (!difference.not_compared.empty()) {
      layout_.paragraph(
          "", "",
          layout_.bold("not compared") + " (an [[expect]] with a fitting value would show it)");
    }
    for (const NotCompared& one : difference.not_compared)
      layout_.paragraph("  ", "    ", place(one.file, one.line) + ": " + one.what);
    return layout_.take();
  }

 private:
  static std::string summary(std::size_t wider, std::size_t narrower) {
    if (wider + narrower == 0) return "no difference, as far as one flag at a time can tell";
    return std::to_string(wider) + " wider, " + std::to_string(narrower) +
           " narrower, trying one flag at a time";
  }

  void tell_all(std::string_view title, const std::vector<Group>& groups, bool wider) {
    bool is_first = true;
    for (const Group& one : groups) {
      if (one.first->wider != wider) continue;
      if (is_first) layout_.paragraph("", "", layout_.bold(title));
      is_first = false;
      tell_group(one);
    }
  }

  void tell_group(const Group& one) {
    const Change& change = *one.first;
    std::string left = "  " + heading(change);
    left.resize(std::max(left.size() + 2, kIndent.size()), ' ');
    if (change.aspect == Aspect::kDecision) left = coloured(change, left);
    left += change.task.empty() ? "every command" : shortened(one.tasks);
    const std::string where = change.everywhere ? "" : comma_list(change.envs);
    layout_.ends(left, where);
    if (!change.with.empty()) layout_.paragraph(kIndent, kIndent, "with " + shortened(change.with));
    if (change.aspect != Aspect::kDecision)
      layout_.paragraph(kIndent, kIndent, shown_change(change));
    layout_.ends(std::string(kIndent) + command_line(example_words(change.example)),
                 rule_of(change));
  }

  [[nodiscard]] std::string coloured(const Change& change, const std::string& text) const {
    const std::string& to = change.to.front();
    return layout_.coloured(to == "allow" ? Verdict::kAllow
                            : to == "ask" ? Verdict::kAsk
                                          : Verdict::kDeny,
                            text);
  }

  Layout layout_;
};

}  // namespace

std::string tell(const Difference& difference, const ExplainStyle& style) {
  return Teller(style).tell(difference);
}

}  // namespace mixguard::policy
