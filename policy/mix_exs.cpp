// SPDX-License-Identifier: Apache-2.0
#include "policy/mix_exs.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "policy/elixir_tree.hpp"
#include "policy/endpoint.hpp"
#include "policy/text.hpp"

namespace mixguard::policy {
namespace {

using Nodes = std::vector<const SyntaxNode*>;

tl::unexpected<Unreadable> unreadable(const SyntaxNode& node, std::string why) {
  return tl::unexpected(Unreadable{node.line, std::move(why)});
}

// The first line of a piece of source, shortened, for a message.
std::string shown(std::string_view text) {
  constexpr std::size_t kLongest = 40;
  const std::size_t end = text.find('\n');
  const bool is_cut = end != std::string_view::npos || text.size() > kLongest;
  return quoted(std::string(text.substr(0, std::min(end, kLongest))) + (is_cut ? " …" : ""));
}

bool is_name_character(char c) {
  return is_lower(c) || is_upper(c) || is_digit(c) || c == '_' || c == '?' || c == '!' || c == '@';
}

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f';
}

bool is_name(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_name_character);
}

bool is_printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) >= ' ' && c != '\x7F'; });
}

// ---- Values -------------------------------------------------------------------------------------

// What stands between the plain quotes of a string or a quoted key. Only escapes that mean
// themselves are known; a heredoc starts with another token.
Read<std::string> quoted_text(const SyntaxNode& node) {
  const bool has_quotes = node.children.size() >= 2 && node.children.front()->text == "\"" &&
                          node.children.back()->text.starts_with('"');
  if (!has_quotes) return unreadable(node, shown(node.text) + " is not a plain string");
  std::string text;
  for (auto part = node.children.begin() + 1; part + 1 != node.children.end(); ++part) {
    const SyntaxNode& piece = **part;
    if (piece.kind == "quoted_content" && is_printable(piece.text)) {
      text += piece.text;
    } else if (piece.kind == "escape_sequence" && (piece.text == "\\\"" || piece.text == "\\\\")) {
      text += piece.text[1];
    } else {
      return unreadable(piece, shown(node.text) + " is not written out");
    }
  }
  return text;
}

Read<std::string> string_value(const SyntaxNode& node) {
  if (node.kind != "string") return unreadable(node, shown(node.text) + " is not a string");
  return quoted_text(node);
}

Read<std::string> atom_value(const SyntaxNode& node) {
  const bool is_plain = node.kind == "atom" && node.text.starts_with(':');
  if (!is_plain || !is_name(node.text.substr(1))) {
    return unreadable(node, shown(node.text) + " is not a plain atom");
  }
  return std::string(node.text.substr(1));
}

bool is_function(const SyntaxNode& node) {
  if (node.kind == "anonymous_function") return true;
  return node.kind == "unary_operator" && !node.children.empty() &&
         node.children.front()->text == "&";
}

// ~w(a b) without modifiers, interpolation or escapes.
Read<std::vector<std::string>> sigil_words(const SyntaxNode& node) {
  const auto refused = [&] { return unreadable(node, shown(node.text) + " is not a plain ~w"); };
  const Nodes& parts = node.children;
  if (parts.size() < 4 || parts[1]->kind != "sigil_name" || parts[1]->text != "w") return refused();
  const bool has_content = parts.size() == 5 && parts[3]->kind == "quoted_content";
  const bool is_plain = parts[2]->text.size() == 1 && parts.back()->text.size() == 1;
  if (!is_plain || (parts.size() != 4 && !has_content)) return refused();
  std::vector<std::string> words;
  if (!has_content) return words;
  bool is_in_word = false;
  for (const char c : parts[3]->text) {
    if (c == '\\' || (!is_blank(c) && (c < ' ' || c > '~'))) return refused();
    if (is_blank(c)) {
      is_in_word = false;
      continue;
    }
    if (!std::exchange(is_in_word, true)) words.emplace_back();
    words.back() += c;
  }
  return words;
}

// ---- Keyword lists ------------------------------------------------------------------------------

struct Pair {
  std::string key;
  const SyntaxNode* value = nullptr;
  std::uint32_t line = 0;
};

