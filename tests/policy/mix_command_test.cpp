// SPDX-License-Identifier: Apache-2.0
#include "policy/mix_command.hpp"

#include "tests/policy/support.hpp"

namespace mixguard::policy::test {
namespace {

// "a b | c": the tasks that Mix would run, each with its words.
std::string parts_of(const MixCommand& command) {
  if (command.refusal) return std::string(to_string(command.refusal->reason));
  std::string text;
  for (const TaskCall& call : command.calls) {
    if (!text.empty()) text += " | ";
    text += call.task;
    for (const std::string& word : call.words) text += " " + word;
    if (call.refusal) text += " !" + std::string(to_string(call.refusal->reason));
  }
  return text;
}

std::string mix(const Words& arguments) { return parts_of(read_mix(arguments)); }

TEST_CASE("only the canonical spelling of a task is one") {
  const auto name = GENERATE(as<std::string>(), "test", "ecto.drop", "phx.gen.live",
                             "local.public_keys", "a1", "a_1.b2_c");
  CHECK(is_canonical_task(name));
}

TEST_CASE("what Mix would also accept is answered with the right spelling") {
  const auto [typed, right] =
      GENERATE(table<std::string, std::string>({{"Ecto.Drop", "ecto.drop"},
                                                {"ecto.Drop", "ecto.drop"},
                                                {"ecto._drop", "ecto.drop"},
                                                {"ecto.drop_", "ecto.drop"},
                                                {"_ecto.drop", "ecto.drop"},
                                                {"ecto_.drop", "ecto.drop"},
                                                {"ecto.__drop", "ecto.drop"},
                                                {"ecto__.migrate_", "ecto.migrate"},
                                                {"Elixir.ecto.drop", "ecto.drop"},
                                                {"elixir.ecto.drop", "ecto.drop"},
                                                {".ecto.drop", "ecto.drop"},
                                                {"Do", "do"},
                                                {"_do", "do"},
                                                {"local.publicKeys", "local.public_keys"},
                                                {"local.public__keys", "local.public_keys"}}));
  INFO(typed);
  CHECK_FALSE(is_canonical_task(typed));
  CHECK(canonical_task(typed) == right);
  CHECK(mix({typed}) == typed + " !E_TASK_SPELLING");
  CHECK(read_mix({typed}).calls.front().refusal->instead == "mix " + right);
}

TEST_CASE("what Mix would not accept either has no right spelling") {
  const auto name = GENERATE(as<std::string>(), "ecto..drop", "ecto.drop.", "ecto-drop",
                             "ECTO.DROP", "ecto.drop/", "ecto/drop", "ecto.drop ", "", ".", "_",
                             "ecto.migrate --step 2", "--force", "-S");
  INFO(name);
  CHECK(canonical_task(name).empty());
  CHECK(mix({name, "x"}) == name + " x !E_TASK_SPELLING");
}

TEST_CASE("names that Mix looks up as one module have one module here") {
  CHECK(task_module("ecto.drop") == "Ecto.Drop");
  CHECK(task_module("local.public_keys") == task_module("local.publicKeys"));
  CHECK(task_module("a_1") == task_module("a1"));
  CHECK(task_module("phx.gen.live") == "Phx.Gen.Live");
}

TEST_CASE("a task name that is not ASCII is a matter of characters, not of spelling") {
  CHECK(mix({"t\u0435st"}) == "t\u0435st !E_UNICODE");
}

TEST_CASE("do is split as Mix splits it") {
  const auto [arguments, parts] =
      GENERATE(table<std::string, std::string>({{"do a + b", "a | b"},
                                                {"do a, b", "a | b"},
                                                {"do a , b", "a | b"},
                                                {"do a x --y z, b", "a x --y z | b"},
                                                {"do a --flag=x, b", "a --flag=x | b"},
                                                {"do a --flag x, b", "a --flag x | b"},
                                                {"do a+b", "a+b !E_TASK_SPELLING"},
                                                {"do a,b", "a,b !E_TASK_SPELLING"},
                                                {"do do a + b", "a | b"},
                                                {"do a + do b, c", "a | b | c"},
                                                {"do do do a", "a"},
                                                {"do do do do a", "E_DO_LIMIT"},
                                                {"do Do a + b", "Do a !E_TASK_SPELLING | b"},
                                                {"do a +", "E_ARG"},
                                                {"do a,", "E_ARG"},
                                                {"do + a", "E_ARG"},
                                                {"do ,", "E_ARG"},
                                                {"do", "E_ARG"},
                                                {"do do", "E_ARG"},
                                                {"do --app shop a + b", "a | b"},
                                                {"do --app=shop a + b", "a | b"},
                                                {"do --app ../x a", "E_FLAG_UNKNOWN"},
                                                {"do --all a", "E_FLAG_UNKNOWN"},
                                                {"do -- a", "E_FLAG_UNKNOWN"},
                                                {"a + b", "a + b"},
                                                {"a b, c", "a b, c"}}));
  INFO(arguments);
  CHECK(mix(words(arguments)) == parts);
}

TEST_CASE("a quoted part of do is one word, and no task") {
  CHECK(mix({"do", "cmd echo a"}) == "cmd echo a !E_TASK_SPELLING");
}

TEST_CASE("sixteen parts of do are taken and seventeen are not") {
  Words arguments = {"do"};
  for (int i = 0; i < 16; ++i) arguments.insert(arguments.end(), {"a", "+"});
  Words sixteen(arguments.begin(), arguments.end() - 1);
  CHECK(read_mix(sixteen).calls.size() == 16);
  arguments.emplace_back("a");
  CHECK(mix(arguments) == "E_DO_LIMIT");
}

TEST_CASE("mix alone is run, and its shortcuts are help") {
  CHECK(mix({}) == "run");
  for (const std::string word : {"--help", "-h", "--version", "-v"}) CHECK(mix({word}) == "help");
  CHECK(mix({"-v", "compile"}) == "-v compile !E_TASK_SPELLING");
}

TEST_CASE("iex is guarded as iex -S mix, and as nothing else") {
  CHECK(parts_of(read_iex({"-S", "mix"})) == "iex");
  CHECK(parts_of(read_iex({"-S", "mix", "phx.server", "--open"})) == "phx.server --open | iex");
  CHECK(parts_of(read_iex({"-S", "mix", "do", "a", "+", "b"})) == "a | b | iex");
  for (const std::string line : {"", "-S", "-e 1", "--sname a -S mix", "-S mixx", "file.exs"}) {
    INFO(line);
    CHECK(parts_of(read_iex(words(line))) == "E_LAUNCHER");
  }
}

TEST_CASE("a command is spelled out with its parts between plus signs") {
  const auto spelled = [](const MixCommand& command) {
    std::vector<Part> parts;
    for (const TaskCall& call : command.calls) {
      Part part;
      part.canonical = {"mix", call.task};
      part.canonical.insert(part.canonical.end(), call.words.begin(), call.words.end());
      parts.push_back(std::move(part));
    }
    return spell(command, parts);
  };
  CHECK(spelled(read_mix(words("do a x, do b , c"))) == words("mix do a x + b + c"));
  CHECK(spelled(read_mix(words("do --app=shop a"))) == words("mix do --app shop a"));
  CHECK(spelled(read_iex(words("-S mix a x"))) == words("iex -S mix a x"));
}

TEST_CASE("no value is spelled out as something that would end a part of a `do`") {
  const Policy policy = bare_policy(R"(
    [[task]]
    id = "t"
    name = "t"
    decision = "allow"
    flags = { text = { type = "string", match = '.*', max_len = 9, alias = "t" } }
    args = [{ type = "name", repeat = [0, 1] }]
  )");
  for (const char* line : {"mix do t --text=+ drop", "mix do t -t=+ drop"}) {
    const Decision decision = judge(policy, line);
    CHECK(outcome(decision) == "allow");
    CHECK(decision.canonical == words("mix do t --text=+ drop"));
  }
  CHECK(outcome(policy, "mix do t --text=a,, t drop") == "deny E_ARG");
  CHECK(outcome(policy, "mix do t --text=a, t drop") == "allow");
}

}  // namespace
}  // namespace mixguard::policy::test
