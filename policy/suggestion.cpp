// SPDX-License-Identifier: Apache-2.0
#include "policy/suggestion.hpp"

#include <algorithm>
#include <charconv>
#include <set>
#include <span>

#include "policy/rule_parser.hpp"
#include "policy/text.hpp"
#include "policy/values.hpp"

namespace mixguard::policy {
namespace {

struct Value {
  std::string text;
  std::string path;  // what it means as a path: absolute
};

struct PinnedFlag {
  std::string name;
  std::string alias;
  std::vector<Value> values;  // none: a boolean
  std::size_t count = 0;      // in the call that is being read
  bool repeat = false;
};

bool is_flag_name(std::string_view name) {
  return name.size() >= 2 && is_lower(name[0]) && name.back() != '-' &&
         std::all_of(name.begin(), name.end(),
                     [](char c) { return is_lower(c) || is_digit(c) || c == '-'; });
}

// "${" would be read as a variable.
bool can_be_pinned(std::string_view value) {
  return !value.empty() && value.find("${") == std::string_view::npos;
}

std::string toml_list(std::span<const std::string_view> items) {
  std::string out = "[";
  for (const std::string_view item : items) {
    if (out.size() > 1) out += ", ";
    out += toml_string(item);
  }
  return out + "]";
}

std::string toml_list(const std::vector<std::string>& items) {
  const std::vector<std::string_view> views(items.begin(), items.end());
  return toml_list(views);
}

std::string identifier(std::string_view text) {
  std::string id;
  for (const char c : text) {
    id += is_lower(c) || is_upper(c) || is_digit(c) ? c : '-';
    if (id.size() == kLongestId) break;
  }
  id.erase(0, id.find_first_not_of('-'));
  return id.empty() ? "command" : id;
}

std::vector<std::string> distinct(const std::vector<Value>& values) {
  std::vector<std::string> texts;
  for (const Value& value : values) {
    if (std::find(texts.begin(), texts.end(), value.text) == texts.end())
      texts.push_back(value.text);
  }
  return texts;
}

std::int64_t integer(const std::string& text) {
  std::int64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

std::string range(const std::vector<std::string>& texts) {
  const auto [least, most] =
      std::minmax_element(texts.begin(), texts.end(),
                          [](const auto& a, const auto& b) { return integer(a) < integer(b); });
  return "type = \"int\", min = " + std::to_string(integer(*least)) +
         ", max = " + std::to_string(integer(*most));
}

bool looks_like_path(const std::string& text) {
  return text.find('/') != std::string::npos && text.find("://") == std::string::npos &&
         has_shape(ValueKind::kPath, text) && !has_shape(ValueKind::kMfa, text);
}

std::string_view directory_of(std::string_view path) { return path.substr(0, path.rfind('/')); }

// The one directory below `root` that all of them are in, or empty.
std::string_view shared_directory(const std::vector<Value>& values, std::string_view root) {
  if (root.empty()) return "";
  std::string_view shared = directory_of(values.front().path);
  for (const Value& value : values) {
    if (!looks_like_path(value.text)) return "";
    while (!is_beneath(directory_of(value.path), shared)) shared = directory_of(shared);
  }
  return shared != root && is_beneath(shared, root) ? shared : "";
}

// The members of an inline table that take these values and, with `widen`, those between them.
std::string type_of_values(const std::vector<Value>& values, std::string_view root, bool widen) {
  const std::vector<std::string> texts = distinct(values);
  if (widen && texts.size() > 1) {
    const auto is_integer = [](const auto& text) { return has_shape(ValueKind::kInt, text); };
    if (std::all_of(texts.begin(), texts.end(), is_integer)) return range(texts);
    const std::string_view directory = shared_directory(values, root);
    if (!directory.empty() && can_be_pinned(directory)) {
      const std::string under = "${root}" + std::string(directory.substr(root.size()));
      return "type = \"path\", under = " + toml_string(under);
    }
  }
  return "enum = " + toml_list(texts);
}

// Reads the words of one call after the other as fit_words() would under a table made for them.
class Pinner {
 public:
  explicit Pinner(const TaskSuggestion& wanted)
      : known_(wanted.flags),
        flags_first_(wanted.known != nullptr && wanted.known->flags_first),
        root_(wanted.root),
        widen_(wanted.calls.size() > 1) {}

  bool read(const SeenCall& seen) {
    words_ = seen.call->words;
    cwd_ = seen.cwd;
    next_ = 0;
    std::size_t count = 0;
    for (PinnedFlag& flag : flags_) flag.count = 0;
    bool only_arguments = false;
    while (next_ < words_.size()) {
      const std::string& word = words_[next_++];
      if (only_arguments || word.size() < 2 || word[0] != '-' || is_digit(word[1])) {
        if (!take_argument(count++, word)) return false;
        only_arguments = only_arguments || flags_first_;
      } else if (word == "--") {
        only_arguments = true;
      } else if (!(word[1] == '-' ? read_long(word) : read_short(word))) {
        return false;
      }
    }
    counts_.insert(count);
    return true;
  }

  // Arguments that may be left out are left out from the end, one by one: 0 and 2 without 1 cannot
  // be said; nor can a flag `no-x` besides the boolean `x`.
  [[nodiscard]] bool is_one_rule() const {
    const auto negates = [&](const PinnedFlag& flag) {
      return flag.name.starts_with("no-") && switches_.contains(flag.name.substr(3));
    };
    return *counts_.rbegin() - *counts_.begin() + 1 == counts_.size() &&
           std::none_of(flags_.begin(), flags_.end(), negates);
  }

  [[nodiscard]] std::string flags() const {
    std::string out;
    for (const PinnedFlag& flag : flags_) {
      if (!out.empty()) out += ", ";
      out += flag.name + " = " + type_of(flag);
    }
    return out;
  }

  [[nodiscard]] std::string args() const {
    std::string out;
    for (std::size_t i = 0; i < arguments_.size(); ++i) {
      if (!out.empty()) out += ", ";
      out += "{ " + type_of_values(arguments_[i], root_, widen_);
      out += i < *counts_.begin() ? " }" : ", repeat = [0, 1] }";
    }
    return out;
  }

 private:
  [[nodiscard]] std::string type_of(const PinnedFlag& flag) const {
    std::string more = flag.alias.empty() ? "" : ", alias = " + toml_string(flag.alias);
    if (flag.repeat) more += ", repeat = true";
    if (!flag.values.empty())
      return "{ " + type_of_values(flag.values, root_, widen_) + more + " }";
    return more.empty() ? "\"bool\"" : "{ type = \"bool\"" + more + " }";
  }

  [[nodiscard]] const KnownFlag* find(std::string_view name) const {
    const auto found = std::find_if(known_.begin(), known_.end(),
                                    [&](const KnownFlag& flag) { return flag.name == name; });
    return found == known_.end() ? nullptr : &*found;
  }

  [[nodiscard]] const KnownFlag* find_alias(std::string_view alias) const {
    const auto found = std::find_if(known_.begin(), known_.end(),
                                    [&](const KnownFlag& flag) { return flag.alias == alias; });
    return found == known_.end() ? nullptr : &*found;
  }

  // A flag that the task does not have, and that resembles one that it has.
  [[nodiscard]] bool is_misspelt(std::string_view name) const {
    std::vector<std::string_view> names;
    for (const KnownFlag& flag : known_) names.push_back(flag.name);
    return !nearest_flag(name, names).empty();
  }

  bool read_long(const std::string& word) {
    const std::size_t equals = word.find('=');
    std::string name = word.substr(2, equals == std::string::npos ? equals : equals - 2);
    const KnownFlag* flag = find(name);
    if (flag == nullptr && name.starts_with("no-")) {
      flag = find(name.substr(3));
      if (flag != nullptr && flag->is_bool) name.erase(0, 3);
    }
    if (!is_flag_name(name) || (flag == nullptr && is_misspelt(name))) return false;
    const bool is_value = flag != nullptr && !flag->is_bool;
    if (equals != std::string::npos) {
      const std::string value = word.substr(equals + 1);
      const bool is_switch = flag != nullptr && !is_value;
      return is_switch ? add_switch(name, "") && (value == "true" || value == "false")
                       : add_value(name, "", value);
    }
    return is_value ? add_next(name, "") : add_switch(name, "");
  }

  bool read_short(const std::string& word) {
    const KnownFlag* flag = find_alias(word.substr(1, 1));
    if (flag == nullptr) return false;
    const std::string name(flag->name);
    const std::string alias(flag->alias);
    if (flag->is_bool) return word.size() == 2 && add_switch(name, alias);
    if (word.size() == 2) return add_next(name, alias);
    return add_value(name, alias, word.substr(word[2] == '=' ? 3 : 2));
  }

  bool add_next(const std::string& name, const std::string& alias) {
    if (next_ == words_.size()) return false;
    const std::string& value = words_[next_++];
    return add_value(name, alias, value);
  }

  Value value_of(const std::string& text) { return {text, expand_path(text, cwd_)}; }

  bool take_argument(std::size_t place, const std::string& word) {
    if (!can_be_pinned(word)) return false;
    if (place == arguments_.size()) arguments_.emplace_back();
    arguments_[place].push_back(value_of(word));
    return true;
  }

  PinnedFlag& flag(const std::string& name, const std::string& alias) {
    auto found = std::find_if(flags_.begin(), flags_.end(),
                              [&](const PinnedFlag& pinned) { return pinned.name == name; });
    if (found == flags_.end()) found = flags_.insert(found, PinnedFlag{name, "", {}, 0, false});
    if (!alias.empty()) found->alias = alias;
    found->repeat = found->repeat || ++found->count > 1;
    return *found;
  }

  bool add_switch(const std::string& name, const std::string& alias) {
    switches_.insert(name);
    return flag(name, alias).values.empty();
  }

  bool add_value(const std::string& name, const std::string& alias, const std::string& value) {
    if (!can_be_pinned(value) || switches_.contains(name)) return false;
    flag(name, alias).values.push_back(value_of(value));
    return true;
  }

  const std::vector<KnownFlag>& known_;
  bool flags_first_;
  std::string_view root_;
  bool widen_;
  std::vector<std::string> words_;
  std::string_view cwd_;
  std::size_t next_ = 0;
  std::vector<PinnedFlag> flags_;
  std::set<std::string> switches_;
  std::vector<std::vector<Value>> arguments_;  // by place
  std::set<std::size_t> counts_;               // of arguments, over the calls
};

// What the task needs in order to be of use once it is allowed: the catalogue knows, or the rule
// that nearly allowed it.
std::string needs(const catalog::Task* known, const Grant* like) {
  std::string out;
  const auto add = [&](const char* key, const auto& items) {
    if (!items.empty()) out += std::string(key) + " = " + toml_list(items) + "\n";
  };
  const auto add_snapshot = [&](const auto& what) {
    if (!what.empty()) out += "snapshot = { what = " + toml_list(what) + " }\n";
  };
  if (known != nullptr) {
    add("write", known->write);
    add("net", known->net);
    add_snapshot(known->snapshot);
    if (known->live) out += "mode = \"live\"\n";
  } else if (like != nullptr) {
    add("write", like->write);
    add("net", like->net);
    add_snapshot(like->snapshot.what);
    if (like->mode == RunMode::kLive) out += "mode = \"live\"\n";
  }
  return out;
}

std::string argv_word(const std::string& word) {
  const bool is_special = word.starts_with('@') || (word.starts_with('<') && word.ends_with('>'));
  return is_special ? "[" + toml_string(word) + "]" : toml_string(word);
}

// The words at one place of several argument vectors, each once.
std::vector<std::string> words_at(const std::vector<std::vector<std::string>>& argvs,
                                  std::size_t place) {
  std::vector<std::string> words;
  for (const std::vector<std::string>& argv : argvs) {
    const std::string& word = argv[place];
    if (std::find(words.begin(), words.end(), word) == words.end()) words.push_back(word);
  }
  return words;
}

bool is_without_variables(const std::vector<std::string>& argv) {
  return std::none_of(argv.begin(), argv.end(),
                      [](const std::string& word) { return word.find("${") != std::string::npos; });
}

}  // namespace

std::string suggest_task(const TaskSuggestion& wanted) {
  Pinner pinner(wanted);
  const bool is_read = std::all_of(wanted.calls.begin(), wanted.calls.end(),
                                   [&](const SeenCall& seen) { return pinner.read(seen); });
  if (!is_read || !pinner.is_one_rule()) return "";
  const std::string& task = wanted.calls.front().call->task;
  std::string out;
  if (!std::all_of(wanted.envs.begin(), wanted.envs.end(), is_development)) {
    out += "# for the user's or the system's policy: a project's own allows only in dev and test\n";
  }
  out += "[[task]]\nid = \"" + (wanted.id.empty() ? suggested_id(task, wanted.envs) : wanted.id);
  out += "\"\nname = \"" + task + "\"\nenv = " + toml_list(wanted.envs) + "\n";
  out += "decision = \"allow\"\n";
  if (const std::string pinned = pinner.flags(); !pinned.empty())
    out += "flags = { " + pinned + " }\n";
  if (const std::string args = pinner.args(); !args.empty()) out += "args = [" + args + "]\n";
  return out + needs(wanted.known, wanted.like);
}

std::vector<KnownFlag> known_flags(const catalog::Task* known,
                                   const std::vector<const TaskRule*>& rules) {
  std::vector<KnownFlag> flags;
  if (known != nullptr) {
    for (const catalog::Flag& flag : known->flags)
      flags.push_back({flag.name, flag.alias, flag.type.kind == ValueKind::kBool});
    return flags;
  }
  for (const TaskRule* rule : rules) {
    for (const FlagRule& flag : rule->flags)
      flags.push_back({flag.name, flag.alias, flag.type.kind == ValueKind::kBool});
  }
  return flags;
}

std::string suggested_id(std::string_view name, const std::vector<std::string>& envs) {
  std::string text(name);
  for (const std::string& env : envs) text += "-" + env;
  return identifier(text);
}

namespace {

// `rest`: the lines that say where it may be started.
std::string exec_rule(const std::vector<std::vector<std::string>>& argvs,
                      std::string_view program_path, std::string id, std::string_view rest) {
  if (program_path.empty() || !can_be_pinned(program_path)) return "";
  std::string words;
  std::size_t varied = 0;
  for (const std::vector<std::string>& argv : argvs) {
    if (argv.size() != argvs.front().size() || !is_without_variables(argv)) return "";
  }
  for (std::size_t place = 0; place < argvs.front().size(); ++place) {
    const std::vector<std::string> choices = words_at(argvs, place);
    if (!words.empty()) words += ", ";
    words += choices.size() == 1 ? argv_word(choices.front()) : toml_list(choices);
    varied += choices.size() == 1 ? 0 : 1;
  }
  if (varied > 1) return "";
  if (id.empty()) id = suggested_id(program_path.substr(program_path.rfind('/') + 1), {});
  return "[[exec]]\nid = \"" + id + "\"\npath = " + toml_string(program_path) + "\nargv = [" +
         words + "]\n" + std::string(rest) + "decision = \"allow\"\n";
}

}  // namespace

std::string suggest_program(const std::vector<std::vector<std::string>>& argvs,
                            std::string_view program_path, std::string id) {
  return exec_rule(argvs, program_path, std::move(id), "as = [\"command\"]\n");
}

std::string suggest_child(const std::vector<std::string>& argv, std::string_view program_path,
                          const std::vector<std::string>& tasks) {
  return exec_rule({argv}, program_path, "", "tasks = " + toml_list(tasks) + "\n");
}

bool is_development(std::string_view env) { return env == "dev" || env == "test"; }

}  // namespace mixguard::policy