Read<std::string> key_of(const SyntaxNode& node) {
  if (node.kind == "quoted_keyword") {
    auto key = quoted_text(node);
    if (key && !is_ascii(*key)) return unreadable(node, shown(node.text) + " is not ASCII");
    return key;
  }
  std::string_view text = node.text;
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  const bool is_plain = node.kind == "keyword" && text.ends_with(':');
  if (!is_plain || !is_name(text.substr(0, text.size() - 1))) {
    return unreadable(node, shown(node.text) + " is not a plain key");
  }
  return std::string(text.substr(0, text.size() - 1));
}

Read<Pair> pair_of(const SyntaxNode& node) {
  if (node.kind != "pair" || node.children.size() != 2) {
    return unreadable(node, shown(node.text) + " is not a key with a value");
  }
  auto key = key_of(*node.children.front());
  if (!key) return tl::unexpected(key.error());
  return Pair{std::move(*key), node.children.back(), node.line};
}

// [key: value, …], with nothing else in it.
Read<std::vector<Pair>> keyword_list(const SyntaxNode& node) {
  const Nodes items = node.named_children();
  const bool is_list =
      node.kind == "list" && (items.empty() || (items.size() == 1 && items[0]->kind == "keywords"));
  if (!is_list) return unreadable(node, shown(node.text) + " is not a keyword list written out");
  std::vector<Pair> pairs;
  if (items.empty()) return pairs;
  for (const SyntaxNode* item : items[0]->named_children()) {
    auto pair = pair_of(*item);
    if (!pair) return tl::unexpected(pair.error());
    pairs.push_back(std::move(*pair));
  }
  return pairs;
}

// "HOST:443" of an https URL; empty for anything but a name of the internet, above all for
// addresses: a project must not choose one on the machine's own networks.
std::string https_endpoint(std::string_view url) {
  constexpr std::string_view kScheme = "https://";
  if (!url.starts_with(kScheme)) return {};
  url.remove_prefix(kScheme.size());
  const std::string_view host = url.substr(0, url.find('/'));
  const std::string text(host);
  const auto endpoint =
      parse_endpoint(host.find(':') == std::string_view::npos ? text + ":443" : text);
  if (!endpoint || endpoint->kind != Endpoint::Kind::kName || endpoint->host == "localhost")
    return {};
  return endpoint->host + ":" + std::to_string(endpoint->port);
}

// ---- Functions of the module --------------------------------------------------------------------

struct Function {
  std::string name;
  bool is_public = false;
  bool is_plain = false;             // no parameters, no guard
  const SyntaxNode* node = nullptr;  // all of the definition
  const SyntaxNode* body = nullptr;  // its only expression; nothing when there are more or fewer
};

const SyntaxNode* target_of(const SyntaxNode& call) {
  const bool is_local_call =
      call.kind == "call" && !call.children.empty() && call.children[0]->kind == "identifier";
  return is_local_call ? call.children[0] : nullptr;
}

const SyntaxNode* child_of_kind(const SyntaxNode& node, std::string_view kind) {
  const auto found = std::find_if(node.children.begin(), node.children.end(),
                                  [&](const SyntaxNode* child) { return child->kind == kind; });
  return found == node.children.end() ? nullptr : *found;
}

// A call without arguments: `aliases()`.
bool is_bare_call(const SyntaxNode& node) {
  return target_of(node) != nullptr && node.children.size() == 2 &&
         node.children[1]->kind == "arguments" && node.children[1]->named_children().empty();
}

const SyntaxNode* body_of(const SyntaxNode& definition, const Nodes& arguments) {
  if (const SyntaxNode* block = child_of_kind(definition, "do_block")) {
    const Nodes lines = block->named_children();
    return arguments.size() == 1 && lines.size() == 1 ? lines[0] : nullptr;
  }
  // def project, do: […]
  const bool has_keywords = arguments.size() == 2 && arguments[1]->kind == "keywords";
  const Nodes options = has_keywords ? arguments[1]->named_children() : Nodes();
  if (options.size() != 1) return nullptr;
  const auto pair = pair_of(*options[0]);
  return pair && pair->key == "do" ? pair->value : nullptr;
}

