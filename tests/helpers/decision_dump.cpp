// SPDX-License-Identifier: Apache-2.0
//
// Makes command lines out of the flags and arguments that a policy and the catalogue know, right
// and wrong ones, and prints how each is judged, to be compared with what Mix makes of it
// (tests/policy/option_parser.sh). The same seed gives the same lines.
//
//   T TASK NAME=KIND[*][/ALIAS]…              what the rules of a task take; * may be repeated
//   V VERDICT WORD… | CANONICAL-WORD… [| TASK PART-WORD…]…
//     the words after `mix` as they are given, then as they are spelled out, then the parts; in
//     hexadecimal
//
// Usage: decision_dump POLICY COUNT SEED

#include <array>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <random>

#include "policy/builtin.hpp"
#include "policy/engine.hpp"
#include "policy/values.hpp"

namespace {

using namespace mixguard::policy;
using Words = std::vector<std::string>;

constexpr std::string_view kRoot = "/home/u/shop";

// Tasks of Mix itself: those that read their words strictly, loosely, and up to the first argument.
constexpr std::array<std::string_view, 14> kMixTasks = {
    "test",     "format",      "xref",  "app.tree",      "new", "release",       "compile",
    "deps.get", "deps.unlock", "clean", "archive.build", "run", "profile.eprof", "eval"};

const Words kValues = {"",
                       "-",
                       "--",
                       "0",
                       "1",
                       "7",
                       "007",
                       "12",
                       "-1",
                       "-3",
                       "-0",
                       "+3",
                       "1e3",
                       "0x3",
                       "1_0",
                       "-1x",
                       "\u0661",
                       "99999",
                       "-99999",
                       "one",
                       "two",
                       "One",
                       "abc",
                       "abc_1",
                       "a-b",
                       "A.B",
                       "Repo",
                       "A.B.c/1",
                       "A.b!",
                       "true",
                       "false",
                       "TRUE",
                       "30s",
                       "5m",
                       "500ms",
                       "lib",
                       "lib/a.ex",
                       "../x",
                       "/etc/x",
                       "test/a_test.exs:3",
                       "priv/x.exs",
                       "a,b",
                       "a,",
                       ",",
                       "+",
                       "a=b",
                       "=",
                       "a b",
                       "- a",
                       "-x",
                       "--x",
                       "--no-x",
                       "-n1",
                       "do",
                       "x:y",
                       "1 + 1",
                       "plain",
                       "dot",
                       "graph",
                       "runtime",
                       "debug",
                       "prod",
                       "\u00e9",
                       "1.2.3",
                       "20240101120000",
                       "20241301120000x",
                       "graph.dot"};

const Words kNoise = {"--unknown", "--x=1",
                      "-z",        "-Z1",
                      "---all",    "--all-",
                      "--a_b",     "--ALL",
                      "--no-",     "--",
                      "-",         "-=1",
                      "--=1",      "-1",
                      "-1x",       "+",
                      ",",         "do",
                      "a,",        "- x",
                      "-a-q",      "--no-x",
                      "-é",        "--step1",
                      "-n-1",      "--no-no-compile"};

// One way to write a task: the rule that says what it takes.
struct Target {
  std::string name;
  TaskRule rule;
};

class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}
  std::size_t below(std::size_t bound) { return static_cast<std::size_t>(engine_() % bound); }
  bool one_in(std::size_t count) { return below(count) == 0; }
  template <typename List>
  const auto& of(const List& list) {
    return list[below(list.size())];
  }

 private:
  std::mt19937_64 engine_;
};

class Writer {
 public:
  Writer(std::vector<Target> targets, std::uint64_t seed)
      : targets_(std::move(targets)), random_(seed) {}

  Words command() {
    if (random_.one_in(200)) return {};
    if (!random_.one_in(3)) return call();
    Words words = {"do"};
    if (random_.one_in(6))
      add(words, random_.one_in(2) ? Words{"--app", "shop"} : Words{"--app=a"});
    if (random_.one_in(20)) words.emplace_back("--");
    const std::size_t parts = 1 + random_.below(3);
    for (std::size_t i = 0; i < parts; ++i) {
      if (i > 0) separate(words);
      if (random_.one_in(12)) words.emplace_back("do");
      add(words, call());
    }
    return words;
  }

 private:
  static void add(Words& words, const Words& more) {
    words.insert(words.end(), more.begin(), more.end());
  }

  void separate(Words& words) {
    const std::size_t kind = random_.below(8);
    if (kind < 4) words.emplace_back("+");
    if (kind >= 4 && kind < 7) words.back() += ',';
    if (kind == 7) words.emplace_back(",");
  }

  Words call() {
    const Target& target = random_.of(targets_);
    Words words = {task_name(target.name)};
    std::vector<bool> used(target.rule.flags.size());
    const std::size_t flags = random_.below(4);
    for (std::size_t i = 0; i < flags && !target.rule.flags.empty(); ++i) {
      const std::size_t index = random_.below(target.rule.flags.size());
      const FlagRule& flag = target.rule.flags[index];
      if (used[index] && !flag.repeat && !random_.one_in(10)) continue;
      used[index] = true;
      add_flag(flag, words);
    }
    if (random_.one_in(20)) words.emplace_back("--");
    for (const ArgRule& arg : target.rule.args) {
      const std::size_t count = arg.min_count + (random_.one_in(2) ? random_.below(2) : 0);
      for (std::size_t i = 0; i < count; ++i) words.push_back(value_of(arg.type));
      if (!target.rule.flags.empty() && random_.one_in(12)) {
        add_flag(random_.of(target.rule.flags), words);
      }
    }
    if (random_.one_in(8)) insert(words, random_.of(kNoise));
    if (random_.one_in(16)) insert(words, random_.of(kValues));
    return words;
  }

