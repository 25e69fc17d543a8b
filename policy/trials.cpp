// SPDX-License-Identifier: Apache-2.0
#include "policy/trials.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <map>
#include <set>

#include "policy/layout.hpp"
#include "policy/values.hpp"

namespace mixguard::policy {
namespace {

using Words = std::vector<std::string>;
using Text = std::string_view;

constexpr PathScope kProject{"/project", "/project"};
constexpr std::size_t kMostWords = 60;  // a command has at most 64
constexpr std::size_t kMostShown = 2;

constexpr std::array kSamples = {
    Text("a"),
    Text("A"),
    Text("1"),
    Text("0"),
    Text("20240101000000"),
    Text("MyApp.Repo"),
    Text("MyApp.run/1"),
    Text("30s"),
    Text("true"),
    Text("a_b"),
    Text("a-b"),
    Text("a.b"),
    Text("a:b"),
    Text("a b"),
    Text("a@b.example"),
    Text("127.0.0.1"),
    Text("https://example.com/a"),
    Text("ecto://a:b@localhost/a_dev"),
    Text("lib/a.ex"),
    Text("test/a_test.exs"),
    Text("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
    Text("IO.puts(1)"),
    Text("../outside"),
    Text("; id")};

constexpr std::array kFiles = {Text("/a"),          Text("/a.ex"),  Text("/a.exs"),
                               Text("/a_test.exs"), Text("/a.csv"), Text("/a.json"),
                               Text("/a.md"),       Text("/a.txt"), Text("/a.sql")};

bool fits(const ValueType& type, const std::string& text) {
  std::vector<PathArgument> paths;
  return !check_value(type, text, kProject, paths);
}

void add_int(const ValueType& type, Words& out) {
  constexpr std::int64_t kFar = 1'000'000'000;
  constexpr auto kLowest = std::numeric_limits<std::int64_t>::min();
  constexpr auto kHighest = std::numeric_limits<std::int64_t>::max();
  const auto add = [&](std::int64_t value) { out.push_back(std::to_string(value)); };
  if (type.min && *type.min > kLowest) add(*type.min - 1);
  add(type.min.value_or(-kFar));
  add(type.max.value_or(kFar));
  if (type.max && *type.max < kHighest) add(*type.max + 1);
}

void add_paths(const ValueType& type, Words& out) {
  std::string under = type.under.empty() ? "${root}" : type.under;
  under = with_root(under, kProject.root);
  for (const Text file : kFiles) {
    const std::string path = under + std::string(file);
    const bool is_inside = path.starts_with("/project/");
    out.push_back(is_inside ? path.substr(std::string("/project/").size()) : path);
  }
}

std::optional<std::int64_t> number_of(const std::string& text) {
  std::int64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stop != end) return std::nullopt;
  return number;
}

struct KnownFlag {
  std::vector<const ValueType*> types;
  std::set<std::string> aliases;
  bool repeats = false;
  bool is_ruled = false;  // by a layer, not the catalogue alone
};

std::string label_of(const Words& words) {
  if (words.empty()) return "alone";
  if (words.size() <= kMostShown) return command_line(words);
  return std::to_string(words.size()) + " arguments";
}

bool is_rest(const ArgvElement& element) {
  return element.kind == ArgvElement::Kind::kSafeRest ||
         element.kind == ArgvElement::Kind::kAnyRest;
}

// What one element of a pattern may be; the first is what it usually is.
Words choices_of(const ArgvElement& element) {
  if (element.kind != ArgvElement::Kind::kType) return element.words;
  Words words = candidates(element.type);
  std::stable_partition(words.begin(), words.end(),
                        [&](const std::string& word) { return fits(element.type, word); });
  return words;
}

class Collector {
 public:
  Collector(const std::vector<const TaskRule*>& rules, const Words& texts)
      : rules_(rules), texts_(texts) {}

  Trials collect() {
    read_rules();
    for (const Words& base : bases_)
      add({}, base, label_of(base), "arguments", static_cast<std::int64_t>(base.size()));
    for (const auto& [name, flag] : flags_) try_flag(name, flag);
    for (const Words& base : bases_) add({"--no-such-flag"}, base, "an unknown flag");
    for (const TaskRule* rule : rules_) try_arguments(*rule);
    return std::move(out_);
  }