Read<Function> function_of(const SyntaxNode& definition) {
  const SyntaxNode* list = child_of_kind(definition, "arguments");
  const Nodes arguments = list == nullptr ? Nodes() : list->named_children();
  if (arguments.empty()) return unreadable(definition, "a definition without a name");
  const SyntaxNode* head = arguments[0];
  const bool has_guard = head->kind == "binary_operator" && head->children.size() == 3 &&
                         head->children[1]->text == "when";
  if (has_guard) head = head->children[0];
  const SyntaxNode* name = head->kind == "identifier" ? head : target_of(*head);
  if (name == nullptr || name->text == "unquote") {
    return unreadable(*head, "the definition of " + shown(head->text));
  }
  const bool has_parameters = head->kind != "identifier" && !is_bare_call(*head);
  return Function{std::string(name->text), definition.children[0]->text == "def",
                  !has_guard && !has_parameters, &definition, body_of(definition, arguments)};
}

// ---- Modules ------------------------------------------------------------------------------------

// Hooks that could define or replace functions behind the reader's back.
bool is_hook(std::string_view attribute) {
  return attribute == "before_compile" || attribute == "after_compile" ||
         attribute == "after_verify" || attribute == "on_definition" || attribute == "on_load";
}

// What defines a function when it stands in an expression, or makes code that could.
constexpr std::array<std::string_view, 12> kDefiners = {
    "def",       "defp", "defmacro", "defmacrop", "defdelegate", "defoverridable",
    "defmodule", "use",  "import",   "unquote",   "apply",       "quote"};
constexpr std::array<std::string_view, 3> kDefiningModules = {"Code", "Module", "Kernel"};

bool is_definer(const SyntaxNode& node) {
  const auto is_among = [&](const auto& names) {
    return std::find(names.begin(), names.end(), node.text) != names.end();
  };
  if (node.kind == "identifier") return is_among(kDefiners);
  return node.kind == "alias" && is_among(kDefiningModules);
}

// `@x def project, do: []` defines project/0.
bool defines_nothing(const SyntaxNode& node) {
  Nodes waiting = {&node};
  while (!waiting.empty()) {
    const SyntaxNode& next = *waiting.back();
    waiting.pop_back();
    if (is_definer(next)) return false;
    waiting.insert(waiting.end(), next.children.begin(), next.children.end());
  }
  return true;
}

bool is_attribute(const SyntaxNode& node) {
  const bool is_at =
      node.kind == "unary_operator" && node.children.size() == 2 && node.children[0]->text == "@";
  const SyntaxNode* name = is_at ? target_of(*node.children[1]) : nullptr;
  return name != nullptr && !is_hook(name->text) && defines_nothing(node);
}

// The only argument of a call when that is a module's name; else empty.
std::string_view module_argument(const SyntaxNode& call) {
  const SyntaxNode* list = child_of_kind(call, "arguments");
  const bool is_simple = call.children.size() == 2 && list != nullptr;
  const Nodes arguments = is_simple ? list->named_children() : Nodes();
  const bool is_module = arguments.size() == 1 && arguments[0]->kind == "alias";
  return is_module ? arguments[0]->text : std::string_view();
}

struct Module {
  bool is_project = false;
  std::vector<Function> functions;
};

// Whether a directive leaves the meaning of what the reader looks at alone. An import could bring
// another `def`, an alias ending in Mix another `Mix.Project`.
bool is_harmless_directive(std::string_view directive, std::string_view module) {
  if (module.empty()) return false;
  if (directive == "use") return module == "Mix.Project" || module == "Mix.Task";
  if (directive == "require") return true;
  return directive == "alias" && module != "Mix" && !module.ends_with(".Mix");
}

// Any other code in a module's body could do anything, `if … do def …` among it.
Read<Module> module_of(const SyntaxNode& block) {
  Module module;
  for (const SyntaxNode* item : block.named_children()) {
    if (is_attribute(*item)) continue;
    const SyntaxNode* target = target_of(*item);
    const std::string_view word = target == nullptr ? std::string_view() : target->text;
    if (word == "def" || word == "defp") {
      auto function = function_of(*item);
      if (!function) return tl::unexpected(function.error());
      module.functions.push_back(std::move(*function));
      continue;
    }
    const std::string_view name = module_argument(*item);
    if (!is_harmless_directive(word, name)) {
      return unreadable(*item, shown(item->text) + " may change what the module defines");
    }
    if (word == "use" && name == "Mix.Project") {
      if (module.is_project) return unreadable(*item, "a second `use Mix.Project`");
      module.is_project = true;
    }
  }
  return module;
}

