// SPDX-License-Identifier: Apache-2.0
//
// catalog_generator OUT IN…: reads the tables of the builtin catalogue and writes them as one C++
// file of constants (policy/catalog_table.hpp has their shape). It runs at build time only, and
// refuses a table that it does not understand completely.

#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace {

using Strings = std::vector<std::string>;

struct Type {
  std::string kind;
  std::string min = "kNoMin";
  std::string max = "kNoMax";
  std::int64_t max_len = 0;
  std::string match;
  std::string under;
  Strings choices;
};

struct Flag {
  std::string name;
  std::string alias;
  Type type;
  bool repeat = false;
  bool asks = false;
};

struct Arg {
  Type type;
  std::int64_t min_count = 1;
  std::int64_t max_count = 1;
};

struct Task {
  std::string name;
  Strings verdicts;
  std::string because;
  std::string instead;
  std::string inverse;
  std::string preferred_env;
  bool flags_first = false;
  bool live = false;
  bool keeps_build = false;
  std::map<std::string, Flag> flags;
  std::vector<Arg> args;
  Strings write;
  Strings net;
  Strings snapshot;
};

// Nothing can go on after a mistake in the catalogue: the build has to stop.
[[noreturn]] void die(const toml::node& at, const std::string& what) {
  const toml::source_region& where = at.source();
  std::cerr << (where.path ? *where.path : "catalogue") << ':' << where.begin.line << ':'
            << where.begin.column << ": " << what << '\n';
  std::exit(EXIT_FAILURE);
}

std::string text(const toml::node& node) {
  if (const auto* value = node.as_string()) return value->get();
  die(node, "expected a string");
}

bool boolean(const toml::node& node) {
  if (const auto* value = node.as_boolean()) return value->get();
  die(node, "expected true or false");
}

std::int64_t integer(const toml::node& node) {
  if (const auto* value = node.as_integer()) return value->get();
  die(node, "expected an integer");
}

Strings texts(const toml::node& node) {
  if (node.is_string()) return {text(node)};
  const auto* list = node.as_array();
  if (list == nullptr) die(node, "expected a list of strings");
  Strings result;
  for (const toml::node& item : *list) result.push_back(text(item));
  return result;
}

const toml::table& table(const toml::node& node) {
  if (const auto* value = node.as_table()) return *value;
  die(node, "expected a table");
}

void only_keys(const toml::table& node, std::initializer_list<std::string_view> keys) {
  for (const auto& [key, value] : node) {
    if (std::find(keys.begin(), keys.end(), key.str()) == keys.end()) {
      die(value, "unknown key \"" + std::string(key.str()) + "\"");
    }
  }
}

const std::map<std::string, std::string, std::less<>> kKinds = {
    {"bool", "kBool"},         {"int", "kInt"},   {"enum", "kEnum"},    {"version", "kVersion"},
    {"module", "kModule"},     {"mfa", "kMfa"},   {"path", "kPath"},    {"name", "kName"},
    {"duration", "kDuration"}, {"code", "kCode"}, {"string", "kString"}};

// What several tasks share, by name; from every file.
class Vocabulary {
 public:
  void read(const toml::table& file) {
    read_section(file, "types", types_);
    read_section(file, "groups", groups_);
    read_section(file, "classes", classes_);
    read_section(file, "sets", sets_);
  }

  [[nodiscard]] Type type(const toml::node& node) const {
    if (node.is_string()) {
      const std::string name = text(node);
      if (const auto found = types_.find(name); found != types_.end()) return type(*found->second);
      const auto kind = kKinds.find(name);
      if (kind == kKinds.end()) die(node, "unknown type \"" + name + "\"");
      return complete(node, {kind->second});
    }
    const toml::table& source = table(node);
    Type result;
    if (const auto* kind = source.get("type")) {
      result = base(*kind);
    } else {
      result.kind = "kEnum";
    }
    if (const auto* min = source.get("min")) result.min = std::to_string(integer(*min));
    if (const auto* max = source.get("max")) result.max = std::to_string(integer(*max));
    if (const auto* length = source.get("max_len")) result.max_len = integer(*length);
    if (const auto* match = source.get("match")) result.match = text(*match);
    if (const auto* under = source.get("under")) result.under = text(*under);
    if (const auto* choices = source.get("enum")) result.choices = texts(*choices);
    return complete(node, std::move(result));
  }

  [[nodiscard]] Flag flag(const std::string& name, const toml::node& node) const {
    Flag result;
    result.name = name;
    result.type = type(node);
    const auto* source = node.as_table();
    if (source == nullptr) return result;
    only_keys(*source, {"type", "min", "max", "max_len", "match", "under", "enum", "alias",
                        "repeat", "asks"});
    if (const auto* alias = source->get("alias")) result.alias = text(*alias);
    if (const auto* repeat = source->get("repeat")) result.repeat = boolean(*repeat);
    if (const auto* asks = source->get("asks")) result.asks = boolean(*asks);
    return result;
  }

