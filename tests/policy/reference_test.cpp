// SPDX-License-Identifier: Apache-2.0
//
// The engine against the reference model, and what must hold of any policy whatever.
#include <rapidcheck.h>

#include <algorithm>
#include <iostream>
#include <random>
#include <sstream>

#include "policy/explain.hpp"
#include "tests/policy/support.hpp"
#include "tests/policy/support/reference.hpp"

namespace mixguard::policy::test {
namespace {

using reference::Call;
using reference::Flag;
using reference::Given;
using reference::Model;
using Layered = reference::Layer;

const Words kTasks = {"compile",   "ecto.migrate", "ecto.rollback",
                      "ecto.drop", "hex.publish",  "my.task"};
const Words kEnvs = {"dev", "test", "staging", "prod"};
const Words kFlags = {"force", "quiet", "step", "level"};
const Words kLevels = {"one", "two", "three"};
const Words kGlobs = {"lib/**",  "lib/*.ex", "lib/a/*.ex", "**",
                      "priv/**", "**/*.ex",  "_build/**",  "lib/a/b.ex"};
const Words kPaths = {"lib/a.ex",   "lib/a/b.ex", "lib/a/c.ex",  "lib/a/b/c.ex", "priv/x",
                      "_build/dev", "mix.exs",    "priv/a/b.ex", "x.ex",         "/opt/a/b",
                      "/opt/x",     "/srv/a",     "/srv/b/c"};
const Words kReadable = {"/opt/**", "/opt/a/*", "/srv/**", "/srv/a"};
const Words kPlaces = {"127.0.0.1:5432", "[::1]:80", "hex.pm:443"};

// Runs a property as often as it takes to mean something.
template <typename Property>
bool holds(int runs, Property&& property) {
  rc::detail::TestParams params = rc::detail::configuration().testParams;
  params.maxSuccess = runs;
  params.disableShrinking = true;  // the policy is printed, and shrinking so many choices is slow
  const auto result = rc::detail::checkTestable(std::forward<Property>(property),
                                                rc::detail::TestMetadata(), params);
  if (!result.template is<rc::detail::SuccessResult>()) {
    rc::detail::printResultMessage(result, std::cerr);
  }
  return result.template is<rc::detail::SuccessResult>();
}

template <typename T>
T one_of(const std::vector<T>& list) {
  return *rc::gen::elementOf(list);
}

int below(int bound) { return *rc::gen::resize(100, rc::gen::inRange(0, bound)); }
bool flip() { return *rc::gen::arbitrary<bool>(); }

Words some_of(const Words& list) {
  Words some;
  for (const std::string& item : list) {
    if (below(3) == 0) some.push_back(item);
  }
  return some;
}

Flag any_flag(const std::string& name) {
  Flag flag;
  flag.name = name;
  if (name == "step") {
    flag.type = Flag::Type::kInt;
    flag.min = below(3);
    flag.max = flag.min + below(6);
  } else if (name == "level") {
    flag.type = Flag::Type::kEnum;
    flag.choices = some_of(kLevels);
    if (flag.choices.empty()) flag.choices = {"one"};
  }
  return flag;
}

reference::Rule any_rule(const std::string& id) {
  reference::Rule rule;
  rule.id = id;
  rule.names = {one_of(kTasks)};
  for (const std::string& name : some_of(kTasks)) {
    if (name != rule.names.front()) rule.names.push_back(name);
  }
  rule.envs = some_of(kEnvs);
  rule.verdict = one_of<Verdict>({Verdict::kAllow, Verdict::kAllow, Verdict::kAsk, Verdict::kDeny});
  rule.has_flags = flip();
  for (const std::string& name : kFlags) {
    if (rule.has_flags && flip()) rule.flags.push_back(any_flag(name));
  }
  // A denial of no flags at all would be a rule that matches nothing.
  if (rule.flags.empty()) rule.has_flags = false;
  if (rule.verdict != Verdict::kDeny) {
    rule.write = some_of(kGlobs);
    rule.net = some_of(kPlaces);
  }
  return rule;
}

Layered any_layer(policy::Layer layer) {
  Layered made;
  made.layer = layer;
  made.is_named = layer == policy::Layer::kProject && below(4) == 0;
  if (below(3) == 0) made.default_verdict = flip() ? Verdict::kAsk : Verdict::kDeny;
  const int count = below(5);
  for (int i = 0; i < count; ++i) {
    made.rules.push_back(any_rule(std::string(to_string(layer)) + "-" + std::to_string(i)));
  }
  if (below(3) == 0) made.net = some_of(kPlaces);
  if (below(3) == 0) made.read = some_of(kReadable);
  made.deny = some_of(kGlobs);
  made.processes = below(3) * 100;
  made.landlock = one_of<std::string>({"", "require", "if-available", "off"});
  return made;
}

Model any_model() {
  Model model;
  model.has_builtin = flip();
  for (const policy::Layer layer :
       {policy::Layer::kSystem, policy::Layer::kUser, policy::Layer::kProject}) {
    if (flip()) model.layers.push_back(any_layer(layer));
  }
  if (model.layers.empty()) model.has_builtin = true;
  return model;
}

Given any_given() {
  Given given;
  given.name = one_of<std::string>({"force", "quiet", "step", "level", "other"});
  given.is_negated = below(5) == 0;
  if (given.is_negated) return given;
  if (given.name == "step") {
    given.value = std::to_string(below(9));
  } else if (given.name == "level") {
    given.value = one_of(kLevels);
  } else if (below(4) == 0) {
    given.value = one_of<std::string>({"true", "false", "maybe"});
  }
  return given;
}

Call any_call() {
  Call call{one_of(kTasks), {}};
  for (int i = below(3); i > 0; --i) call.flags.push_back(any_given());
  return call;
}

// A boolean's value needs "="; the others are written either way.
Words words_of(const Call& call) {
  Words words = {call.task};
  for (const Given& given : call.flags) {
    const std::string name = (given.is_negated ? "--no-" : "--") + given.name;
    const bool is_apart = (given.name == "step" || given.name == "level") && flip();
    if (!given.value) {
      words.push_back(name);
    } else if (is_apart) {
      words.insert(words.end(), {name, *given.value});
    } else {
      words.push_back(name + "=" + *given.value);
    }
  }
  return words;
}

Words with_mix(Words words) {
  words.insert(words.begin(), "mix");
  return words;
}

// Prints a model as policy files, with everything whose order means nothing in an order of chance.
class Printer {
 public:
  explicit Printer(std::uint32_t seed) : random_(seed) {}

