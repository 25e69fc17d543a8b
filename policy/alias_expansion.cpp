// SPDX-License-Identifier: Apache-2.0
#include "policy/alias_expansion.hpp"

#include <algorithm>
#include <array>
#include <tuple>
#include <utility>

#include "policy/gates.hpp"
#include "policy/text.hpp"

namespace mixguard::policy {
namespace {

using Words = std::vector<std::string>;

constexpr std::size_t kDeepest = 8;
constexpr std::size_t kMostLeaves = 64;
constexpr std::size_t kMostRuns = 1'000;  // steps that lead to what is known already are no leaves

// What Mix runs by itself: `loadconfig` before every task (lib/mix/lib/mix/cli.ex), the others from
// within the tasks that need a compiled project, and to look a task up that is not there yet. They
// go through Mix.Task.run/2 and so through aliases; so does "compile.NAME" of every compiler.
constexpr std::array<std::string_view, 8> kImplied = {
    "loadconfig", "archive.check", "deps.precompile", "deps.loadpaths",
    "loadpaths",  "compile",       "app.config",      "app.start"};

bool is_implied(std::string_view task) {
  return task.starts_with("compile.") ||
         std::find(kImplied.begin(), kImplied.end(), task) != kImplied.end();
}

class Splitter {
 public:
  explicit Splitter(std::string_view text) : text_(text) {}

  std::optional<Words> split() {
    skip_spaces();
    while (at_ < text_.size()) take();
    if (quote_ != '\0') return std::nullopt;
    if (!word_.empty()) end_word();
    return std::move(words_);
  }

 private:
  void take() {
    const char c = text_[at_++];
    const char next = at_ < text_.size() ? text_[at_] : '\0';
    if (c == '\\' && is_escaped(next)) {
      word_ += text_[at_++];
    } else if (quote_ != '\0') {
      take_quoted(c);
    } else if (c == '"' || c == '\'') {
      quote_ = c;
    } else if (c == ' ') {
      end_word();
      skip_spaces();
    } else {
      word_ += c;
    }
  }

  // Inside quotes only the quote itself is escaped.
  [[nodiscard]] bool is_escaped(char next) const {
    if (quote_ != '\0') return next == quote_;
    return next == ' ' || next == '"' || next == '\'';
  }

  void take_quoted(char c) {
    if (c == quote_) {
      quote_ = '\0';
    } else {
      word_ += c;
    }
  }

  void skip_spaces() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
  }

  void end_word() { words_.push_back(std::exchange(word_, {})); }