Read<Module> top_level_module(const SyntaxNode& node) {
  const SyntaxNode* target = target_of(node);
  const bool is_definition = target != nullptr && target->text == "defmodule" &&
                             node.children.size() == 3 && node.children[2]->kind == "do_block";
  const Nodes name = is_definition ? node.children[1]->named_children() : Nodes();
  if (name.size() != 1 || name[0]->kind != "alias") {
    return unreadable(node, shown(node.text) + " is code outside of a module");
  }
  const std::string_view text = name[0]->text;
  if (text == "Mix" || (text.starts_with("Mix.") && !text.starts_with("Mix.Tasks."))) {
    return unreadable(node, "a definition of " + std::string(text));
  }
  return module_of(*node.children[2]);
}

Read<Module> project_module(const SyntaxNode& root) {
  std::optional<Module> project;
  for (const SyntaxNode* item : root.named_children()) {
    auto module = top_level_module(*item);
    if (!module) return module;
    if (!module->is_project) continue;
    if (project) return unreadable(*item, "a second module with `use Mix.Project`");
    project = std::move(*module);
  }
  if (!project) return unreadable(root, "no module says `use Mix.Project`");
  return std::move(*project);
}

// ---- Tables -------------------------------------------------------------------------------------

class Reader {
 public:
  explicit Reader(Module module) : module_(std::move(module)) {}

  MixExs read(std::string file) {
    const Pairs project = public_list("project");
    const bool has_cli = defines("cli");
    const Pairs cli = has_cli ? public_list("cli") : Pairs();
    MixExs exs;
    exs.file = std::move(file);
    exs.aliases = aliases(project);
    exs.preferred_envs = preferred_envs(cli, project);
    exs.default_env = one_value(cli, "default_env", atom_value);
    exs.default_tasks = default_tasks(cli, project);
    exs.apps_path = one_value(project, "apps_path", string_value);
    add_sources_of_dependencies(project, exs);
    return exs;
  }

 private:
  using Pairs = Read<std::vector<Pair>>;

  [[nodiscard]] bool defines(std::string_view name) const {
    return std::any_of(module_.functions.begin(), module_.functions.end(),
                       [&](const Function& function) { return function.name == name; });
  }

  // The one definition of a function without parameters. Any second one of that name might be
  // another clause of it, or have defaults for all its parameters.
  [[nodiscard]] Read<const Function*> function(std::string_view name) const {
    const Function* found = nullptr;
    for (const Function& function : module_.functions) {
      if (function.name != name) continue;
      if (found != nullptr) {
        return unreadable(*function.node, "a second definition of " + std::string(name));
      }
      if (!function.is_plain || function.body == nullptr) {
        return unreadable(*function.node, std::string(name) + " is more than one value");
      }
      found = &function;
    }
    if (found == nullptr) return tl::unexpected(Unreadable{0, "no definition of " + quoted(name)});
    return found;
  }

  [[nodiscard]] Pairs public_list(std::string_view name) const {
    const auto found = function(name);
    if (!found) return tl::unexpected(found.error());
    if (!(*found)->is_public) {
      return unreadable(*(*found)->node, std::string(name) + " is private");
    }
    return keyword_list(*(*found)->body);
  }

  // A keyword list in place, or the one that a local function is.
  [[nodiscard]] Pairs list_or_function(const SyntaxNode& value) const {
    const bool is_call = value.kind == "identifier" || is_bare_call(value);
    if (!is_call) return keyword_list(value);
    const auto called = function(value.kind == "identifier" ? value.text : target_of(value)->text);
    if (!called) {
      Unreadable trouble = called.error();
      if (trouble.line == 0) trouble.line = value.line;
      return tl::unexpected(std::move(trouble));
    }
    return keyword_list(*(*called)->body);
  }

  // The value of a key; nullptr when it is not there.
  static Read<const SyntaxNode*> value_of(const Pairs& pairs, std::string_view key) {
    if (!pairs) return tl::unexpected(pairs.error());
    const SyntaxNode* value = nullptr;
    for (const Pair& pair : *pairs) {
      if (pair.key != key) continue;
      if (value != nullptr) {
        return tl::unexpected(Unreadable{pair.line, "a second " + quoted(key)});
      }
      value = pair.value;
    }
    return value;
  }

