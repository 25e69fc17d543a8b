// SPDX-License-Identifier: Apache-2.0
#include "policy/explain.hpp"

#include <algorithm>

#include "policy/layout.hpp"
#include "policy/text.hpp"

namespace mixguard::policy {
namespace {

std::string upper(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (is_lower(c)) c = static_cast<char>(c - 'a' + 'A');
  }
  return result;
}

std::string place_of(const RuleRef& rule) { return place(rule.file, rule.line); }

std::string_view mark(Finding::Kind kind) {
  switch (kind) {
    case Finding::Kind::kPassed:
      return "✓ ";
    case Finding::Kind::kRaised:
      return "✗ ";
    case Finding::Kind::kNote:
      break;
  }
  return "· ";
}

// "alias setup, then ecto.setup, runs mix ecto.create"
std::string path_of(const Part& part) {
  std::string text = "alias " + part.via.front();
  for (std::size_t i = 1; i < part.via.size(); ++i) text += ", then " + part.via[i];
  text += part.via.size() > 1 ? ", runs " : " runs ";
  return text + (part.function.empty() ? command_line(part.canonical) : part.function);
}

class Explainer {
 public:
  Explainer(const Decision& decision, const ExplainStyle& style)
      : decision_(decision), layout_(style) {}

  std::string write() {
    write_verdict();
    const bool is_single = decision_.parts.size() == 1;
    std::size_t number = 1;
    for (const Part& part : decision_.parts) {
      if (!is_single) write_part_line(number++, part);
      write_part(part, is_single ? "  " : "     ");
    }
    if (decision_.verdict != Verdict::kDeny) write_powers();
    write_dropped();
    write_footer();
    return layout_.take();
  }

 private:
  void write_verdict() {
    const std::string verdict =
        layout_.coloured(decision_.verdict, upper(to_string(decision_.verdict)));
    const std::size_t parts = decision_.parts.size();
    const std::string note = parts > 1 ? std::to_string(parts) + " parts, the strictest wins"
                                       : std::string(to_string(decision_.reason));
    layout_.ends(verdict + "  " + layout_.bold(command_line(decision_.canonical)), note);
  }

  void write_part_line(std::size_t number, const Part& part) {
    const std::string words = command_line(
        {part.canonical.begin() + (part.canonical.size() > 1 ? 1 : 0), part.canonical.end()});
    layout_.ends("  " + std::to_string(number) + "  " +
                     layout_.coloured(part.verdict, upper(to_string(part.verdict))) + "  " + words,
                 to_string(part.reason));
  }

  void write_part(const Part& part, const std::string& indent) {
    const std::string hang = indent + "  ";
    if (!part.via.empty()) layout_.paragraph(indent + "· ", hang, path_of(part));
    for (const Finding& finding : part.findings) {
      std::string text = finding.text;
      if (finding.rule) text += " " + layout_.dim("(" + place_of(*finding.rule) + ")");
      layout_.paragraph(indent + std::string(mark(finding.kind)), hang, text);
    }
    if (part.verdict == Verdict::kAllow) return;
    if (!part.because.empty()) {
      layout_.paragraph(indent + "  because ", hang + "        ", part.because);
    }
    if (!part.instead.empty()) {
      layout_.paragraph(indent + "  instead ", hang + "        ", part.instead);
    }
    if (part.would_allow.empty()) return;
    layout_.paragraph(indent + "  ", hang, "this rule would allow exactly this:");
    layout_.verbatim(indent + "    ", part.would_allow);
  }

  void write_list(std::string_view name, const std::vector<std::string>& items) {
    if (items.empty()) return;
    layout_.paragraph("  " + std::string(name), "            ", comma_list(items));
  }

  void write_powers() {
    const Confinement& may = decision_.confinement;
    const bool is_live = may.mode == RunMode::kLive;
    layout_.paragraph("  mode      ", "            ",
                      is_live ? "live: writes go through at once"
                              : "transaction: committed when the command succeeds");
    write_list("write     ", may.write);
    write_list("read      ", may.read);
    write_list("hidden    ", may.deny);
    write_list("network   ", may.net);
    write_list("published ", may.publish);
    write_list("children  ", may.exec);
    write_list("remember  ", decision_.snapshot.what);
  }

  void write_dropped() {
    if (decision_.dropped.empty()) return;
    std::vector<std::string> names;
    for (const DroppedVariable& variable : decision_.dropped) names.push_back(variable.name);
    std::sort(names.begin(), names.end());
    write_list("left out  ", names);
    const auto& first = *std::min_element(
        decision_.dropped.begin(), decision_.dropped.end(),
        [](const DroppedVariable& a, const DroppedVariable& b) { return a.name < b.name; });
    layout_.verbatim("            ", layout_.dim("under [env]: " + first.passes_with));
  }

  void write_footer() {
    std::string text = "policy ";
    if (!decision_.policy.revision.empty()) text += decision_.policy.revision.substr(0, 12) + " ";
    text += "of " + comma_list(decision_.policy.layers) + "; nothing was executed";
    layout_.paragraph("  ", "  ", layout_.dim(text));
  }

  const Decision& decision_;
  Layout layout_;
};

}  // namespace

std::string explain(const Decision& decision, const ExplainStyle& style) {
  return Explainer(decision, style).write();
}

std::string refusal(const Decision& decision) {
  if (decision.verdict == Verdict::kAllow) return "";
  std::string text = "mixguard: ";
  text += decision.verdict == Verdict::kAsk ? "approval needed: " : "denied: ";
  text += decision.message;
  text += " [" + std::string(to_string(decision.reason));
  if (!decision.rules.empty()) text += ", " + place_of(decision.rules.front());
  text += "]\n";
  std::string more = decision.because.empty() ? "" : "because " + decision.because;
  if (!decision.instead.empty()) {
    more += more.empty() ? "instead: " : "; instead: ";
    more += decision.instead;
  }
  return more.empty() ? text : text + "          " + more + "\n";
}

}  // namespace mixguard::policy