  std::vector<Ruleset> print(const Model& model) {
    std::vector<Ruleset> files;
    for (const Layered& layer : shuffled(model.layers)) print(layer, model.has_builtin, files);
    return files;
  }

  std::string text() const { return text_; }

 private:
  template <typename T>
  std::vector<T> shuffled(std::vector<T> list) {
    std::shuffle(list.begin(), list.end(), random_);
    return list;
  }

  // A project has one file; the others may have several.
  void print(const Layered& layer, bool has_builtin, std::vector<Ruleset>& files) {
    const bool may_split = layer.layer != policy::Layer::kProject;
    const std::size_t count = may_split ? 1 + random_() % 2 : 1;
    std::vector<std::vector<std::string>> tables(count);
    for (const reference::Rule& rule : layer.rules)
      tables[random_() % count].push_back(print(rule));
    const std::vector<std::string> settings = settings_of(layer);
    for (std::size_t i = 0; i < count; ++i) {
      std::string text = has_builtin ? "" : "extends = []\n";
      if (i == 0 && layer.default_verdict) {
        text += "default = \"" + std::string(to_string(*layer.default_verdict)) + "\"\n";
      }
      if (i == 0) tables[i].insert(tables[i].end(), settings.begin(), settings.end());
      for (const std::string& table : shuffled(tables[i])) text += table;
      const std::string name = std::string(to_string(layer.layer)) + std::to_string(i) + ".toml";
      text_ += "# " + name + "\n" + text;
      auto parsed = parse_ruleset("version = 1\n" + text, name, layer.layer);
      if (!parsed) RC_FAIL(parsed.error().front().to_string() + "\n" + text);
      files.push_back(std::move(*parsed));
      files.back().named_explicitly = layer.is_named;
    }
  }