  void insert(Words& words, const std::string& word) {
    const auto at = static_cast<std::ptrdiff_t>(1 + random_.below(words.size()));
    words.insert(words.begin() + at, word);
  }

  std::string task_name(std::string name) {
    if (!random_.one_in(14)) return name;
    switch (random_.below(8)) {
      case 0:
        name[0] = static_cast<char>(name[0] - 'a' + 'A');
        return name;
      case 1:
        return "_" + name;
      case 2:
        return name + "_";
      case 3:
        return "." + name;
      case 4:
        return "elixir." + name;
      case 5:
        return name.insert(random_.below(name.size()), "_");
      case 6:
        return name.insert(random_.below(name.size()), ".");
      default:
        name.erase(random_.below(name.size()), 1);
        return name.empty() ? "x" : name;
    }
  }

  // Mostly one that fits.
  std::string value_of(const ValueType& type) {
    if (!random_.one_in(12)) {
      Words fitting;
      std::vector<PathArgument> paths;
      for (const std::string& value : kValues) {
        if (!check_value(type, value, {kRoot, kRoot}, paths)) fitting.push_back(value);
      }
      if (!fitting.empty()) return random_.of(fitting);
    }
    return random_.of(kValues);
  }

  void add_flag(const FlagRule& flag, Words& words) {
    const bool is_short = !flag.alias.empty() && random_.one_in(2);
    if (flag.type.kind == ValueKind::kBool && !random_.one_in(20)) {
      words.push_back(is_short ? short_bool(flag, words) : long_bool(flag));
      return;
    }
    const std::string name = is_short ? "-" + flag.alias : "--" + flag.name;
    const std::string value = value_of(flag.type);
    const std::size_t kind = random_.below(is_short ? 8 : 7);
    if (kind < 4) {
      words.push_back(name);
      words.push_back(value);
    } else if (kind < 7) {
      words.push_back(name + "=" + value);
    } else {
      words.push_back(name + value);
    }
    if (random_.one_in(40)) words.back().pop_back();
  }

  // Sometimes glued to the cluster before it.
  std::string short_bool(const FlagRule& flag, Words& words) {
    const std::string& last = words.back();
    const bool can_join =
        last.size() > 1 && last[0] == '-' && last[1] != '-' && last.find('=') == std::string::npos;
    if (!can_join || random_.one_in(2)) return "-" + flag.alias;
    std::string joined = last + flag.alias;
    words.pop_back();
    return joined;
  }

  std::string long_bool(const FlagRule& flag) {
    switch (random_.below(8)) {
      case 0:
        return "--" + flag.name + "=true";
      case 1:
        return "--" + flag.name + "=false";
      case 2:
      case 3:
        return "--no-" + flag.name;
      case 4:
        return random_.one_in(4) ? "--no-" + flag.name + "=true" : "--" + flag.name;
      default:
        return "--" + flag.name;
    }
  }

  std::vector<Target> targets_;
  Random random_;
};

std::string hex(std::string_view text) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out = "=";  // an empty word is a word, too
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    out += {kDigits[byte >> 4U], kDigits[byte & 15U]};
  }
  return out;
}

Ruleset read_policy(const char* path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  auto parsed = parse_ruleset(text, path, Layer::kUser);
  if (parsed) return std::move(*parsed);
  std::cerr << parsed.error().front().to_string() << '\n';
  std::exit(1);
}

std::vector<Target> targets_of(const Ruleset& policy) {
  std::vector<Target> targets;
  for (const TaskRule& rule : policy.tasks) {
    for (int weight = 0; weight < 3; ++weight) {
      for (const std::string& name : rule.names) targets.push_back({name, rule});
    }
  }
  for (const std::string_view name : kMixTasks) {
    // Of the rules the one that asks has all flags.
    for (const TaskRule& rule : builtin_rules(*find_builtin(name))) {
      if (rule.verdict == Verdict::kDeny) continue;
      targets.push_back({std::string(name), rule});
      break;
    }
  }
  return targets;
}

void print_tables(const std::vector<Target>& targets) {
  std::map<std::string, const TaskRule*> once;
  for (const Target& target : targets) once[target.name] = &target.rule;
  for (const auto& [name, rule] : once) {
    std::cout << "T " << name;
    for (const FlagRule& flag : rule->flags) {
      std::cout << ' ' << flag.name << '=' << to_string(flag.type.kind) << (flag.repeat ? "*" : "");
      if (!flag.alias.empty()) std::cout << '/' << flag.alias;
    }
    std::cout << '\n';
  }
}

void print_decision(const Words& words, const Decision& decision) {
  std::cout << "V " << to_string(decision.verdict);
  for (const std::string& word : words) std::cout << ' ' << hex(word);
  std::cout << " |";
  for (const std::string& word : decision.canonical) std::cout << ' ' << hex(word);
  for (const Part& part : decision.parts) {
    std::cout << " | " << part.task;
    for (const std::string& word : part.canonical) std::cout << ' ' << hex(word);
  }
  std::cout << '\n';
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 64;
  const Ruleset ruleset = read_policy(argv[1]);
  const std::vector<Target> targets = targets_of(ruleset);
  const auto policy = Policy::build({ruleset});
  if (!policy) return 1;
  print_tables(targets);
  Facts facts;
  facts.project_root = kRoot;
  facts.cwd = kRoot;
  Writer writer(targets, std::strtoull(argv[3], nullptr, 10));
  const long count = std::strtol(argv[2], nullptr, 10);
  for (long i = 0; i < count; ++i) {
    const Words words = writer.command();
    Words line = {"mix"};
    line.insert(line.end(), words.begin(), words.end());
    print_decision(words, decide(*policy, line, facts));
  }
}