 private:
  void read_rules() {
    bases_.insert(Words{});
    for (const TaskRule* rule : rules_) {
      for (const FlagRule& flag : rule->flags) {
        KnownFlag& known = flags_[flag.name];
        known.types.push_back(&flag.type);
        known.repeats = known.repeats || flag.repeat;
        known.is_ruled = known.is_ruled || rule->layer != Layer::kBuiltin;
        if (!flag.alias.empty()) known.aliases.insert(flag.alias);
        if (flag.type.kind != ValueKind::kBool && !fitting(flag.type))
          out_.unfit.push_back({rule, "--" + flag.name, &flag.type, flag.line});
      }
      for (const ArgRule& arg : rule->args) {
        argument_types_.push_back(&arg.type);
        if (!fitting(arg.type)) out_.unfit.push_back({rule, "an argument", &arg.type, arg.line});
      }
      bases_.insert(arguments_of(*rule, 0));
    }
  }

  void add(Words words, const Words& base, std::string label, std::string group = {},
           std::int64_t number = 0) {
    words.insert(words.end(), base.begin(), base.end());
    if (words.size() > kMostWords || !seen_.insert(words).second) return;
    out_.list.push_back({std::move(words), std::move(label), std::move(group), number});
  }

  // Texts to try for any of `types`: all that a type itself names, and of the rest one for each way
  // that the types take it.
  [[nodiscard]] Words values_for(const std::vector<const ValueType*>& types) const {
    Words named;
    Words others = texts_;
    for (const ValueType* type : types) {
      named.insert(named.end(), type->choices.begin(), type->choices.end());
      if (type->kind == ValueKind::kInt) add_int(*type, named);
      const Words more = candidates(*type);
      others.insert(others.end(), more.begin(), more.end());
    }
    Words values;
    std::set<std::string> taken;
    std::set<std::vector<bool>> ways;
    for (const Words* list : {&named, &others}) {
      for (const std::string& text : *list) {
        std::vector<bool> way;
        for (const ValueType* type : types) way.push_back(fits(*type, text));
        const bool is_new = ways.insert(std::move(way)).second;
        if ((is_new || list == &named) && taken.insert(text).second) values.push_back(text);
      }
    }
    return values;
  }

  [[nodiscard]] std::optional<std::string> fitting(const ValueType& type) const {
    const auto fit = [&](const std::string& text) { return fits(type, text); };
    const Words known = candidates(type);
    for (const Words* list : {&texts_, &known}) {
      const auto found = std::find_if(list->begin(), list->end(), fit);
      if (found != list->end()) return *found;
    }
    return std::nullopt;
  }

  void try_flag(const std::string& name, const KnownFlag& flag) {
    const bool is_bool = std::any_of(flag.types.begin(), flag.types.end(), [](const auto* type) {
      return type->kind == ValueKind::kBool;
    });
    std::vector<const ValueType*> valued;
    for (const ValueType* type : flag.types) {
      if (type->kind != ValueKind::kBool) valued.push_back(type);
    }
    if (!flag.is_ruled) return try_once(name, *flag.types.front());
    for (const Words& base : bases_) {
      if (is_bool) try_switch(name, flag, base);
      if (!valued.empty()) try_values(name, flag, values_for(valued), base);
    }
  }

  // Whatever else is done with such a flag is either the same or as good as unknown.
  void try_once(const std::string& name, const ValueType& type) {
    const std::string shown = "--" + name;
    Words words = {shown};
    if (type.kind != ValueKind::kBool) {
      const std::string value = fitting(type).value_or("a");
      words = value.starts_with('-') ? Words{shown + "=" + value} : Words{shown, value};
    }
    for (const Words& base : bases_) add(words, base, command_line(words));
  }

  void try_switch(const std::string& name, const KnownFlag& flag, const Words& base) {
    const std::string shown = "--" + name;
    add({shown}, base, shown);
    add({"--no-" + name}, base, "--no-" + name);
    if (flag.repeats) add({shown, shown}, base, shown + " twice");
    for (const std::string& alias : flag.aliases) add({"-" + alias}, base, "-" + alias);
  }

  void try_values(const std::string& name, const KnownFlag& flag, Words values, const Words& base) {
    const std::string shown = "--" + name;
    const bool has_order = std::all_of(flag.types.begin(), flag.types.end(), [](const auto* type) {
      return type->kind == ValueKind::kInt && type->choices.empty();
    });
    if (has_order) {
      std::stable_sort(values.begin(), values.end(), [](const auto& a, const auto& b) {
        return number_of(a).value_or(0) < number_of(b).value_or(0);
      });
    }
    for (const std::string& value : values) {
      const auto number = has_order ? number_of(value) : std::nullopt;
      const Words words = value.starts_with('-') ? Words{shown + "=" + value} : Words{shown, value};
      add(words, base, command_line(words), number ? shown : "", number.value_or(0));
    }
    const std::string usual = usual_value(flag, values);
    if (flag.repeats) add({shown, usual, shown, usual}, base, shown + " twice");
    for (const std::string& alias : flag.aliases)
      add({"-" + alias, usual}, base, "-" + alias + " " + usual);
  }