  [[nodiscard]] Arg arg(const toml::node& node) const {
    Arg result;
    result.type = type(node);
    const auto* source = node.as_table();
    if (source == nullptr) return result;
    only_keys(*source, {"type", "min", "max", "max_len", "match", "under", "enum", "repeat"});
    const auto* repeat = source->get("repeat");
    if (repeat == nullptr) return result;
    const auto* pair = repeat->as_array();
    if (pair == nullptr || pair->size() != 2) die(*repeat, "expected [min, max]");
    result.min_count = integer(*pair->get(0));
    result.max_count = integer(*pair->get(1));
    return result;
  }

  [[nodiscard]] const toml::table& group(const toml::node& name) const {
    const auto found = groups_.find(text(name));
    if (found == groups_.end()) die(name, "unknown group of flags");
    return table(*found->second);
  }

  // A list of strings in which "@name" stands for all of a set.
  [[nodiscard]] Strings list(const toml::node& node) const {
    Strings result;
    for (std::string& item : texts(node)) {
      if (!item.starts_with('@')) {
        result.push_back(std::move(item));
        continue;
      }
      const auto found = sets_.find(item.substr(1));
      if (found == sets_.end()) die(node, "unknown set \"" + item + "\"");
      const Strings set = texts(*found->second);
      result.insert(result.end(), set.begin(), set.end());
    }
    return result;
  }

  [[nodiscard]] Strings verdicts(const toml::node& name) const {
    const auto found = classes_.find(text(name));
    if (found == classes_.end()) die(name, "unknown class");
    Strings result = texts(*found->second);
    if (result.size() != 4) die(*found->second, "expected four verdicts: dev, test, staging, prod");
    for (std::string& verdict : result) {
      if (verdict == "allow") {
        verdict = "Verdict::kAllow";
      } else if (verdict == "ask") {
        verdict = "Verdict::kAsk";
      } else if (verdict == "deny") {
        verdict = "Verdict::kDeny";
      } else {
        die(*found->second, "expected allow, ask or deny");
      }
    }
    return result;
  }

 private:
  using Section = std::map<std::string, const toml::node*, std::less<>>;

  static void read_section(const toml::table& file, std::string_view name, Section& section) {
    const auto* node = file.get(name);
    if (node == nullptr) return;
    for (const auto& [key, value] : table(*node)) {
      if (!section.emplace(std::string(key.str()), &value).second) die(value, "defined twice");
    }
  }

  [[nodiscard]] Type base(const toml::node& name) const {
    if (const auto found = types_.find(text(name)); found != types_.end()) {
      return type(*found->second);
    }
    const auto kind = kKinds.find(text(name));
    if (kind == kKinds.end()) die(name, "unknown type \"" + text(name) + "\"");
    Type result;
    result.kind = kind->second;
    return result;
  }

  static Type complete(const toml::node& at, Type type) {
    const bool is_free = type.match.empty() || type.max_len == 0;
    if (type.kind == "kString" && is_free) die(at, "a string needs match and max_len");
    if (type.kind == "kEnum" && type.choices.empty()) die(at, "an enum needs its words");
    return type;
  }

  Section types_;
  Section groups_;
  Section classes_;
  Section sets_;
};

void read_flags(const Vocabulary& vocabulary, const toml::table& flags, Task& task) {
  for (const auto& [key, value] : flags) {
    const std::string name(key.str());
    task.flags[name] = vocabulary.flag(name, value);
  }
}

Task read_task(const Vocabulary& vocabulary, const toml::table& source) {
  only_keys(source, {"name", "class", "because", "instead", "inverse", "prefers", "flags_first",
                     "mode", "keeps_build", "groups", "flags", "args", "write", "net", "snapshot"});
  Task task;
  const auto* because = source.get("because");
  const auto* kind = source.get("class");
  if (because == nullptr || kind == nullptr) die(source, "a task needs name, class and because");
  task.because = text(*because);
  task.verdicts = vocabulary.verdicts(*kind);
  if (const auto* node = source.get("instead")) task.instead = text(*node);
  if (const auto* node = source.get("inverse")) task.inverse = text(*node);
  if (const auto* node = source.get("prefers")) task.preferred_env = text(*node);
  if (const auto* node = source.get("flags_first")) task.flags_first = boolean(*node);
  if (const auto* node = source.get("mode")) task.live = text(*node) == "live";
  if (const auto* node = source.get("keeps_build")) task.keeps_build = boolean(*node);
  if (const auto* node = source.get("write")) task.write = vocabulary.list(*node);
  if (const auto* node = source.get("net")) task.net = vocabulary.list(*node);
  if (const auto* node = source.get("snapshot")) task.snapshot = texts(*node);
  if (const auto* node = source.get("groups")) {
    for (const toml::node& name : *node->as_array()) {
      read_flags(vocabulary, vocabulary.group(name), task);
    }
  }
  if (const auto* node = source.get("flags")) read_flags(vocabulary, table(*node), task);
  if (const auto* node = source.get("args")) {
    for (const toml::node& arg : *node->as_array()) task.args.push_back(vocabulary.arg(arg));
  }
  return task;
}

