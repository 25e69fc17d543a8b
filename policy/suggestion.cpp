// SPDX-License-Identifier: Apache-2.0
#include "policy/suggestion.hpp"

#include <algorithm>
#include <optional>
#include <span>

#include "policy/text.hpp"

namespace mixguard::policy {
namespace {

struct PinnedFlag {
  std::string name;
  std::string alias;
  std::vector<std::string> values;  // none: a boolean
  std::size_t count = 0;
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

constexpr std::size_t kLongestId = 64;  // that a rule may have

std::string identifier(std::string_view text) {
  std::string id;
  for (const char c : text) {
    id += is_lower(c) || is_upper(c) || is_digit(c) ? c : '-';
    if (id.size() == kLongestId) break;
  }
  id.erase(0, id.find_first_not_of('-'));
  return id.empty() ? "command" : id;
}

// Reads the words as fit_words() would under a table made for them.
class Pinner {
 public:
  Pinner(const TaskCall& call, const std::vector<KnownFlag>& known, bool flags_first)
      : words_(call.words), known_(known), flags_first_(flags_first) {}

  bool read() {
    bool only_arguments = false;
    while (next_ < words_.size()) {
      const std::string& word = words_[next_++];
      if (only_arguments || word.size() < 2 || word[0] != '-' || is_digit(word[1])) {
        if (!can_be_pinned(word)) return false;
        arguments_.push_back(word);
        only_arguments = only_arguments || flags_first_;
      } else if (word == "--") {
        only_arguments = true;
      } else if (!(word[1] == '-' ? read_long(word) : read_short(word))) {
        return false;
      }
    }
    return true;
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
    for (const std::string& argument : arguments_) {
      if (!out.empty()) out += ", ";
      out += "{ enum = [" + toml_string(argument) + "] }";
    }
    return out;
  }

 private:
  static std::string type_of(const PinnedFlag& flag) {
    std::string more = flag.alias.empty() ? "" : ", alias = " + toml_string(flag.alias);
    if (flag.count > 1) more += ", repeat = true";
    if (!flag.values.empty()) return "{ enum = " + toml_list(flag.values) + more + " }";
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

  PinnedFlag& flag(const std::string& name, const std::string& alias) {
    auto found = std::find_if(flags_.begin(), flags_.end(),
                              [&](const PinnedFlag& pinned) { return pinned.name == name; });
    if (found == flags_.end()) found = flags_.insert(found, PinnedFlag{name, "", {}, 0});
    if (!alias.empty()) found->alias = alias;
    ++found->count;
    return *found;
  }

  bool add_switch(const std::string& name, const std::string& alias) {
    return flag(name, alias).values.empty();
  }

  bool add_value(const std::string& name, const std::string& alias, const std::string& value) {
    if (!can_be_pinned(value)) return false;
    PinnedFlag& pinned = flag(name, alias);
    if (pinned.count > 1 && pinned.values.empty()) return false;
    pinned.values.push_back(value);
    return true;
  }

  const std::vector<std::string>& words_;
  const std::vector<KnownFlag>& known_;
  bool flags_first_;
  std::size_t next_ = 0;
  std::vector<PinnedFlag> flags_;
  std::vector<std::string> arguments_;
};

// What the task needs in order to be of use once it is allowed.
std::string needs(const catalog::Task* known) {
  std::string out;
  if (known == nullptr) return out;
  if (!known->write.empty()) out += "write = " + toml_list(known->write) + "\n";
  if (!known->net.empty()) out += "net = " + toml_list(known->net) + "\n";
  if (!known->snapshot.empty()) {
    out += "snapshot = { what = " + toml_list(known->snapshot) + " }\n";
  }
  if (known->live) out += "mode = \"live\"\n";
  return out;
}

std::string argv_element(const std::string& word) {
  const bool is_special = word.starts_with('@') || (word.starts_with('<') && word.ends_with('>'));
  return is_special ? "[" + toml_string(word) + "]" : toml_string(word);
}

}  // namespace

std::string suggest_task(const TaskCall& call, std::string_view env, const catalog::Task* known,
                         const std::vector<KnownFlag>& flags, bool for_project) {
  Pinner pinner(call, flags, known != nullptr && known->flags_first);
  if (!pinner.read()) return "";
  std::string out;
  if (!for_project) {
    out += "# for the user's or the system's policy: a project's own allows only in dev and test\n";
  }
  out += "[[task]]\nid = \"" + identifier(concat({call.task, "-", env})) + "\"\n";
  out += "name = \"" + call.task + "\"\nenv = [" + toml_string(env) + "]\n";
  out += "decision = \"allow\"\n";
  if (const std::string pinned = pinner.flags(); !pinned.empty())
    out += "flags = { " + pinned + " }\n";
  if (const std::string args = pinner.args(); !args.empty()) out += "args = [" + args + "]\n";
  return out + needs(known);
}

std::string suggest_program(const std::vector<std::string>& argv, std::string_view program_path) {
  if (program_path.empty() || !can_be_pinned(program_path)) return "";
  const std::string_view name = program_path.substr(program_path.rfind('/') + 1);
  std::string words;
  for (const std::string& word : argv) {
    if (word.find("${") != std::string::npos) return "";
    if (!words.empty()) words += ", ";
    words += argv_element(word);
  }
  return "[[exec]]\nid = \"" + identifier(name) + "\"\npath = " + toml_string(program_path) +
         "\nargv = [" + words + "]\nas = [\"command\"]\ndecision = \"allow\"\n";
}

}  // namespace mixguard::policy
