defmodule Ledger.CSV do
  @moduledoc """
  Comma-separated values, as RFC 4180 has them, lines ended by `\\n`.
  """

  @type row :: [String.t()]

  @doc ~S'''
  Writes rows.

      iex> IO.iodata_to_binary(Ledger.CSV.encode([["memo", "amount"], ["Hotel \"Post\", Graz", 212]]))
      "memo,amount\n\"Hotel \"\"Post\"\", Graz\",212\n"
  '''
  @spec encode([[String.t() | integer()]]) :: iodata()
  def encode(rows) do
    Enum.map(rows, fn row -> [row |> Enum.map(&encode_field/1) |> Enum.intersperse(?,), ?\n] end)
  end

  @doc ~S'''
  Reads rows; empty lines are skipped.

      iex> Ledger.CSV.decode("memo,amount\n\"Hotel \"\"Post\"\", Graz\",212\n")
      {:ok, [["memo", "amount"], ["Hotel \"Post\", Graz", "212"]]}

      iex> Ledger.CSV.decode("memo\n\"never closed")
      {:error, "row 2: a quoted field is not closed"}
  '''
  @spec decode(String.t()) :: {:ok, [row()]} | {:error, String.t()}
  def decode(text), do: field(text, [], [])

  @doc """
  Reads a file whose first row must be `header`; the answer leaves that row out.
  """
  @spec read(Path.t(), row()) :: {:ok, [row()]} | {:error, String.t()}
  def read(path, header) do
    with {:ok, text} <- File.read(path),
         {:ok, [^header | rows]} <- decode(text),
         nil <- Enum.find(rows, &(length(&1) != length(header))) do
      {:ok, rows}
    else
      {:error, reason} when is_atom(reason) -> {:error, "#{path}: #{:file.format_error(reason)}"}
      {:error, reason} -> {:error, "#{path}: #{reason}"}
      {:ok, _rows} -> {:error, "#{path}: the first row is not #{Enum.join(header, ",")}"}
      row -> {:error, "#{path}: wrong number of fields in #{Enum.join(row, ",")}"}
    end
  end

  defp encode_field(value) do
    text = to_string(value)

    if String.contains?(text, [",", "\"", "\n", "\r"]) do
      [?", String.replace(text, "\"", "\"\""), ?"]
    else
      text
    end
  end

  # `row` and `rows` are in reverse order throughout.
  defp field("", [], rows), do: {:ok, Enum.reverse(rows)}
  defp field(<<?", rest::binary>>, row, rows), do: quoted(rest, [], row, rows)
  defp field(rest, row, rows), do: bare(rest, [], row, rows)

  defp bare(<<char, _::binary>> = rest, acc, row, rows) when char in [?,, ?\n, ?\r] do
    separator(rest, acc, row, rows)
  end

  defp bare("", acc, row, rows), do: separator("", acc, row, rows)
  defp bare(<<char, rest::binary>>, acc, row, rows), do: bare(rest, [acc, char], row, rows)

  defp quoted(<<?", ?", rest::binary>>, acc, row, rows), do: quoted(rest, [acc, ?"], row, rows)
  defp quoted(<<?", rest::binary>>, acc, row, rows), do: separator(rest, acc, row, rows)
  defp quoted(<<char, rest::binary>>, acc, row, rows), do: quoted(rest, [acc, char], row, rows)
  defp quoted("", _acc, _row, rows), do: error(rows, "a quoted field is not closed")

  defp separator(<<?,, rest::binary>>, acc, row, rows) do
    field_or_end(rest, [IO.iodata_to_binary(acc) | row], rows)
  end

  defp separator(<<?\r, ?\n, rest::binary>>, acc, row, rows), do: line(rest, acc, row, rows)
  defp separator(<<?\n, rest::binary>>, acc, row, rows), do: line(rest, acc, row, rows)
  defp separator("", acc, row, rows), do: line("", acc, row, rows)
  defp separator(_rest, _acc, _row, rows), do: error(rows, "text after a closing quote")

  # After a comma there is one more field, even at the end of the text.
  defp field_or_end("", row, rows), do: line("", [], row, rows)
  defp field_or_end(rest, row, rows), do: field(rest, row, rows)

  defp line(rest, acc, row, rows) do
    case Enum.reverse([IO.iodata_to_binary(acc) | row]) do
      [""] -> field(rest, [], rows)
      row -> field(rest, [], [row | rows])
    end
  end

  defp error(rows, reason), do: {:error, "row #{length(rows) + 1}: #{reason}"}
end