  std::vector<std::string> settings_of(const Layered& layer) {
    std::vector<std::string> tables;
    if (layer.net) tables.push_back("[net]\nallow = " + list(*layer.net));
    std::vector<std::string> fs;
    if (layer.read) fs.push_back("read = " + list(*layer.read));
    if (!layer.deny.empty()) fs.push_back("deny = " + list(layer.deny));
    if (!fs.empty()) tables.push_back("[fs]\n" + joined(shuffled(fs)));
    if (layer.processes != 0) {
      tables.push_back("[limits]\nprocesses = " + std::to_string(layer.processes) + "\n");
    }
    if (!layer.landlock.empty()) {
      tables.push_back("[safeguards]\nlandlock = \"" + layer.landlock + "\"\n");
    }
    return tables;
  }

  std::string print(const reference::Rule& rule) {
    std::vector<std::string> keys = {
        "id = \"" + rule.id + "\"\n", "name = " + list(rule.names),
        "decision = \"" + std::string(to_string(rule.verdict)) + "\"\n"};
    if (!rule.envs.empty()) keys.push_back("env = " + list(rule.envs));
    if (!rule.write.empty()) keys.push_back("write = " + list(rule.write));
    if (!rule.net.empty()) keys.push_back("net = " + list(rule.net));
    if (rule.has_flags) {
      std::string flags;
      for (const Flag& flag : shuffled(rule.flags)) {
        flags += (flags.empty() ? "" : ", ") + print(flag);
      }
      keys.push_back("flags = { " + flags + " }\n");
    }
    return "[[task]]\n" + joined(shuffled(keys));
  }

  std::string print(const Flag& flag) {
    if (flag.type == Flag::Type::kBool) return flag.name + " = \"bool\"";
    std::vector<std::string> keys;
    if (flag.type == Flag::Type::kInt) {
      keys = {"type = \"int\"", "min = " + std::to_string(flag.min),
              "max = " + std::to_string(flag.max)};
    } else {
      std::string choices = list(flag.choices);
      choices.pop_back();
      keys = {"enum = " + choices};
    }
    std::string text;
    for (const std::string& key : shuffled(keys)) text += (text.empty() ? "" : ", ") + key;
    return flag.name + " = { " + text + " }";
  }

  std::string list(const Words& items) {
    std::string text;
    for (const std::string& item : shuffled(items)) {
      text += (text.empty() ? "\"" : ", \"") + item + "\"";
    }
    return "[" + text + "]\n";
  }

  static std::string joined(const std::vector<std::string>& lines) {
    std::string text;
    for (const std::string& line : lines) text += line;
    return text;
  }