std::string literal(std::string_view value) {
  std::string out = "\"";
  for (const char c : value) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

// Writes arrays once, whatever the number of tasks that hold the same one.
class Writer {
 public:
  std::string strings(const Strings& values) {
    std::string items;
    for (const std::string& value : values) items += literal(value) + ", ";
    return array("std::string_view", items);
  }

  std::string flags(const std::map<std::string, Flag>& values) {
    std::string items;
    for (const auto& [name, flag] : values) {
      items += "{" + literal(name) + ", " + literal(flag.alias) + ", " + type(flag.type) + ", " +
               (flag.repeat ? "true" : "false") + ", " + (flag.asks ? "true" : "false") +
               "},\n    ";
    }
    return array("Flag", items);
  }

  std::string args(const std::vector<Arg>& values) {
    std::string items;
    for (const Arg& arg : values) {
      items += "{" + type(arg.type) + ", " + std::to_string(arg.min_count) + ", " +
               std::to_string(arg.max_count) + "},\n    ";
    }
    return array("Arg", items);
  }

  [[nodiscard]] std::string definitions() const { return definitions_.str(); }

 private:
  std::string type(const Type& type) {
    return "{ValueKind::" + type.kind + ", " + type.min + ", " + type.max + ", " +
           std::to_string(type.max_len) + ", " + literal(type.match) + ", " + literal(type.under) +
           ", " + strings(type.choices) + "}";
  }

  std::string array(const std::string& element, const std::string& items) {
    if (items.empty()) return "{}";
    std::string& name = names_[element + items];
    if (!name.empty()) return name;
    name = "kArray" + std::to_string(names_.size());
    definitions_ << "constexpr " << element << ' ' << name << "[] = {\n    " << items << "};\n";
    return name;
  }

  std::map<std::string, std::string> names_;
  std::ostringstream definitions_;
};

std::string write_task(const Task& task, Writer& writer) {
  std::string verdicts;
  for (const std::string& verdict : task.verdicts) verdicts += verdict + ", ";
  const auto flag = [](bool value) { return value ? "true" : "false"; };
  std::ostringstream out;
  out << "    {" << literal(task.name) << ", {" << verdicts << "}, " << literal(task.because)
      << ", " << literal(task.instead) << ", " << literal(task.inverse) << ", "
      << literal(task.preferred_env) << ", " << flag(task.flags_first) << ", " << flag(task.live)
      << ", " << flag(task.keeps_build) << ", " << writer.flags(task.flags) << ", "
      << writer.args(task.args) << ", " << writer.strings(task.write) << ", "
      << writer.strings(task.net) << ", " << writer.strings(task.snapshot) << "},\n";
  return out.str();
}

std::string write_catalogue(const std::map<std::string, Task>& tasks) {
  Writer writer;
  std::string rows;
  for (const auto& [name, task] : tasks) rows += write_task(task, writer);
  return "// Written by catalog_generator from policy/catalog/*.toml.\n"
         "#include \"policy/catalog_table.hpp\"\n\n"
         "namespace mixguard::policy::catalog {\nnamespace {\n\n" +
         writer.definitions() + "constexpr Task kAll[] = {\n" + rows +
         "};\n\n}  // namespace\n\nconst std::span<const Task> kTasks(kAll);\n\n"
         "}  // namespace mixguard::policy::catalog\n";
}

std::map<std::string, Task> read_tasks(const Vocabulary& vocabulary,
                                       const std::vector<toml::table>& files) {
  std::map<std::string, Task> tasks;
  for (const toml::table& file : files) {
    only_keys(file, {"types", "groups", "classes", "sets", "task"});
    const auto* list = file.get("task");
    if (list == nullptr) continue;
    if (!list->is_array()) die(*list, "expected [[task]]");
    for (const toml::node& node : *list->as_array()) {
      Task task = read_task(vocabulary, table(node));
      const auto* names = table(node).get("name");
      if (names == nullptr) die(node, "a task needs name, class and because");
      for (const std::string& name : texts(*names)) {
        task.name = name;
        if (!tasks.emplace(name, task).second) die(node, "\"" + name + "\" is there twice");
      }
    }
  }
  return tasks;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::cerr << "usage: catalog_generator OUT IN…\n";
    return EXIT_FAILURE;
  }
  std::vector<toml::table> files;
  files.reserve(static_cast<std::size_t>(argc));
  Vocabulary vocabulary;
  for (int i = 2; i < argc; ++i) {
    toml::parse_result parsed = toml::parse_file(argv[i]);
    if (!parsed) {
      std::cerr << argv[i] << ": " << parsed.error() << '\n';
      return EXIT_FAILURE;
    }
    files.push_back(std::move(parsed).table());
    vocabulary.read(files.back());
  }
  std::ofstream out(argv[1]);
  out << write_catalogue(read_tasks(vocabulary, files));
  out.close();
  return out ? EXIT_SUCCESS : EXIT_FAILURE;
}