  static std::string usual_value(const KnownFlag& flag, const Words& values) {
    for (const ValueType* type : flag.types) {
      for (const std::string& value : values) {
        if (!value.starts_with('-') && fits(*type, value)) return value;
      }
    }
    return "a";
  }

  // As few arguments as the rule takes, and `more` beyond that: what does not fit any more repeats
  // the last.
  [[nodiscard]] Words arguments_of(const TaskRule& rule, std::size_t more) const {
    Words words;
    for (const ArgRule& arg : rule.args) {
      const std::size_t extra = std::min<std::size_t>(more, arg.max_count - arg.min_count);
      more -= extra;
      words.insert(words.end(), arg.min_count + extra, fitting(arg.type).value_or("a"));
    }
    words.insert(words.end(), more, words.empty() ? "a" : words.back());
    return words;
  }

  void try_arguments(const TaskRule& rule) {
    std::size_t room = 0;
    std::size_t least = 0;
    for (const ArgRule& arg : rule.args) {
      room += arg.max_count - arg.min_count;
      least += arg.min_count;
    }
    for (const std::size_t more : {std::size_t{1}, room, room + 1}) {
      const Words words = arguments_of(rule, more);
      add(words, {}, label_of(words), "arguments", static_cast<std::int64_t>(words.size()));
    }
    if (least == 0 && room == 0) return;
    const Words usual = arguments_of(rule, least == 0 ? 1 : 0);
    for (std::size_t place = 0; place < usual.size(); ++place) {
      for (const std::string& value : values_for(argument_types_)) {
        Words words = usual;
        words[place] = value;
        if (!value.starts_with('-')) add(words, {}, label_of(words));
      }
    }
  }

  const std::vector<const TaskRule*>& rules_;
  const Words& texts_;
  std::map<std::string, KnownFlag> flags_;
  std::vector<const ValueType*> argument_types_;
  std::set<Words> bases_;  // the fewest arguments that some rule takes
  std::set<Words> seen_;
  Trials out_;
};

}  // namespace

std::vector<std::string> candidates(const ValueType& type) {
  Words out = type.choices;
  if (type.kind == ValueKind::kInt) add_int(type, out);
  if (type.kind == ValueKind::kPath) add_paths(type, out);
  out.insert(out.end(), kSamples.begin(), kSamples.end());
  if (type.match) {
    if (auto sample = type.match->sample()) out.push_back(std::move(*sample));
  }
  return out;
}

Trials trials_of(const std::vector<const TaskRule*>& rules, const std::vector<std::string>& texts) {
  return Collector(rules, texts).collect();
}

Trials trials_of(const std::vector<const ExecRule*>& rules) {
  Trials out;
  std::set<Words> seen;
  const auto add = [&](Words words) {
    if (words.size() > kMostWords || !seen.insert(words).second) return;
    std::string label = label_of(words);
    out.list.push_back({std::move(words), std::move(label), {}, 0});
  };
  add({});
  for (const ExecRule* rule : rules) {
    std::vector<Words> elements;
    for (std::size_t i = 1; i < rule->argv.size(); ++i) {
      const ArgvElement& element = rule->argv[i];
      if (is_rest(element)) continue;
      elements.push_back(choices_of(element));
      const bool is_unfit =
          element.kind == ArgvElement::Kind::kType && !fits(element.type, elements.back().front());
      if (is_unfit) out.unfit.push_back({rule, "an argument", &element.type, rule->line});
    }
    Words usual;
    for (const Words& choices : elements) usual.push_back(choices.front());
    add(usual);
    for (std::size_t place = 0; place < elements.size(); ++place) {
      for (const std::string& word : elements[place]) {
        Words words = usual;
        words[place] = word;
        add(words);
      }
      add({usual.begin(), usual.begin() + static_cast<std::ptrdiff_t>(place)});
    }
    usual.emplace_back("a");
    add(usual);
  }
  return out;
}

}  // namespace mixguard::policy
