// SPDX-License-Identifier: Apache-2.0
#include "policy/arguments.hpp"

#include <algorithm>

#include "policy/text.hpp"

namespace mixguard::policy {
namespace {

bool is_negative_number(std::string_view word) {
  return word.size() > 1 && word[0] == '-' && std::all_of(word.begin() + 1, word.end(), is_digit);
}

// Whether OptionParser would take the word as the value of the flag before it.
bool can_be_value(std::string_view word) {
  return !word.starts_with('-') || word == "-" || is_negative_number(word);
}

struct FlagWord {
  std::string_view dashes;
  std::string_view name;  // "step", "no-step" or "n"
  std::optional<std::string_view> value;
  bool negated = false;

  [[nodiscard]] std::string shown() const { return concat({dashes, name}); }
};

// A boolean as OptionParser reads it under any of its spellings.
std::string spelled(const FlagRule& flag, bool on) {
  if (on) return "--" + flag.name;
  if (flag.name.starts_with("no-")) return concat({"--", flag.name, "=false"});
  return "--no-" + flag.name;
}

class WordReader {
 public:
  WordReader(const TaskRule& rule, const std::vector<std::string>& words, bool flags_first,
             const PathScope& scope)
      : rule_(rule),
        words_(words),
        flags_first_(flags_first),
        scope_(scope),
        seen_(rule.flags.size()) {
    fit_.canonical.reserve(words.size());
    fit_.checked.reserve(words.size());
  }

  Fit read() {
    bool only_arguments = false;
    while (!failed() && next_ < words_.size()) {
      fit_.understood = next_;
      const std::string& word = words_[next_++];
      if (only_arguments) {
        take_argument(word);
      } else if (word == "--") {
        only_arguments = true;
        fit_.canonical.push_back(word);
      } else if (word.starts_with("--")) {
        read_long(word);
      } else if (word.size() > 1 && word[0] == '-' && !is_negative_number(word)) {
        read_short(word);
      } else {
        take_argument(word);
        only_arguments = flags_first_;
      }
    }
    if (!failed()) assign_arguments();
    return std::move(fit_);
  }

 private:
  [[nodiscard]] bool failed() const { return fit_.refusal.has_value(); }

  void refuse(Reason reason, std::string message) {
    fit_.refusal = Refusal{reason, std::move(message), ""};
  }

  [[nodiscard]] const FlagRule* find_long(std::string_view name) const {
    const auto found = std::find_if(rule_.flags.begin(), rule_.flags.end(),
                                    [&](const FlagRule& flag) { return flag.name == name; });
    return found == rule_.flags.end() ? nullptr : &*found;
  }

  [[nodiscard]] const FlagRule* find_alias(char letter) const {
    const auto found = std::find_if(
        rule_.flags.begin(), rule_.flags.end(),
        [&](const FlagRule& flag) { return flag.alias.size() == 1 && flag.alias[0] == letter; });
    return found == rule_.flags.end() ? nullptr : &*found;
  }

  void take_argument(const std::string& word) {
    arguments_.push_back(&word);
    fit_.canonical.push_back(word);
  }

  void refuse_unknown(std::string_view shown) {
    const std::string_view name =
        shown.substr(std::min(shown.find_first_not_of('-'), shown.size()));
    std::vector<std::string_view> known;
    for (const FlagRule& flag : rule_.flags) known.push_back(flag.name);
    const std::string near = nearest_flag(name, known);
    refuse(Reason::kFlagUnknown, "rule " + quoted(rule_.id) + " has no flag " + std::string(shown) +
                                     (near.empty() ? "" : "; did you mean --" + near + "?"));
  }

  void read_long(std::string_view word) {
    const std::size_t equals = word.find('=');
    const std::string_view name =
        word.substr(2, equals == std::string_view::npos ? equals : equals - 2);
    FlagWord given{"--", name, std::nullopt, false};
    if (equals != std::string_view::npos) given.value = word.substr(equals + 1);
    if (const FlagRule* flag = find_long(name)) return take_flag(*flag, given);
    const FlagRule* negated = name.starts_with("no-") ? find_long(name.substr(3)) : nullptr;
    if (negated == nullptr || negated->type.kind != ValueKind::kBool) {
      return refuse_unknown(given.shown());
    }
    if (given.value) return refuse(Reason::kFlagType, given.shown() + " takes no value");
    given.negated = true;
    take_flag(*negated, given);
  }

  // "-n", "-n1", "-n=1", or "-qa" for several booleans of which the last may take a value.
  void read_short(std::string_view word) {
    const std::size_t equals = word.find('=');
    const std::string_view body =
        word.substr(1, equals == std::string_view::npos ? equals : equals - 1);
    const auto first_digit = std::find_if(body.begin(), body.end(), is_digit);
    const std::string_view letters(body.begin(), first_digit);
    const std::string_view digits(first_digit, body.end());
    for (const char letter : letters) {
      if (find_alias(letter) == nullptr) return refuse_unknown(word);
    }
    const bool is_number = std::all_of(digits.begin(), digits.end(), is_digit);
    if (letters.empty() || !is_number) return refuse_unknown(word);
    if (!digits.empty() && equals != std::string_view::npos) return refuse_unknown(word);
    std::optional<std::string_view> value;
    if (!digits.empty()) value = digits;
    if (equals != std::string_view::npos) value = word.substr(equals + 1);
    for (std::size_t i = 0; i < letters.size() && !failed(); ++i) {
      const FlagRule& flag = *find_alias(letters[i]);
      const bool is_last = i + 1 == letters.size();
      if (!is_last && flag.type.kind != ValueKind::kBool) {
        return refuse(Reason::kFlagType,
                      concat({"-", letters.substr(i, 1), " in ", word, " has no value"}));
      }
      take_flag(flag, {"-", letters.substr(i, 1), is_last ? value : std::nullopt, false});
    }
  }

