// SPDX-License-Identifier: Apache-2.0
#include "policy/mix_exs.hpp"

#include <catch2/catch.hpp>

#include "policy/elixir_tree.hpp"

namespace mixguard::policy::test {
namespace {

std::string told(const Unreadable& trouble) {
  return "line " + std::to_string(trouble.line) + ": " + trouble.why;
}

// "check: [format | test]; seed: [fn]", or why not.
std::string told(const Read<std::vector<Alias>>& aliases) {
  if (!aliases) return told(aliases.error());
  std::string text;
  for (const Alias& alias : *aliases) {
    if (!text.empty()) text += "; ";
    text += alias.name + ":";
    for (const AliasStep& step : alias.steps) {
      text += step.is_function ? " <" + step.text + ">" : " [" + step.text + "]";
    }
  }
  return text;
}

std::string told(const Read<std::vector<PreferredEnv>>& envs) {
  if (!envs) return told(envs.error());
  std::string text;
  for (const PreferredEnv& env : *envs)
    text += (text.empty() ? "" : " ") + env.task + "=" + env.env;
  return text;
}

std::string told(const Read<std::string>& text) { return text ? *text : told(text.error()); }

std::string told(const Read<std::vector<std::string>>& words) {
  if (!words) return told(words.error());
  std::string text;
  for (const std::string& word : *words) text += (text.empty() ? "" : " ") + word;
  return text;
}

std::string module_with(const std::string& body) {
  return "defmodule A.MixProject do\n  use Mix.Project\n" + body + "\nend\n";
}

MixExs read_module(const std::string& body) { return read_mix_exs(module_with(body)); }

// A project whose aliases are `value`, which stands on line 3.
Read<std::vector<Alias>> aliases_of(const std::string& value, const std::string& more = "") {
  return read_module("def project, do: [app: :a, aliases: " + value + "]\n" + more).aliases;
}

constexpr auto kPhoenix = R"ex(
defmodule Hello.MixProject do
  use Mix.Project

  def project do
    [
      app: :hello,
      version: "0.1.0",
      elixir: "~> 1.14",
      elixirc_paths: elixirc_paths(Mix.env()),
      start_permanent: Mix.env() == :prod,
      aliases: aliases(),
      deps: deps()
    ]
  end

  # Configuration for the OTP application.
  def application do
    [
      mod: {Hello.Application, []},
      extra_applications: [:logger, :runtime_tools]
    ]
  end

  # Specifies which paths to compile per environment.
  defp elixirc_paths(:test), do: ["lib", "test/support"]
  defp elixirc_paths(_), do: ["lib"]

  defp deps do
    [
      {:phoenix, "~> 1.7.14"},
      {:ecto_sql, "~> 3.10"},
      {:esbuild, "~> 0.8", runtime: Mix.env() == :dev},
      {:heroicons,
       github: "tailwindlabs/heroicons",
       tag: "v2.1.1",
       sparse: "optimized",
       app: false,
       compile: false,
       depth: 1}
    ]
  end

