# SPDX-License-Identifier: Apache-2.0
# Writes mix.exs files of many shapes and what Mix itself makes of each. Usage: elixir mix_exs_oracle.exs FOLDER COUNT
# FOLDER/N.exs are the files; FOLDER/expected has a line each, in the form of tests/helpers/mix_exs_dump.cpp.
# The same files in every run: the generator has a fixed seed.

defmodule Generator do
  def pick(list), do: Enum.at(list, :rand.uniform(length(list)) - 1)
  defp rarely(rare, usual), do: if(:rand.uniform(12) == 1, do: rare.(), else: usual.())
  defp gap, do: pick(["", "", " ", "\n    ", " # why: [x: \"y\"]\n   ", "\n\n"])
  defp comma, do: pick([", ", ",", ",\n    ", ", # then\n   "])

  # Mostly what can be read, now and then what cannot.
  def string do
    rarely(
      fn ->
        pick([
          ~S("a" <> "b"), ~S("a#{1}b"), ~S("\x61\n\t"), "\"a\nb\"", "\"\"\"\n    a\n    \"\"\"", "~s(a b)", "'ab'",
          ~S("\u00e9 \s"), "@step", "step()", ":a", "nil", "1", ~S("\#{a}"), ~S("a\'b"), "(\"a\")", "\"a\\\nb\""
        ])
      end,
      fn ->
        pick([
          ~S("test"), ~S("ecto.migrate --quiet"), ~S("do a + b, c"), ~S("cmd \"x y\" z"), ~S("run 'p q'"), ~S(""),
          ~S("a\\ b"), ~S("é ü"), ~S("a # b"), ~S("[a: 1]"), ~S("end do"), ~S(" a  b "), ~S("{:x, y}")
        ])
      end
    )
  end

  def function, do: pick(["&run/1", "&Mod.run/1", "fn _ -> :ok end", "fn args ->\n  Mod.run(args)\n end", "&(run(&1))"])

  def sigil do
    rarely(fn -> pick(["~w(a b)a", "~w(a b)c", "~W(a b)", "~w(a\\ b)", ~S[~w(a#{1} b)], "~w()"]) end, fn ->
      pick(["~w(a b)", "~w[a\n b]", "~w{a}", "~w|a b.c|", "~w/a b/", "~w\"a 'b\"", "~w<a --b>"])
    end)
  end

  def value do
    case :rand.uniform(10) do
      n when n < 4 -> string()
      4 -> function()
      5 -> sigil()
      n when n < 10 -> "[#{gap()}#{Enum.map_join(1..:rand.uniform(3), comma(), fn _ -> step() end)}#{pick(["", "", ","])}#{gap()}]"
      10 -> rarely(fn -> pick(["[]", "[\"a\" | []]", "[[\"a\"]]", "[b: \"c\"]", "[\"a\"] ++ [\"b\"]"]) end, &string/0)
    end
  end

  defp step, do: if(:rand.uniform(4) == 1, do: function(), else: string())

  def key do
    pick(["check:", "test:", "setup:", "\"ecto.setup\":", "\"a-b\":", "A:", "do_it:", "run?:", "\"a b\":", "end:", "\"é\":"])
  end

  def pairs, do: Enum.map_join(1..:rand.uniform(4), comma(), fn _ -> "#{key()} #{gap()}#{value()}" end)

  def table do
    rarely(
      fn ->
        pick([
          "[{:a, \"b\"}, c: \"d\"]", "[#{pairs()}] ++ [z: \"y\"]", "Keyword.put([#{pairs()}], :z, \"y\")",
          "if(true, do: [#{pairs()}], else: [])", "([#{pairs()}])", "for(k <- [:a], do: {k, \"b\"})", "@table",
          "[]", "[#{pairs()}] |> Keyword.delete(:test)", "[#{pairs()}][:nothing] || []", "%{}"
        ])
      end,
      fn -> pick(["[#{gap()}#{pairs()}]", "[#{gap()}#{pairs()}#{gap()}]", "[\n#{pairs()},\n]"]) end
    )
  end

  def source(name) do
    table = table()
    literal = fn ->
      pick([
        {table, ""}, {"aliases()", "defp aliases do\n  #{table}\nend"}, {"aliases()", "defp aliases, do: #{table}"},
        {"my_aliases()", "def my_aliases() do\n  # what\n  #{table}\nend"}, {"aliases()", "defp aliases(), do: #{table}"}
      ])
    end

    {call, function} =
      rarely(
        fn ->
          pick([
            {"aliases()", "defp aliases do\n  x = #{table}\n  x\nend"},
            {"aliases()", "defp aliases(x \\\\ #{table})\ndefp aliases(x), do: x"},
            {"Keyword.merge(aliases(), b: \"c\")", "defp aliases, do: #{table}"},
            {"aliases()", "defp aliases, do: #{table}\n  defp aliases(_), do: []"}
          ])
        end,
        literal
      )

    more =
      rarely(
        fn ->
          pick([
            "def project(_), do: [aliases: [z: \"y\"]]", "@x def(cli, do: [])",
            "defoverridable project: 0\ndef project, do: [aliases: []]"
          ])
        end,
        fn -> pick(["", "@moduledoc \"aliases: [a: 1]\"", "@moduledoc \"\"\"\ndef project, do: []\n\"\"\""]) end
      )

    project =
      rarely(
        fn ->
          pick([
            "def project do\n  Keyword.put([app: :a], :aliases, #{call})\nend",
            "def project do\n [app: :a, aliases: #{call}, aliases: [other: \"x\"]] end"
          ])
        end,
        fn ->
          pick([
            "def project do\n    [\n      app: :a,\n      aliases: #{call},\n      deps: deps()\n    ]\n  end",
            "def project, do: [app: :a, aliases: #{call}]", "def project() do [aliases: #{call}, app: :a] end",
            "def project, do: [app: :a, \"aliases\": #{call}, version: \"1.0\" <> \"\"]"
          ])
        end
      )

    """
    defmodule #{name} do
      use Mix.Project
      @step "step"
      @table [a: "b"]

      #{project}
      #{more}

      #{function}
      defp deps, do: []
      def run(_), do: {@step, @table}
      def step, do: "step"
      def unused, do: {deps(), 1}
    end
    """
  end
end

defmodule Oracle do
  # What Mix sees; "error" for a file that it could not load, "invalid" for aliases that it could not run.
  def ask(file) do
    Code.compile_file(file)
    told = tell(Mix.Project.config()[:aliases])
    Mix.Project.pop()
    told
  rescue
    _ -> "error"
  end

  defp tell(aliases) do
    aliases
    |> Enum.uniq_by(fn {name, _} -> name end)
    |> Enum.map_join(";", fn {name, value} -> "#{hex(Atom.to_string(name))}=#{steps(value)}" end)
  catch
    :invalid -> "invalid"
  end

  defp steps(value) do
    Enum.map_join(List.wrap(value), ",", fn
      step when is_binary(step) -> hex(step)
      step when is_function(step) -> "fn"
      _ -> throw(:invalid)
    end)
  end

  defp hex(text), do: Base.encode16(text, case: :lower)
end

[folder, count] = System.argv()
:rand.seed(:exsss, {1, 2, 3})
Mix.start()
Code.compiler_options(ignore_module_conflict: true)

expected =
  for n <- 1..String.to_integer(count) do
    file = Path.join(folder, "#{n}.exs")
    File.write!(file, Generator.source("Generated#{n}.MixProject"))
    "#{file} #{Oracle.ask(file)}\n"
  end

File.write!(Path.join(folder, "expected"), expected)