  void take_flag(const FlagRule& flag, const FlagWord& given) {
    const auto index = static_cast<std::size_t>(&flag - rule_.flags.data());
    if (seen_[index] && !flag.repeat) {
      return refuse(Reason::kFlagDup, "--" + flag.name + " is given more than once");
    }
    seen_[index] = true;
    if (flag.type.kind == ValueKind::kBool) {
      take_boolean(flag, given);
    } else {
      take_value(flag, given);
    }
  }

  void take_boolean(const FlagRule& flag, const FlagWord& given) {
    if (given.value && *given.value != "true" && *given.value != "false") {
      return refuse(Reason::kFlagType, given.shown() + " is " + quoted(*given.value) +
                                           "; a boolean takes true or false after \"=\"");
    }
    const bool on = !given.negated && given.value != "false";
    fit_.canonical.push_back(spelled(flag, on));
    fit_.checked.push_back({&flag, &flag.type, on ? "true" : "false"});
  }

  void take_value(const FlagRule& flag, const FlagWord& given) {
    std::string_view value;
    if (given.value) {
      value = *given.value;
    } else if (next_ < words_.size() && can_be_value(words_[next_])) {
      value = words_[next_++];
    } else {
      return refuse(Reason::kFlagType,
                    given.shown() + " has no value; expected " + describe(flag.type));
    }
    if (value.empty()) {
      return refuse(Reason::kFlagType,
                    given.shown() + " is empty; expected " + describe(flag.type));
    }
    if (const auto misfit = check_value(flag.type, value, scope_, fit_.paths)) {
      return refuse(misfit->reason, given.shown() + ": " + misfit->why);
    }
    fit_.checked.push_back({&flag, &flag.type, value});
    // Apart, a "-" would make another flag of it, and a "+" end the part of a `do`.
    if (value.starts_with('-') || value == "+") {
      fit_.canonical.push_back(concat({"--", flag.name, "=", value}));
    } else {
      fit_.canonical.push_back("--" + flag.name);
      fit_.canonical.emplace_back(value);
    }
  }

  // In order: each argument rule takes as many as it may, and leaves the later ones what they need.
  void assign_arguments() {
    std::size_t needed = 0;
    for (const ArgRule& arg : rule_.args) needed += arg.min_count;
    if (arguments_.size() < needed) {
      return refuse(Reason::kArg, "rule " + quoted(rule_.id) + " needs " + std::to_string(needed) +
                                      (needed == 1 ? " argument" : " arguments") + "; found " +
                                      std::to_string(arguments_.size()));
    }
    std::size_t next = 0;
    for (const ArgRule& arg : rule_.args) {
      needed -= arg.min_count;
      const std::size_t available = arguments_.size() - next - needed;
      const std::size_t taken = std::min<std::size_t>(arg.max_count, available);
      for (std::size_t i = 0; i < taken && !failed(); ++i) check_argument(arg, *arguments_[next++]);
    }
    if (!failed() && next < arguments_.size()) refuse_surplus(*arguments_[next]);
  }

  void refuse_surplus(const std::string& word) {
    refuse(Reason::kArg, quoted(word) + " is one argument too many: rule " + quoted(rule_.id) +
                             (rule_.args.empty() ? " takes none" : " takes no more"));
  }

  void check_argument(const ArgRule& arg, const std::string& word) {
    const auto misfit = check_value(arg.type, word, scope_, fit_.paths);
    if (!misfit) {
      fit_.checked.push_back({nullptr, &arg.type, word});
      return;
    }
    refuse(misfit->reason == Reason::kFlagType ? Reason::kArg : misfit->reason, misfit->why);
  }

  const TaskRule& rule_;
  const std::vector<std::string>& words_;
  bool flags_first_;
  const PathScope& scope_;
  std::size_t next_ = 0;
  std::vector<bool> seen_;
  std::vector<const std::string*> arguments_;
  Fit fit_;
};

std::string flag_name_of(std::string_view word) {
  word.remove_prefix(std::min(word.find_first_not_of('-'), word.size()));
  std::string name(word.substr(0, word.find('=')));
  for (char& c : name) {
    c = c == '_' ? '-' : to_lower(c);
  }
  return name;
}

bool mentions(const FlagRule& flag, const std::string& word) {
  if (word.size() < 2 || word[0] != '-') return false;
  const std::string name = flag_name_of(word);
  if (name == flag.name || name == "no-" + flag.name) return true;
  if (flag.name == "no-" + name && word.ends_with("=false")) return true;
  const bool is_short = word[1] != '-' && !flag.alias.empty();
  return is_short && word.substr(1, word.find('=') - 1).find(flag.alias) != std::string::npos;
}

}  // namespace

std::string to_string(const Check& check) {
  if (check.flag == nullptr) return concat({quoted(check.value), " is ", describe(*check.type)});
  if (check.type->kind == ValueKind::kBool) return spelled(*check.flag, check.value == "true");
  return concat({"--", check.flag->name, " ", quoted(check.value), " is ", describe(*check.type)});
}

Fit fit_words(const TaskRule& rule, const std::vector<std::string>& words, bool flags_first,
              const PathScope& scope) {
  return WordReader(rule, words, flags_first, scope).read();
}

bool mentions_flag(const FlagRule& flag, const std::vector<std::string>& words) {
  return std::any_of(words.begin(), words.end(),
                     [&](const std::string& word) { return mentions(flag, word); });
}

}  // namespace mixguard::policy
