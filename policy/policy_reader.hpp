// SPDX-License-Identifier: Apache-2.0
#pragma once

// What every part of the policy parser does with a TOML node: read it as the kind of value that is
// expected there, expand ${variables} in its strings, and write down what is wrong with it. Nothing
// stops at the first mistake.

#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/document.hpp"
#include "policy/ruleset.hpp"

namespace mixguard::policy {

// A string of a list, and where it stands.
struct Located {
  std::string text;
  Position at;
};
[[nodiscard]] std::vector<std::string> without_places(std::vector<Located> texts);

class PolicyReader {
 public:
  PolicyReader(std::string_view file, Layer layer) : file_(file), layer_(layer) {}

  [[nodiscard]] const std::string& file() const { return file_; }
  [[nodiscard]] Layer layer() const { return layer_; }

  void error(Position at, std::string what);
  // In the order of the file.
  [[nodiscard]] std::vector<PolicyError> take_errors();
  [[nodiscard]] bool has_errors() const { return !errors_.empty(); }

  // Variables must be known before strings are read. `root` is builtin and stays as it is written:
  // the project is only known when a command is judged.
  void define(const Member& variable);

  // Each reads `node`, or says that `name` should have been something else.
  std::optional<std::string> text(const Node& node, std::string_view name);
  std::optional<std::int64_t> integer(const Node& node, std::string_view name);
  std::optional<bool> boolean(const Node& node, std::string_view name);
  std::vector<Located> texts(const Node& node, std::string_view name);
  // A string or a list of strings.
  std::vector<Located> text_or_texts(const Node& node, std::string_view name);
  // A regular expression: variables are not expanded in it.
  std::optional<Pattern> pattern(const Node& node, std::string_view name);
  bool table(const Node& node, std::string_view name);

  // Checks one string against a short list of words.
  std::optional<std::size_t> one_of(const Node& node, std::string_view name,
                                    std::initializer_list<std::string_view> words);

  // An error for every key of `node` that is not among `keys`, naming the nearest one.
  void only_keys(const Node& node, std::string_view where,
                 std::initializer_list<std::string_view> keys);
  // The value of a key that must be there.
  const Node* required(const Node& node, std::string_view key, std::string_view where);

 private:
  std::optional<std::string> expand(const std::string& text, Position at);

  std::string file_;
  Layer layer_;
  std::map<std::string, std::string, std::less<>> variables_;
  std::map<std::string, Pattern, std::less<>> patterns_;  // rules like to repeat themselves
  std::vector<PolicyError> errors_;
};

}  // namespace mixguard::policy
