// SPDX-License-Identifier: Apache-2.0
#include "policy/mix_command.hpp"

#include <algorithm>

#include "policy/text.hpp"
#include "policy/values.hpp"

namespace mixguard::policy {
namespace {

using Words = std::vector<std::string>;

constexpr std::size_t kMostParts = 16;
constexpr int kDeepestDo = 3;

bool is_canonical_part(std::string_view part) {
  if (part.empty() || !is_lower(part.front()) || part.back() == '_') return false;
  const bool has_only_words = std::all_of(
      part.begin(), part.end(), [](char c) { return is_lower(c) || is_digit(c) || c == '_'; });
  return has_only_words && part.find("__") == std::string_view::npos;
}

std::vector<std::string_view> split_dots(std::string_view name) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t dot = name.find('.');
    parts.push_back(name.substr(0, dot));
    if (dot == std::string_view::npos) return parts;
    name.remove_prefix(dot + 1);
  }
}

char to_upper(char c) { return is_lower(c) ? static_cast<char>(c - 'a' + 'A') : c; }

// Macro.camelize/1.
std::string camelize(std::string_view part) {
  part.remove_prefix(std::min(part.find_first_not_of('_'), part.size()));
  std::string out;
  for (std::size_t i = 0; i < part.size(); ++i) {
    const char c = part[i];
    if (i == 0) {
      out += to_upper(c);
      continue;
    }
    if (c != '_') {
      out += c;
      continue;
    }
    while (i + 1 < part.size() && part[i + 1] == '_') ++i;
    const bool is_last = i + 1 == part.size();
    const bool joins = !is_last && (is_lower(part[i + 1]) || is_digit(part[i + 1]));
    if (joins) {
      out += to_upper(part[++i]);
    } else if (!is_last) {
      out += '_';
    }
  }
  return out;
}

// Macro.underscore/1 of one camelized part.
std::string underscore(std::string_view part) {
  std::string out;
  for (std::size_t i = 0; i < part.size(); ++i) {
    const bool starts_word =
        i > 0 && is_upper(part[i]) && part[i - 1] != '_' &&
        (!is_upper(part[i - 1]) || (i + 1 < part.size() && is_lower(part[i + 1])));
    if (starts_word) out += '_';
    out += to_lower(part[i]);
  }
  return out;
}

bool is_module_part(std::string_view part) {
  return !part.empty() && is_upper(part[0]) && std::all_of(part.begin(), part.end(), [](char c) {
    return is_lower(c) || is_upper(c) || is_digit(c) || c == '_';
  });
}

Refusal bad_spelling(const std::string& name) {
  if (!is_ascii(name)) {
    return {Reason::kUnicode, "task name " + quoted(name) + " is not ASCII", ""};
  }
  const std::size_t space = name.find(' ');
  if (space != std::string::npos && is_canonical_task(std::string_view(name).substr(0, space))) {
    return {Reason::kTaskSpelling,
            quoted(name) +
                " is one word, and no task has that name; write task and arguments as "
                "separate words",
            "mix " + name};
  }
  if (name.starts_with('-')) {
    return {Reason::kTaskSpelling, "Mix takes no options before the task; found " + quoted(name),
            ""};
  }
  const std::string canonical = canonical_task(name);
  if (canonical.empty()) {
    return {Reason::kTaskSpelling, quoted(name) + " is not a task name", ""};
  }
  return {
      Reason::kTaskSpelling,
      "Mix would run " + quoted(name) + " as " + quoted(canonical) + "; write the canonical name",
      "mix " + canonical};
}

// Mix.Tasks.Do: a part ends at the word "+", and after any word that ends in ",".
std::vector<Words> split_do(const Words& words, std::size_t from) {
  std::vector<Words> parts(1);
  for (std::size_t i = from; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (word == "+") {
      parts.emplace_back();
    } else if (word.ends_with(',')) {
      if (word.size() > 1) parts.back().push_back(word.substr(0, word.size() - 1));
      parts.emplace_back();
    } else {
      parts.back().push_back(word);
    }
  }
  return parts;
}

// Takes `--app NAME` and `--app=NAME` off the front of a `do`.
std::size_t read_do_options(const Words& words, MixCommand& command) {
  std::size_t at = 0;
  while (at < words.size() && words[at].starts_with('-')) {
    std::string name;
    if (words[at].starts_with("--app=")) {
      name = words[at].substr(6);
    } else if (words[at] == "--app" && at + 1 < words.size()) {
      name = words[++at];
    }
    if (!has_shape(ValueKind::kName, name)) {
      command.refusal =
          Refusal{Reason::kFlagUnknown,
                  "`mix do` takes no option but --app NAME; found " + quoted(words[at]), ""};
      return at;
    }
    command.do_options.insert(command.do_options.end(), {"--app", name});
    ++at;
  }
  return at;
}

Refusal too_much(std::string what) { return {Reason::kDoLimit, std::move(what), ""}; }

