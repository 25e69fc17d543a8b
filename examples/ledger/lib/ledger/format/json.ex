defmodule Ledger.Format.JSON do
  @moduledoc """
  One JSON object: the revision, and an array with one object for each row.

  Written by hand because the ledger has no dependencies, and `JSON` came with Elixir 1.18.
  """

  @behaviour Ledger.Format

  @impl true
  def extension, do: "json"

  @doc ~S'''
  Writes the object.

      iex> IO.iodata_to_binary(Ledger.Format.JSON.encode(["id", "memo"], [[1, "\"Post\""]], "3f9c2ab"))
      "{\"revision\":\"3f9c2ab\",\"rows\":[\n{\"id\":1,\"memo\":\"\\\"Post\\\"\"}\n]}\n"
  '''
  @impl true
  def encode(columns, rows, revision) do
    objects = for row <- rows, do: columns |> Enum.zip(row) |> object()
    objects = Enum.intersperse(objects, ",\n")
    ["{\"revision\":", value(revision), ",\"rows\":[\n", objects, "\n]}\n"]
  end

  defp object(pairs) do
    members = Enum.map(pairs, fn {name, value} -> [value(name), ?:, value(value)] end)
    [?{, Enum.intersperse(members, ?,), ?}]
  end

  defp value(integer) when is_integer(integer), do: Integer.to_string(integer)
  defp value(text) when is_binary(text), do: [?", for(<<char::utf8 <- text>>, do: char(char)), ?"]

  defp char(?"), do: "\\\""
  defp char(?\\), do: "\\\\"

  defp char(char) when char < 0x20 do
    ["\\u", char |> Integer.to_string(16) |> String.pad_leading(4, "0")]
  end

  defp char(char), do: <<char::utf8>>
end