  static Read<std::string> one_value(const Pairs& pairs, std::string_view key,
                                     Read<std::string> (*read)(const SyntaxNode&)) {
    const auto value = value_of(pairs, key);
    if (!value) return tl::unexpected(value.error());
    return *value == nullptr ? std::string() : read(**value);
  }

  static Read<std::vector<AliasStep>> steps_of(const SyntaxNode& value) {
    std::vector<AliasStep> steps;
    if (value.kind == "sigil") {
      auto words = sigil_words(value);
      if (!words) return tl::unexpected(words.error());
      for (std::string& word : *words) steps.push_back({std::move(word)});
    } else {
      const Nodes items = value.kind == "list" ? value.named_children() : Nodes{&value};
      for (const SyntaxNode* item : items) {
        if (is_function(*item)) {
          steps.push_back({shown(item->text), true});
          continue;
        }
        auto text = string_value(*item);
        if (!text) return tl::unexpected(text.error());
        steps.push_back({std::move(*text)});
      }
    }
    if (steps.empty()) return unreadable(value, "an alias without steps");
    return steps;
  }

  [[nodiscard]] Read<std::vector<Alias>> aliases(const Pairs& project) const {
    std::vector<Alias> table;
    const auto value = value_of(project, "aliases");
    if (!value) return tl::unexpected(value.error());
    if (*value == nullptr) return table;
    const Pairs pairs = list_or_function(**value);
    if (!pairs) return tl::unexpected(pairs.error());
    for (const Pair& pair : *pairs) {
      auto steps = steps_of(*pair.value);
      if (!steps) return tl::unexpected(steps.error());
      const bool is_known = std::any_of(table.begin(), table.end(),
                                        [&](const Alias& alias) { return alias.name == pair.key; });
      if (!is_known) table.push_back({pair.key, std::move(*steps), pair.line});
    }
    return table;
  }

  [[nodiscard]] Read<std::vector<PreferredEnv>> preferred_envs(const Pairs& cli,
                                                               const Pairs& project) const {
    std::vector<PreferredEnv> table;
    for (const auto& [pairs, key] :
         {std::pair(&cli, "preferred_envs"), std::pair(&project, "preferred_cli_env")}) {
      const auto value = value_of(*pairs, key);
      if (!value) return tl::unexpected(value.error());
      if (*value == nullptr) continue;
      const Pairs wanted = list_or_function(**value);
      if (!wanted) return tl::unexpected(wanted.error());
      for (const Pair& pair : *wanted) {
        auto env = atom_value(*pair.value);
        if (!env) return tl::unexpected(env.error());
        const bool is_known =
            std::any_of(table.begin(), table.end(),
                        [&](const PreferredEnv& known) { return known.task == pair.key; });
        if (!is_known) table.push_back({pair.key, std::move(*env)});
      }
    }
    return table;
  }

  // The list that `value` is, or that a local function is; nullptr for anything else.
  [[nodiscard]] const SyntaxNode* list_of(const SyntaxNode& value) const {
    const SyntaxNode* list = &value;
    if (value.kind == "identifier" || is_bare_call(value)) {
      const auto called =
          function(value.kind == "identifier" ? value.text : target_of(value)->text);
      if (!called) return nullptr;
      list = (*called)->body;
    }
    return list->kind == "list" ? list : nullptr;
  }

  // Calls `visit` for each option of {:name, "~> 1.0", git: "https://…"} that is a string; the
  // options may stand in brackets.
  template <typename Visit>
  static void each_option(const SyntaxNode& dependency, const Visit& visit) {
    for (const SyntaxNode* part : dependency.named_children()) {
      const Nodes inside = part->kind == "list" ? part->named_children() : Nodes();
      const SyntaxNode* options = inside.size() == 1 ? inside[0] : part;
      if (options->kind != "keywords") continue;
      for (const SyntaxNode* option : options->named_children()) {
        const auto pair = pair_of(*option);
        const auto text = pair ? string_value(*pair->value) : Read<std::string>();
        if (pair && text) visit(pair->key, *text);
      }
    }
  }