  # Aliases are shortcuts or tasks specific to the current project.
  defp aliases do
    [
      setup: ["deps.get", "ecto.setup", "assets.setup", "assets.build"],
      "ecto.setup": ["ecto.create", "ecto.migrate", "run priv/repo/seeds.exs"],
      "ecto.reset": ["ecto.drop", "ecto.setup"],
      test: ["ecto.create --quiet", "ecto.migrate --quiet", "test"],
      "assets.deploy": [
        "tailwind hello --minify",
        "phx.digest"
      ]
    ]
  end
end
)ex";

TEST_CASE("the mix.exs that phoenix generates is read") {
  const MixExs exs = read_mix_exs(kPhoenix);
  CHECK(told(exs.aliases) ==
        "setup: [deps.get] [ecto.setup] [assets.setup] [assets.build]; "
        "ecto.setup: [ecto.create] [ecto.migrate] [run priv/repo/seeds.exs]; "
        "ecto.reset: [ecto.drop] [ecto.setup]; "
        "test: [ecto.create --quiet] [ecto.migrate --quiet] [test]; "
        "assets.deploy: [tailwind hello --minify] [phx.digest]");
  CHECK(find_alias(exs, "ecto.reset")->line == 49);
  CHECK(find_alias(exs, "ecto") == nullptr);
  CHECK(told(exs.preferred_envs).empty());
  CHECK(told(exs.default_env).empty());
  CHECK(told(exs.default_tasks) == "run");
  CHECK(told(exs.apps_path).empty());
}

TEST_CASE("def cli is read, before what def project says of the same") {
  const MixExs exs = read_module(R"(
    def project do
      [app: :a, listeners: [Phoenix.CodeReloader], default_task: "phx.server",
       preferred_cli_env: [precommit: :dev, "test.all": :test]]
    end
    def cli do
      [default_task: "server", default_env: :dev, preferred_envs: [precommit: :test]]
    end)");
  CHECK(told(exs.preferred_envs) == "precommit=test test.all=test");
  CHECK(told(exs.default_env) == "dev");
  CHECK(told(exs.default_tasks) == "server phx.server run");
  CHECK(told(exs.aliases).empty());
}

TEST_CASE("preferred environments may be in a function, too") {
  const MixExs exs = read_module(
      "def project, do: [app: :a, preferred_cli_env: envs()]\n"
      "defp envs, do: [coveralls: :test]");
  CHECK(told(exs.preferred_envs) == "coveralls=test");
}

TEST_CASE("an umbrella says where its apps are") {
  CHECK(told(read_module("def project, do: [apps_path: \"apps\"]").apps_path) == "apps");
  CHECK(told(read_module("def project, do: [apps_path: path()]").apps_path) ==
        "line 3: \"path()\" is not a string");
}

TEST_CASE("an alias is a string, a list or a function") {
  const auto [value, read] = GENERATE(table<std::string, std::string>({
      {"[]", ""},
      {"[a: \"b c\"]", "a: [b c]"},
      {"[a: [\"b\"],]", "a: [b]"},
      {"[a: ~w(b c.d)]", "a: [b] [c.d]"},
      {"[a: ~w[\n b\n c\n]]", "a: [b] [c]"},
      {"[\"a.b\": \"c\", \"d:e\": \"f\", G: \"h\"]", "a.b: [c]; d:e: [f]; G: [h]"},
      {"[a: \"x \\\"y\\\" \\\\ z\"]", "a: [x \"y\" \\ z]"},
      {"[a: \"\"]", "a: []"},
      {"[a: \"x\", a: \"y\"]", "a: [x]"},
      {"[a: &run/1]", "a: <\"&run/1\">"},
      {"[a: [&M.run/1, \"b\", fn _ -> :ok end, &(run(&1))]]",
       "a: <\"&M.run/1\"> [b] <\"fn _ -> :ok end\"> <\"&(run(&1))\">"},
      {"[a: \"b\", # why\n  # more\n c: \"d\"]", "a: [b]; c: [d]"},
  }));
  INFO(value);
  CHECK(told(aliases_of(value)) == read);
}

TEST_CASE("aliases in a function without arguments are read, however it is called") {
  const auto function =
      GENERATE(as<std::string>(), "defp aliases, do: [a: \"b\"]",
               "def aliases() do\n[a: \"b\"]\nend", "@doc false\ndef aliases, do: [a: \"b\"]");
  CHECK(told(aliases_of("aliases()", function)) == "a: [b]");
  CHECK(told(aliases_of("aliases", function)) == "a: [b]");
}

TEST_CASE("what is not written out makes the table unknown") {
  const auto value = GENERATE(
      as<std::string>(), "M.aliases()", "aliases(1)", "@aliases", "nowhere()", "[a: \"b\"] ++ []",
      "if(x, do: [])", "for(x <- [], do: x)", "Enum.map([], & &1)", "[{:a, \"b\"}]", "%{a: \"b\"}",
      "[a: \"b\"] |> Enum.reverse()", "[[a: \"b\"]]", "[{\"a\", \"b\"}]", "nil", "[a: nil]",
      "[a: []]", "[a: 'b']", "[a: :b]", "[a: \"b\" <> \"c\"]", "[a: \"b#{c}\"]", "[a: b()]",
      "[a: b]", "[a: @b]", "[a: [\"b\" | c]]", "[a: [b: \"c\"]]", "[a: [[\"b\"]]]", "[a: ~w(b)a]",
      "[a: ~s(b)]", "[a: ~W(b)]", "[a: ~w(b\\ c)]", "[a: ~w(#{b})]", "[a: \"\"\"\nb\n\"\"\"]",
      "[a: \"b\\nc\"]", "[a: \"b\nc\"]", "[a: \"\\x62\"]", "[\"a#{b}\": \"c\"]", "['a': \"b\"]",
      "[a: ~w(\xC3\xA9)]", "[\"\xC3\xA9\": \"c\"]", "[a: (\"b\")]", "[a: fn -> 1 end.()]",
      "[a: \"b\", unquote: c]", "unquote([])", "[a: \"b\"][:c]", "(aliases())", "aliases() || []");
  INFO(value);
  CHECK_FALSE(aliases_of(value, "defp aliases, do: []"));
}

TEST_CASE("a module that could be other than it looks is unknown") {
  const auto more = GENERATE(
      as<std::string>(), "def project, do: []", "def project(x \\\\ 1), do: x",
      "defp aliases, do: []", "defp aliases(x), do: x", "defoverridable project: 0", "import Evil",
      "alias Evil, as: Mix", "alias Evil.Mix", "use Evil", "use Mix.Project",
      "@before_compile Evil", "@after_compile Evil", "if true do\ndef f, do: 1\nend",
      "def unquote(:project)(), do: []", "Module.eval_quoted(__MODULE__, x)", "evil()",
      "defdelegate cli(), to: Evil", "defmacro def(x), do: x", "Mix.ProjectStack.post_config([])",
      "@x def project, do: []", "@x Code.eval_string(y)", "@x Mix.ProjectStack.post_config([])",
      "defmodule Mix do\nend", "\"text\"");
  INFO(more);
  CHECK_FALSE(aliases_of("aliases()", "defp aliases, do: [a: \"b\"]\n" + more));
}

TEST_CASE("functions that are not one literal list are unknown") {
  const auto body =
      GENERATE(as<std::string>(), "defp project, do: []", "def project(), do: [] ++ []",
               "def project do\n[]\nrescue\n_ -> []\nend", "def project do\nx = []\nx\nend",
               "def project when true, do: []", "def project(x), do: []", "def project",
               "def project do\nend", "def project, do: [], else: []",
               "def project, do: [aliases: [], aliases: [a: \"b\"]]", "");
  INFO(body);
  CHECK_FALSE(read_module(body).aliases);
}

TEST_CASE("a file that is not one project module is unknown") {
  const std::string project = module_with("def project, do: []");
  REQUIRE(read_mix_exs(project).aliases);
  const auto text = GENERATE_COPY(
      as<std::string>(), "", "# nothing", project + project, project + "Code.eval_string(\"1\")",
      "Code.require_file(\"x.exs\")\n" + project, "import Evil\n" + project,
      "defmodule Mix.Project do\nend\n" + project, "defmodule unquote(A) do\nuse Mix.Project\nend",
      "defmodule A do\ndef project, do: []\nend", project + "end", "defmodule A do",
      project + std::string("\0x", 2), "\xEF\xBB\xBF" + project, project + "# \xFF",
      "# a\r" + project, project + std::string(kMaxElixirSource, '\n'));
  INFO(text.substr(0, 200));
  CHECK_FALSE(read_mix_exs(text).aliases);
}

TEST_CASE("other modules, attributes and line ends of Windows do no harm") {
  const std::string text =
      "defmodule Mix.Tasks.Hi do\n  use Mix.Task\n  @shortdoc \"hi\"\n"
      "  def run(_), do: :ok\nend\n" +
      module_with(
          "@version \"1.0\"\n@default_env :dev\nrequire Logger\nalias Foo.Bar\n"
          "def project, do: [version: @version, aliases: [a: \"b\"]]");
  CHECK(told(read_mix_exs(text).aliases) == "a: [b]");
  std::string windows;
  for (const char c : text) windows += c == '\n' ? std::string("\r\n") : std::string(1, c);
  CHECK(told(read_mix_exs(windows).aliases) == "a: [b]");
}

TEST_CASE("a text that nests or repeats without end is unknown, and no more than that") {
  const auto piece =
      GENERATE(as<std::string>(), "[", "{", "(", "fn ->", "do ", "\"#{", "a ", "&", "~w(", "<<",
               "a: ", "not ", "x when ", "\\\\", "a do\n", "[a: ", "- ", "->", "x \"");
  std::string text = module_with("def project, do: []");
  while (text.size() + piece.size() <= kMaxElixirSource) text += piece;
  INFO(piece);
  CHECK_FALSE(read_mix_exs(text).aliases);
}

TEST_CASE("where the reader stopped is told, in each table apart") {
  CHECK(told(aliases_of("[\n  a: \"b\",\n  c: evil()\n]")) == "line 5: \"evil()\" is not a string");
  const MixExs exs = read_module(
      "def project do\n[aliases: [a: \"b\"], preferred_cli_env: [a: \"test\"]]\nend\n"
      "def cli, do: [default_task: task()]");
  CHECK(told(exs.aliases) == "a: [b]");
  CHECK(told(exs.preferred_envs) == "line 4: \"\"test\"\" is not a plain atom");
  CHECK(told(exs.default_tasks) == "line 6: \"task()\" is not a string");
  CHECK(told(read_mix_exs(module_with("  def (")).aliases).ends_with("as far as can be told"));
}

std::string git_hosts_of(const std::string& deps) {
  return told(Read<std::vector<std::string>>(
      read_module("def project, do: [app: :a, deps: deps()]\ndefp deps do\n  " + deps + "\nend")
          .git_hosts));
}

TEST_CASE("the hosts of git dependencies are those that are written out with https") {
  CHECK(git_hosts_of(R"([{:a, "~> 1.0"}, {:b, github: "x/b"}, {:c, "~> 1", github: "x/c"},
         {:d, git: "https://Git.Example.com/d.git", tag: "v1"}, {:e, [git: "https://a.b:8443/e"]}])") ==
        "github.com:443 git.example.com:443 a.b:8443");
  for (const std::string deps :
       {R"([{:a, git: "git@example.com:a.git"}])", R"([{:a, git: "http://example.com/a"}])",
        R"([{:a, git: "https://10.0.0.5/a"}])", R"([{:a, git: "https://[::1]/a"}])",
        R"([{:a, git: "https://localhost/a"}])", R"([{:a, git: "https://u:p@example.com/a"}])",
        R"([{:a, git: "https://example.com:0/a"}])", R"([{:a, git: url()}])",
        R"([{:a, git: "https://#{x}/a"}])", R"([{:a, path: "https://example.com"}])", "[]",
        R"(other([{:a, github: "x/a"}]))", R"([a: [github: "x/a"]])"}) {
    CAPTURE(deps);
    CHECK(git_hosts_of(deps).empty());
  }
  CHECK(read_mix_exs("nonsense (").git_hosts.empty());
}

TEST_CASE("the directories of path dependencies are those that are written out") {
  const auto paths_of = [](const std::string& deps) {
    return told(Read<std::vector<std::string>>(
        read_module("def project, do: [app: :a, deps: deps()]\ndefp deps do\n  " + deps + "\nend")
            .dependency_paths));
  };
  CHECK(paths_of(R"([{:a, path: "../a"}, {:b, "~> 1.0", [path: "/x/b", only: :test]},
                     {:c, in_umbrella: true}, {:d, path: "../a"}, {:e, git: "https://e.com/e"}])") ==
        "../a /x/b");
  for (const std::string deps :
       {R"([{:a, path: Path.expand("../a")}])", R"([{:a, path: "../#{x}"}])", R"([{:a, path: @a}])",
        R"([{:a, path: ""}])", R"(other([{:a, path: "../a"}]))", R"([a: [path: "../a"]])"}) {
    CAPTURE(deps);
    CHECK(paths_of(deps).empty());
  }
}

}  // namespace
}  // namespace mixguard::policy::test