  std::string_view text_;
  std::size_t at_ = 0;
  char quote_ = '\0';
  std::string word_;
  Words words_;
};

Words joined(Words words, const Words& more) {
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

class Expander {
 public:
  explicit Expander(const std::vector<MixExs>& files) : files_(files) {}

  Expansion expand(const MixCommand& command) {
    if (files_.empty()) {
      out_.leaves.reserve(command.calls.size());
      for (const TaskCall& call : command.calls) add_leaf(call);
      out_.is_alias.assign(command.calls.size(), false);
      return std::move(out_);
    }
    if (command.is_do) check_do();
    for (const TaskCall& call : command.calls) take(call);
    const bool loads_project = !command.calls.front().typed || command.is_iex;
    if (command.is_iex && command.calls.size() == 1) take_default();
    if (loads_project) take_implied();
    return std::move(out_);
  }

 private:
  using Entered = std::pair<std::size_t, std::string>;  // file, alias

  void refuse(std::string message, std::string instead = "") {
    if (!out_.refusal) out_.refusal = Refusal{Reason::kAlias, std::move(message), instead};
  }

  [[nodiscard]] const Alias* find(std::size_t file, std::string_view name) const {
    return find_alias(files_[file], name);
  }

  [[nodiscard]] bool is_entered(std::size_t file, const std::string& name) const {
    return std::find(entered_.begin(), entered_.end(), Entered(file, name)) != entered_.end();
  }

  // A typed call. "--version" and the pseudo-task "iex" stand in the place of a task and are none.
  void take(const TaskCall& call) {
    const bool is_alias = !call.typed && find(0, call.task) != nullptr;
    out_.is_alias.push_back(is_alias);
    if (call.typed) return add_leaf(call);
    typed_ = &call;
    run(0, call.task, call.words);
    typed_ = nullptr;
  }

  // `iex -S mix` runs the default task before the console.
  void take_default() {
    const auto& tasks = files_[0].default_tasks;
    if (!tasks) return;
    for (const std::string& task : *tasks) {
      if (task != "run" || is_alias_somewhere(task)) run(0, task, {});
    }
  }

  // The task itself would have run without the alias, too, and is no part of its own.
  void take_implied() {
    takes_implied_ = true;
    for (std::size_t file = 0; file < files_.size(); ++file) {
      if (!files_[file].aliases) continue;
      for (const Alias& alias : *files_[file].aliases) {
        if (is_implied(alias.name)) run_elsewhere(file, alias.name, {});
      }
    }
  }

  [[nodiscard]] bool is_alias_somewhere(std::string_view task) const {
    return std::any_of(files_.begin(), files_.end(),
                       [&](const MixExs& exs) { return find_alias(exs, task) != nullptr; });
  }

  // Mix.Task.run/2 in one project.
  void run(std::size_t file, const std::string& task, const Words& words) {
    if (++tasks_run_ > kMostRuns) refuse("aliases of mix.exs lead to more than 1,000 steps");
    if (out_.refusal) return;
    const Alias* alias = find(file, task);
    if (alias != nullptr && !is_entered(file, task)) {
      run_alias(file, *alias, words);
    } else {
      run_task(file, task, words);
    }
  }

  // Mix.Task.run_alias.
  void run_alias(std::size_t file, const Alias& alias, Words words) {
    if (entered_.size() == kDeepest) {
      return refuse("aliases of mix.exs are nested more than eight deep at " + quoted(alias.name));
    }
    add_use(alias, words);
    entered_.emplace_back(file, alias.name);
    for (std::size_t i = 0; i < alias.steps.size() && !out_.refusal; ++i) {
      const Words rest = i + 1 == alias.steps.size() ? words : Words();
      if (alias.steps[i].is_function) {
        add_function(alias, alias.steps[i].text, rest);
      } else {
        run_step(file, alias, alias.steps[i].text, rest, words);
      }
    }
    entered_.pop_back();
  }

  // `rest` goes to a last step; `words` to one with the alias's own name, which takes them away.
  void run_step(std::size_t file, const Alias& alias, const std::string& step, const Words& rest,
                Words& words) {
    const std::optional<Words> split = split_words(step);
    if (!split || split->empty()) {
      return refuse("step " + quoted(step) + " of alias " + quoted(alias.name) +
                    " is nothing that Mix could split into words");
    }
    const std::string& task = split->front();
    const Words own(split->begin() + 1, split->end());
    if (task == alias.name) {
      run_task(file, task, joined(own, std::exchange(words, {})));
    } else {
      run(file, task, joined(own, rest));
    }
  }

  // A task itself, and where it may run besides: in every app of an umbrella, or at its root.
  void run_task(std::size_t file, const std::string& task, const Words& words) {
    if (task == "do") return run_do(file, words);
    add_task(task, words);
    if (file != 0) return run_elsewhere(0, task, words);
    for (std::size_t app = 1; app < files_.size(); ++app) run_elsewhere(app, task, words);
  }

  void run_elsewhere(std::size_t file, const std::string& task, const Words& words) {
    const Alias* alias = find(file, task);
    if (alias != nullptr && !is_entered(file, task) && !out_.refusal)
      run_alias(file, *alias, words);
  }

  void check_do() {
    if (is_alias_somewhere("do")) {
      refuse("mix.exs makes `do` an alias, and what it does with its parts is not known",
             "run the tasks one by one");
    }
  }

  void run_do(std::size_t file, const Words& words) {
    const MixCommand command = read_mix(joined({"do"}, words));
    if (command.refusal && !out_.refusal) out_.refusal = command.refusal;
    for (const TaskCall& call : command.calls) run(file, call.task, call.words);
  }

  [[nodiscard]] Words via() const {
    Words names;
    for (const Entered& entered : entered_) names.push_back(entered.second);
    return names;
  }

  void add_use(const Alias& alias, const Words& words) {
    const auto is_same = [&](const AliasUse& use) {
      return use.call.task == alias.name && use.call.words == words;
    };
    if (std::any_of(out_.aliases.begin(), out_.aliases.end(), is_same)) return;
    out_.aliases.push_back({{alias.name, words, std::nullopt, std::nullopt}, via()});
  }

  // Words of mix.exs pass the same gates as words that are typed.
  void add_task(const std::string& task, const Words& words) {
    if (entered_.empty() && typed_ != nullptr) return add_leaf(*typed_);
    if (takes_implied_ && words.empty() && is_implied(task)) return;
    Leaf leaf{read_task(joined({task}, words)), via(), ""};
    if (auto refusal = check_gates(joined({"mix", task}, words))) leaf.call.refusal = refusal;
    add(std::move(leaf));
  }

  void add_function(const Alias& alias, const std::string& function, const Words& words) {
    add({{alias.name, words, std::nullopt, std::nullopt}, via(), function});
  }

  void add_leaf(const TaskCall& call) { add({call, {}, ""}); }

  // Mix runs a task once, and the same question needs no second answer.
  void add(Leaf leaf) {
    const auto key = [](const Leaf& it) {
      return std::tie(it.call.task, it.call.words, it.call.typed, it.function);
    };
    const bool is_known = std::any_of(out_.leaves.begin(), out_.leaves.end(),
                                      [&](const Leaf& known) { return key(known) == key(leaf); });
    if (is_known && !leaf.via.empty()) return;
    if (out_.leaves.size() == kMostLeaves) return refuse("the command runs more than 64 tasks");
    out_.leaves.push_back(std::move(leaf));
  }

  const std::vector<MixExs>& files_;
  std::vector<Entered> entered_;  // innermost last
  const TaskCall* typed_ = nullptr;
  bool takes_implied_ = false;
  std::size_t tasks_run_ = 0;
  Expansion out_;
};

}  // namespace

std::optional<std::vector<std::string>> split_words(std::string_view text) {
  return Splitter(text).split();
}

Expansion expand(const MixCommand& command, const std::vector<MixExs>& files) {
  return Expander(files).expand(command);
}

std::optional<std::string> unknown_aliases(const std::vector<MixExs>& files) {
  for (const MixExs& exs : files) {
    if (!exs.aliases) return to_string(exs.aliases.error(), exs.file);
  }
  return std::nullopt;
}

}  // namespace mixguard::policy