  static void add_once(std::string text, std::vector<std::string>& list) {
    if (!text.empty() && std::find(list.begin(), list.end(), text) == list.end())
      list.push_back(std::move(text));
  }

  void add_sources_of_dependencies(const Pairs& project, MixExs& exs) const {
    const auto value = value_of(project, "deps");
    const SyntaxNode* list = value && *value != nullptr ? list_of(**value) : nullptr;
    if (list == nullptr) return;
    const auto add = [&](const std::string& key, const std::string& text) {
      if (key == "github") add_once("github.com:443", exs.git_hosts);
      if (key == "git") add_once(https_endpoint(text), exs.git_hosts);
      if (key == "path") add_once(text, exs.dependency_paths);
    };
    for (const SyntaxNode* dependency : list->named_children()) {
      if (dependency->kind == "tuple") each_option(*dependency, add);
    }
  }

  // A task that is named comes before the "run" that another version of Elixir would take.
  [[nodiscard]] Read<std::vector<std::string>> default_tasks(const Pairs& cli,
                                                             const Pairs& project) const {
    std::vector<std::string> tasks;
    for (const Pairs* pairs : {&cli, &project}) {
      auto task = one_value(*pairs, "default_task", string_value);
      if (!task) return tl::unexpected(task.error());
      if (!task->empty() && std::find(tasks.begin(), tasks.end(), *task) == tasks.end()) {
        tasks.push_back(std::move(*task));
      }
    }
    const bool is_certain = tasks.size() == 1 && !defines("cli");
    const bool has_run = std::find(tasks.begin(), tasks.end(), "run") != tasks.end();
    if (!is_certain && !has_run) tasks.emplace_back("run");
    return tasks;
  }

  Module module_;
};

// What no parser should be asked about, or what no Elixir would take as the grammar does.
std::optional<std::string> trouble_with(std::string_view text) {
  if (text.size() > kMaxElixirSource) return "it is larger than 32 KiB";
  if (!is_valid_utf8(text)) return "it is not UTF-8";
  if (text.starts_with("\xEF\xBB\xBF")) return "it starts with a byte order mark";
  if (text.find('\0') != std::string_view::npos) return "it holds a zero byte";
  for (std::size_t at = text.find('\r'); at != std::string_view::npos;
       at = text.find('\r', at + 1)) {
    if (at + 1 == text.size() || text[at + 1] != '\n') return "it holds a lone carriage return";
  }
  // Mix.ProjectStack.post_config/1 adds to what project/0 says.
  if (text.find("ProjectStack") != std::string_view::npos) return "it speaks of Mix.ProjectStack";
  return std::nullopt;
}

}  // namespace

MixExs unreadable_mix_exs(std::string file, const Unreadable& trouble) {
  MixExs exs;
  exs.file = std::move(file);
  exs.aliases = tl::unexpected(trouble);
  exs.preferred_envs = tl::unexpected(trouble);
  exs.default_env = tl::unexpected(trouble);
  exs.default_tasks = tl::unexpected(trouble);
  exs.apps_path = tl::unexpected(trouble);
  return exs;
}

MixExs read_mix_exs(std::string_view text, std::string file) {
  if (auto trouble = trouble_with(text)) {
    return unreadable_mix_exs(std::move(file), {1, std::move(*trouble)});
  }
  const ElixirTree tree(text);
  if (const auto line = tree.first_mistake()) {
    return unreadable_mix_exs(std::move(file), {*line, "it is not Elixir as far as can be told"});
  }
  auto module = project_module(tree.root());
  if (!module) return unreadable_mix_exs(std::move(file), module.error());
  return Reader(std::move(*module)).read(std::move(file));
}

std::string to_string(const Unreadable& trouble, std::string_view file) {
  return concat({file, ":", std::to_string(trouble.line), ": ", trouble.why});
}

const Alias* find_alias(const MixExs& exs, std::string_view name) {
  if (!exs.aliases) return nullptr;
  const auto found = std::find_if(exs.aliases->begin(), exs.aliases->end(),
                                  [&](const Alias& alias) { return alias.name == name; });
  return found == exs.aliases->end() ? nullptr : &*found;
}

}  // namespace mixguard::policy