void read_do(const Words& words, std::size_t from, int depth, MixCommand& command) {
  if (depth > kDeepestDo) {
    command.refusal = too_much("`mix do` is nested more than three deep");
    return;
  }
  for (const Words& part : split_do(words, from)) {
    if (command.refusal) return;
    if (part.empty()) {
      command.refusal = Refusal{Reason::kArg, "a part of `mix do` is empty", ""};
    } else if (part.back().ends_with(',') || part.back() == "+") {
      command.refusal = Refusal{Reason::kArg,
                                quoted(part.back()) +
                                    " of a part of `mix do` ends in a comma or is a plus, "
                                    "which would end the part again where it is spelled out",
                                "run the task by itself"};
    } else if (command.calls.size() == kMostParts) {
      command.refusal = too_much("`mix do` has more than 16 parts");
    } else if (part.front() == "do") {
      read_do(part, 1, depth + 1, command);
    } else {
      command.calls.push_back(read_task(part));
    }
  }
}

TaskCall shortcut(const std::string& word) {
  TaskCall call;
  call.task = "help";
  call.typed = Words{word};
  return call;
}

bool is_shortcut(std::string_view word) {
  return word == "--help" || word == "-h" || word == "--version" || word == "-v";
}

}  // namespace

TaskCall read_task(const std::vector<std::string>& words) {
  TaskCall call;
  call.task = words.front();
  call.words.assign(words.begin() + 1, words.end());
  if (!is_canonical_task(call.task)) call.refusal = bad_spelling(call.task);
  return call;
}

MixCommand read_mix(const std::vector<std::string>& words) {
  MixCommand command;
  if (words.empty()) {
    command.calls.push_back({"run", {}, std::nullopt, std::nullopt});
  } else if (words.size() == 1 && is_shortcut(words[0])) {
    command.calls.push_back(shortcut(words[0]));
  } else if (words[0] == "do") {
    command.is_do = true;
    const Words rest(words.begin() + 1, words.end());
    const std::size_t from = read_do_options(rest, command);
    if (!command.refusal) read_do(rest, from, 1, command);
  } else {
    command.calls.push_back(read_task(words));
  }
  return command;
}

MixCommand read_iex(const std::vector<std::string>& words) {
  MixCommand command;
  const bool is_mix = words.size() >= 2 && words[0] == "-S" && words[1] == "mix";
  if (is_mix && words.size() > 2) command = read_mix(Words(words.begin() + 2, words.end()));
  command.is_iex = true;
  if (!is_mix) {
    command.refusal = Refusal{Reason::kLauncher,
                              "of iex, only `iex -S mix [task]` is guarded; other forms run code "
                              "that no rule can name",
                              "iex -S mix"};
    return command;
  }
  command.calls.push_back({"iex", {}, Words{}, std::nullopt});
  return command;
}

std::vector<std::string> spell(const MixCommand& command, const std::vector<Part>& parts) {
  Words out;
  std::size_t size = 4 + command.do_options.size() + parts.size();
  for (const Part& part : parts) size += part.canonical.size();
  out.reserve(size);
  if (command.is_iex) out.insert(out.end(), {"iex", "-S"});
  out.emplace_back("mix");
  if (command.is_do) {
    out.emplace_back("do");
    out.insert(out.end(), command.do_options.begin(), command.do_options.end());
  }
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (command.is_iex && i + 1 == parts.size()) break;
    if (i > 0) out.emplace_back("+");
    out.insert(out.end(), parts[i].canonical.begin() + 1, parts[i].canonical.end());
  }
  return out;
}

bool is_canonical_task(std::string_view name) {
  if (name == "elixir" || name.starts_with("elixir.")) return false;
  while (true) {
    const std::size_t dot = name.find('.');
    if (!is_canonical_part(name.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    name.remove_prefix(dot + 1);
  }
}

std::string task_module(std::string_view name) {
  std::string module;
  for (const std::string_view part : split_dots(name)) {
    if (!module.empty()) module += '.';
    module += camelize(part);
  }
  return module;
}

std::string canonical_task(std::string_view name) {
  std::vector<std::string_view> parts = split_dots(name);
  // Module.concat/2 forgets a leading "." and a leading "Elixir.".
  if (parts.size() > 1 && parts.front().empty()) parts.erase(parts.begin());
  if (parts.size() > 1 && camelize(parts.front()) == "Elixir") parts.erase(parts.begin());
  std::string canonical;
  for (const std::string_view part : parts) {
    const std::string module = camelize(part);
    if (!is_module_part(module)) return "";
    if (!canonical.empty()) canonical += '.';
    canonical += underscore(module);
  }
  // "ECTO" would come out as "ecto", which is another module.
  const bool is_same = is_canonical_task(canonical) && [&] {
    std::string wanted;
    for (const std::string_view part : parts) {
      if (!wanted.empty()) wanted += '.';
      wanted += camelize(part);
    }
    return task_module(canonical) == wanted;
  }();
  return is_same ? canonical : "";
}

}  // namespace mixguard::policy
