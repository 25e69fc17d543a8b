# SPDX-License-Identifier: Apache-2.0
# Reads what decision_dump printed and asks Mix and OptionParser about each line that is not denied: the same tasks, and
# for each the same flags, values and arguments. Usage: elixir option_parser_oracle.exs FILE
defmodule Oracle do
  # Of a task that hands its words on, the one that reads them.
  @readers %{"compile" => Mix.Tasks.Compile.Elixir}
  # A task of the test's own policy is read in both ways.
  @both [:parse, :parse_loosely]

  def run(file) do
    lines = file |> File.read!() |> String.split("\n", trim: true) |> Enum.map(&String.split(&1, " "))
    tables = for ["T", task | flags] <- lines, into: %{}, do: {task, table(task, flags)}
    found = for ["V" | line] <- lines, do: {line, judge(line, tables)}
    for {line, {:differs, why}} <- found, do: IO.puts(inspect(why) <> "\n  " <> shown(line))
    report(Enum.frequencies_by(found, fn {_, result} -> if is_tuple(result), do: :differs, else: result end), length(found))
  end

  # A comparison in which little is allowed proves little.
  defp report(counts, all) do
    same = Map.get(counts, :same, 0)
    failed = Map.get(counts, :differs, 0)
    IO.puts("of #{all} command lines #{all - Map.get(counts, :denied, 0)} are not denied, #{same} of them read as Mix reads them")
    IO.puts("  #{Map.get(counts, :unknown, 0)} have flags that the installed Mix does not know yet")
    few = if all < 1000 or same * 5 < all, do: 1, else: 0
    if few == 1, do: IO.puts("fewer than one in five: the comparison proves too little")
    IO.puts("#{all - failed} passed, #{failed + few} failed")
    if failed + few > 0, do: System.halt(1)
  end

  defp judge(["deny" | _], _tables), do: :denied

  defp judge([_ | rest], tables) do
    [words, whole | parts] = for words <- split(rest), do: Enum.map(words, &unhex/1)
    calls = calls(words)
    parts = for [task | canonical] <- parts, do: {task, canonical}

    cond do
      length(calls) != length(parts) -> {:differs, {:parts, calls}}
      calls(tl(whole)) != for({_, ["mix" | call]} <- parts, do: call) -> {:differs, {:spelled, whole}}
      true -> sum_up(for {call, part} <- Enum.zip(calls, parts), do: compare(call, part, tables))
    end
  end

  defp sum_up(results), do: Enum.find(results, &is_tuple/1) || Enum.find(results, :same, &(&1 == :unknown))

  # At each "|"; there may be nothing before the first.
  defp split(words) do
    case Enum.split_while(words, &(&1 != "|")) do
      {some, ["|" | rest]} -> [some | split(rest)]
      {some, []} -> [some]
    end
  end

  defp calls([]), do: [["run"]]

  defp calls([name | args] = call) do
    if module(name) == Mix.Tasks.Do do
      {_, args} = OptionParser.parse_head!(args, strict: [app: :keep])
      args |> Mix.Tasks.Do.gather_commands() |> Enum.flat_map(&calls!/1)
    else
      [call]
    end
  end

  defp calls!([]), do: [:empty]
  defp calls!(call), do: calls(call)

  defp module(name), do: Module.concat(Mix.Tasks, Mix.Utils.command_to_module_name(name))

  defp compare([name | args], {task, ["mix", task | canonical]}, tables) do
    table = Map.fetch!(tables, task)
    judged = decode(canonical, table.kinds, table.is_head, {[], []})

    cond do
      module(name) != module(task) -> {:differs, {:task, name}}
      judged == :unreadable -> {:differs, :canonical}
      true -> results(args, canonical, judged, table)
    end
  end

  defp compare(call, part, _tables), do: {:differs, {call, part}}

  defp results(args, canonical, {flags, arguments} = judged, table) do
    if Enum.all?(flags, fn {flag, _} -> Keyword.has_key?(table.switches, flag) end) do
      found = for how <- table.how, do: {how, read(how, args, table), read(how, canonical, table)}
      Enum.find_value(found, :same, fn
        {_, ^judged, ^judged} -> nil
        {how, typed, again} -> {:differs, {how, judged: {flags, arguments}, typed: typed, canonical: again}}
      end)
    else
      :unknown
    end
  end

  # What OptionParser makes of words, as {flags by name, arguments}.
  defp read(how, words, table) do
    options = [aliases: table.aliases]

    {flags, arguments, invalid} =
      case how do
        :parse -> OptionParser.parse(words, [strict: table.switches] ++ options)
        :parse_head -> OptionParser.parse_head(words, [strict: table.switches] ++ options)
        :parse_loosely -> OptionParser.parse(words, [switches: table.switches] ++ options)
      end

    if invalid == [], do: {sorted(flags), arguments}, else: :invalid
  end

  # The canonical words need no parser: a long name, "=" where the value could be taken for a flag, nothing else.
  defp decode([], _, _, {flags, arguments}), do: {sorted(Enum.reverse(flags)), Enum.reverse(arguments)}
  defp decode(["--" | rest], _, _, {flags, arguments}), do: decode([], nil, nil, {flags, Enum.reverse(rest) ++ arguments})

  defp decode(["--" <> option | rest], kinds, is_head, {flags, arguments}) do
    {name, value} = case String.split(option, "=", parts: 2), do: ([name] -> {name, nil}; [name, value] -> {name, value})
    off = String.replace_prefix(name, "no-", "")

    case {kinds[name], value, rest} do
      {"bool", nil, _} -> decode(rest, kinds, is_head, {[{key(name), true} | flags], arguments})
      {"bool", "false", _} -> decode(rest, kinds, is_head, {[{key(name), false} | flags], arguments})
      {nil, nil, _} when off != name -> if kinds[off] == "bool", do: decode(rest, kinds, is_head, {[{key(off), false} | flags], arguments}), else: :unreadable
      {nil, _, _} -> :unreadable
      {kind, nil, [value | rest]} -> decode(rest, kinds, is_head, {[{key(name), typed(kind, value)} | flags], arguments})
      {kind, value, _} when is_binary(value) -> decode(rest, kinds, is_head, {[{key(name), typed(kind, value)} | flags], arguments})
      _ -> :unreadable
    end
  end

  defp decode([word | rest], _kinds, true, {flags, arguments}), do: decode([], nil, nil, {flags, Enum.reverse([word | rest]) ++ arguments})
  defp decode([word | rest], kinds, false, {flags, arguments}), do: decode(rest, kinds, false, {flags, [word | arguments]})

  defp typed("int", value) do
    case Integer.parse(value), do: ({number, ""} -> number; _ -> :unreadable)
  end

  defp typed(_, value), do: value

  defp key(name), do: name |> String.replace("-", "_") |> String.to_atom()

  # By name; those of one name stay in order.
  defp sorted(flags), do: Enum.sort_by(flags, &elem(&1, 0))

  defp table(task, flags) do
    rules = for flag <- flags, do: Regex.run(~r/^(.+)=([a-z]+)(\*?)(?:\/(.))?$/, flag, capture: :all_but_first)
    kinds = for [name, kind | _] <- rules, into: %{}, do: {name, kind}
    Map.merge(%{kinds: kinds, is_head: false}, switches(@readers[task] || module(task), rules))
  end

  defp switches(module, rules) do
    if Code.ensure_loaded?(module) do
      {function, options} = table_of(module)
      how = if options[:strict], do: function, else: :parse_loosely
      %{switches: options[:strict] || options[:switches], aliases: options[:aliases] || [], how: [how], is_head: how == :parse_head}
    else
      switches = for [name, kind, keep | _] <- rules, do: {key(name), [type(kind) | if(keep == "*", do: [:keep], else: [])]}
      aliases = for [name, _, _, letter] <- rules, do: {String.to_atom(letter), key(name)}
      %{switches: switches, aliases: aliases, how: @both}
    end
  end

  defp type("bool"), do: :boolean
  defp type("int"), do: :integer
  defp type(_), do: :string

  # The table that a task of the installed Mix gives to OptionParser, from what the compiler kept of its source.
  defp table_of(module) do
    {:ok, {_, [debug_info: {_, :elixir_erl, {_, source, _}}]}} = :beam_lib.chunks(:code.which(module), [:debug_info])
    bodies = for {_, _, _, clauses} <- source.definitions, {_, _, _, body} <- clauses, do: body

    {_, [first | _]} =
      Macro.prewalk(bodies, [], fn
        {{:., _, [OptionParser, function]}, _, [_, options]} = call, found when is_list(options) ->
          {call, [{if(function in [:parse_head, :parse_head!], do: :parse_head, else: :parse), options} | found]}

        other, found ->
          {other, found}
      end)

    first
  end

  defp unhex("=" <> digits), do: Base.decode16!(digits, case: :lower)
  defp unhex(task), do: task

  defp shown(words), do: Enum.map_join(words, " ", fn "=" <> _ = word -> inspect(unhex(word)); other -> other end)
end

Oracle.run(hd(System.argv()))