  std::mt19937 random_;
  std::string text_;
};

Policy policy_from(const Model& model) {
  Printer printer(*rc::gen::arbitrary<std::uint32_t>());
  std::vector<Ruleset> files = printer.print(model);
  RC_LOG() << printer.text();
  return policy_of(std::move(files));
}

Decision decide_in(const Policy& policy, const std::string& env, const Words& words) {
  return decide(policy, with_mix(words), facts({{"MIX_ENV", env}}));
}

std::set<std::string> ids_of(const Decision& decision) {
  std::set<std::string> ids;
  for (const RuleRef& rule : decision.rules) ids.insert(rule.id);
  return ids;
}

std::string sorted(Words words) {
  std::sort(words.begin(), words.end());
  std::string text;
  for (const std::string& word : words) text += " " + word;
  return text;
}

// Everything but lines, which say where a rule stands, and what is told of one rule of several: of
// those that nearly fit the reason is that of the nearest, and of equals of the first.
std::string meaning(const Decision& decision) {
  const Confinement& may = decision.confinement;
  std::ostringstream text;
  const std::set<std::string> ids = ids_of(decision);
  text << to_string(decision.verdict) << " by" << sorted({ids.begin(), ids.end()});
  for (const std::string& word : decision.canonical) text << " " << word;
  text << " read" << sorted(may.read) << " write" << sorted(may.write) << " deny"
       << sorted(may.deny) << " net" << sorted(may.net) << " limit " << may.limits.processes;
  for (const Safeguard& safeguard : may.safeguards) {
    text << " " << safeguard.name << static_cast<int>(safeguard.requirement);
  }
  return text.str();
}

// Component by component, "**" for any number of them.
bool glob_matches(std::string_view glob, std::string_view path) {
  if (glob.empty()) return path.empty();
  if (glob.starts_with("**/")) {
    if (glob_matches(glob.substr(3), path)) return true;
    const std::size_t slash = path.find('/');
    return slash != std::string_view::npos && glob_matches(glob, path.substr(slash + 1));
  }
  if (glob == "**") return true;
  if (path.empty()) return glob == "*";
  if (glob[0] == '*') {
    return glob_matches(glob.substr(1), path) ||
           (path[0] != '/' && glob_matches(glob, path.substr(1)));
  }
  return glob[0] == path[0] && glob_matches(glob.substr(1), path.substr(1));
}

std::set<std::string> covered(const Words& globs) {
  std::set<std::string> paths;
  for (const std::string& path : kPaths) {
    for (const std::string& glob : globs) {
      if (glob_matches(glob, path)) paths.insert(path);
    }
  }
  return paths;
}

bool is_subset(const std::set<std::string>& inner, const std::set<std::string>& outer) {
  return std::includes(outer.begin(), outer.end(), inner.begin(), inner.end());
}

std::set<std::string> set_of(const Words& words) { return {words.begin(), words.end()}; }

// Where the upper layers have a list, a lower one takes from it and adds nothing.
bool is_narrower(const Decision& with, const Decision& without, const Model& upper) {
  const Confinement& inner = with.confinement;
  const Confinement& outer = without.confinement;
  const auto has = [&](auto member) {
    return std::any_of(upper.layers.begin(), upper.layers.end(),
                       [&](const Layered& layer) { return (layer.*member).has_value(); });
  };
  const bool limits =
      outer.limits.processes == 0 ||
      (inner.limits.processes != 0 && inner.limits.processes <= outer.limits.processes);
  const bool safeguards = outer.safeguards.empty() ||
                          (!inner.safeguards.empty() && inner.safeguards.front().requirement <=
                                                            outer.safeguards.front().requirement);
  return is_subset(covered(inner.write), covered(outer.write)) &&
         (!has(&Layered::net) || is_subset(set_of(inner.net), set_of(outer.net))) &&
         (!has(&Layered::read) || is_subset(covered(inner.read), covered(outer.read))) &&
         is_subset(covered(outer.deny), covered(inner.deny)) && limits && safeguards;
}

bool is_of_a_file(const Decision& decision) {
  return !decision.rules.empty() && decision.rules.front().layer != "builtin";
}

TEST_CASE("the engine decides as the reference model does") {
  CHECK(holds(3000, [] {
    const Model model = any_model();
    const Policy policy = policy_from(model);
    const std::string env = one_of(kEnvs);
    const Call call = any_call();
    const Decision decision = decide_in(policy, env, words_of(call));
    const reference::Answer expected = reference::answer(model, env, call);
    RC_CLASSIFY(decision.verdict == Verdict::kAllow, "allow");
    RC_CLASSIFY(decision.verdict == Verdict::kAsk, "ask");
    RC_CLASSIFY(decision.reason == Reason::kRule, "by rule");
    RC_ASSERT(to_string(decision.verdict) == to_string(expected.verdict));
    RC_ASSERT(ids_of(decision) == expected.rules);
  }));
}

TEST_CASE("the order of layers, files, rules, keys and lists never matters") {
  CHECK(holds(1000, [] {
    const Model model = any_model();
    const std::string env = one_of(kEnvs);
    const Words words = words_of(any_call());
    const Policy one = policy_from(model);
    const Policy other = policy_from(model);
    RC_ASSERT(meaning(decide_in(one, env, words)) == meaning(decide_in(other, env, words)));
  }));
}

TEST_CASE(
    "a further denial never lowers a decision, a further question only what no rule decided") {
  CHECK(holds(1500, [] {
    Model model = any_model();
    RC_PRE(!model.layers.empty());
    const std::string env = one_of(kEnvs);
    const Words words = words_of(any_call());
    const Decision before = decide_in(policy_from(model), env, words);
    reference::Rule rule = any_rule("further");
    rule.verdict = flip() ? Verdict::kDeny : Verdict::kAsk;
    if (rule.verdict == Verdict::kDeny) rule.write.clear();
    if (rule.verdict == Verdict::kDeny) rule.net.clear();
    model.layers[static_cast<std::size_t>(below(static_cast<int>(model.layers.size())))]
        .rules.push_back(rule);
    const Decision after = decide_in(policy_from(model), env, words);
    const bool may_lower = rule.verdict == Verdict::kAsk && !is_of_a_file(before);
    RC_ASSERT(after.verdict >= before.verdict || may_lower);
    RC_ASSERT(after.verdict != Verdict::kAllow || before.verdict == Verdict::kAllow);
  }));
}

TEST_CASE("a lower layer never widens what the rules of those above decided") {
  CHECK(holds(3000, [] {
    Model model = any_model();
    RC_PRE(!model.layers.empty());
    RC_PRE(model.layers.back().layer != policy::Layer::kSystem);
    const std::string env = one_of(kEnvs);
    const Words words = words_of(any_call());
    const Decision with = decide_in(policy_from(model), env, words);
    const bool is_trusted_at_most =
        !model.layers.back().is_named && model.layers.back().layer == policy::Layer::kProject;
    model.layers.pop_back();
    RC_PRE(model.has_builtin || !model.layers.empty());
    const Decision without = decide_in(policy_from(model), env, words);
    const bool is_production = env == "staging" || env == "prod";
    RC_CLASSIFY(is_of_a_file(without), "decided by a file");
    RC_ASSERT(!is_of_a_file(without) || with.verdict >= without.verdict);
    RC_ASSERT(!(is_trusted_at_most && is_production) || with.verdict != Verdict::kAllow ||
              without.verdict == Verdict::kAllow);
    if (is_of_a_file(without) && with.verdict != Verdict::kDeny) {
      RC_ASSERT(is_narrower(with, without, model));
    }
  }));
}

TEST_CASE("a `do` is the strictest of its parts") {
  CHECK(holds(1000, [] {
    const Policy policy = policy_from(any_model());
    const std::string env = one_of(kEnvs);
    Words words = {"do"};
    Verdict strictest = Verdict::kAllow;
    const int count = 1 + below(4);
    for (int i = 0; i < count; ++i) {
      if (i > 0) words.emplace_back("+");
      const Words part = words_of(any_call());
      words.insert(words.end(), part.begin(), part.end());
      strictest = std::max(strictest, decide_in(policy, env, part).verdict);
    }
    const Decision decision = decide_in(policy, env, words);
    RC_ASSERT(to_string(decision.verdict) == to_string(strictest));
    RC_ASSERT(decision.parts.size() == static_cast<std::size_t>(count));
  }));
}

TEST_CASE("an explanation tells the verdict and the rule of the decision") {
  CHECK(holds(1000, [] {
    const Policy policy = policy_from(any_model());
    const Decision decision = decide_in(policy, one_of(kEnvs), words_of(any_call()));
    const std::string text = explain(decision, {});
    const std::string verdict = decision.verdict == Verdict::kAllow ? "ALLOW"
                                : decision.verdict == Verdict::kAsk ? "ASK"
                                                                    : "DENY";
    RC_ASSERT(text.starts_with(verdict + "  mix "));
    for (const std::string other : {"ALLOW", "ASK", "DENY"}) {
      RC_ASSERT(other == verdict || text.find(other) == std::string::npos);
    }
    RC_ASSERT(decision.reason == Reason::kNone ||
              text.find(to_string(decision.reason)) != std::string::npos);
    if (decision.rules.empty()) return;
    const RuleRef& rule = decision.rules.front();
    const std::string place = rule.layer == "builtin"
                                  ? "(" + rule.file + ")"
                                  : "(" + rule.file + ":" + std::to_string(rule.line) + ")";
    RC_ASSERT(text.find(place) != std::string::npos);
    RC_ASSERT(text.find("\"" + rule.id + "\"") != std::string::npos);
  }));
}

struct Typed {
  std::string flag;
  std::string value;
  std::size_t taken = 0;  // gate characters that the type itself has a place for
};

// Every type that is no free text, with a value that fits. A function's name may end in "!" or "?".
const std::vector<Typed> kTyped = {
    {"number", "12"},        {"choice", "one"},        {"version", "20240101120000"},
    {"module", "Acme.Repo"}, {"function", "A.b/1", 2}, {"path", "lib/a.ex"},
    {"name", "abc_1"},       {"wait", "30s"},          {"text", "plain"},
    {"on", "true"}};

constexpr const char* kTypedTask = R"(
[[task]]
id = "typed"
name = "typed"
decision = "allow"
args = [{ type = "name", repeat = [0, 1] }]
flags = { number = "int", choice = { enum = ["one", "two"] }, version = "version", module = "module", function = "mfa", path = "path", name = "name", wait = "duration", text = { type = "string", match = '[a-z]+', max_len = 20 }, on = "bool" }
[[task]]
id = "free"
name = "free"
decision = "allow"
flags = { text = { type = "string", match = '(?s).*', max_len = 200 }, code = "code" }
)";

Words shell_characters() {
  Words all;
  for (const char c : std::string(";|&$`<>(){}*?[]!~#\\")) all.emplace_back(1, c);
  return all;
}

std::string utf8(char32_t c) {
  const auto tail = [](char32_t bits) { return static_cast<char>(0x80U | (bits & 0x3FU)); };
  if (c < 0x80) return {static_cast<char>(c)};
  if (c < 0x800) return {static_cast<char>(0xC0U | (c >> 6U)), tail(c)};
  if (c < 0x10000) return {static_cast<char>(0xE0U | (c >> 12U)), tail(c >> 6U), tail(c)};
  return {static_cast<char>(0xF0U | (c >> 18U)), tail(c >> 12U), tail(c >> 6U), tail(c)};
}

// What nobody sees, or what moves the cursor: never let through, whatever the type.
Words unseen_characters() {
  Words all = {std::string(1, '\0'), "\xff", "\xc0\xaf", "\xed\xa0\x80", "\x80"};
  const std::vector<std::pair<char32_t, char32_t>> ranges = {
      {0x01, 0x1F},     {0x7F, 0x9F},       {0xA0, 0xA0},       {0xAD, 0xAD},
      {0x61C, 0x61C},   {0x180E, 0x180E},   {0x2000, 0x200F},   {0x2028, 0x202F},
      {0x205F, 0x206F}, {0x3000, 0x3000},   {0xFE00, 0xFE0F},   {0xFEFF, 0xFEFF},
      {0xFFF9, 0xFFFB}, {0xE0001, 0xE0001}, {0xE0020, 0xE007F}, {0xE0100, 0xE01EF}};
  for (const auto& [first, last] : ranges) {
    for (char32_t c = first; c <= last; ++c) all.push_back(utf8(c));
  }
  return all;
}

Words inserted(const Words& argv, std::size_t word, std::size_t at, const std::string& what) {
  Words changed = argv;
  changed[word].insert(at, what);
  return changed;
}

// How many of `gates`, put at any place of the last word behind `from`, are let through.
std::size_t let_through(const Policy& policy, const Words& argv, std::size_t from,
                        const Words& gates) {
  std::size_t count = 0;
  for (std::size_t at = from; at <= argv.back().size(); ++at) {
    for (const std::string& gate : gates) {
      const Words changed = inserted(argv, argv.size() - 1, at, gate);
      count += decide(policy, changed, facts()).verdict == Verdict::kAllow ? 1U : 0U;
    }
  }
  return count;
}

TEST_CASE("no gate character is let through in a typed value, wherever it is put") {
  const Policy policy = bare_policy(kTypedTask);
  Words gates = shell_characters();
  const Words unseen = unseen_characters();
  gates.insert(gates.end(), unseen.begin(), unseen.end());
  for (const Typed& typed : kTyped) {
    const Words glued = {"mix", "typed", "--" + typed.flag + "=" + typed.value};
    INFO(glued.back());
    REQUIRE(outcome(decide(policy, glued, facts())) == "allow");
    CHECK(let_through(policy, glued, typed.flag.size() + 3, gates) == typed.taken);
    if (typed.flag == "on") continue;
    const Words apart = {"mix", "typed", "--" + typed.flag, typed.value};
    REQUIRE(outcome(decide(policy, apart, facts())) == "allow");
    CHECK(let_through(policy, apart, 0, gates) == typed.taken);
  }
  const Words argument = {"mix", "typed", "word"};
  REQUIRE(outcome(decide(policy, argument, facts())) == "allow");
  CHECK(let_through(policy, argument, 0, gates) == 0);
}

TEST_CASE("free text may hold what a shell reads, and never what nobody sees") {
  const Policy policy = bare_policy(kTypedTask);
  for (const std::string flag : {"--text", "--code"}) {
    const Words argv = {"mix", "free", flag, "a b"};
    REQUIRE(outcome(decide(policy, argv, facts())) == "allow");
    CHECK(let_through(policy, argv, 0, unseen_characters()) == 0);
    CHECK(let_through(policy, argv, 0, shell_characters()) == 4 * shell_characters().size());
  }
}

}  // namespace
}  // namespace mixguard::policy::test
