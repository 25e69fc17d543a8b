defmodule Ledger.Store.File do
  @moduledoc """
  Keeps entries in a CSV file, one row a posting. A file that does not exist holds no entries and is
  made by the first append.

  Options: `:path`, relative to the working directory.
  """

  @behaviour Ledger.Store

  alias Ledger.{CSV, Entry, Exportable, Money}

  @header ~w(entry date memo account amount currency)

  @doc "The first row of a journal file."
  @spec header() :: CSV.row()
  def header, do: @header

  @impl true
  def open(options) do
    path = Keyword.fetch!(options, :path)

    if File.exists?(path) do
      with {:ok, entries} <- read(path), do: {:ok, entries, path}
    else
      {:ok, [], path}
    end
  end

  @impl true
  def append(path, entry) do
    new_file = if File.exists?(path), do: [], else: [@header]

    with :ok <- File.mkdir_p(Path.dirname(path)),
         :ok <- File.write(path, CSV.encode(new_file ++ Exportable.rows(entry)), [:append]) do
      {:ok, path}
    else
      {:error, reason} -> {:error, "#{path}: #{:file.format_error(reason)}"}
    end
  end

  @doc "Reads all entries of a journal file."
  @spec read(Path.t()) :: {:ok, [Entry.t()]} | {:error, String.t()}
  def read(path) do
    with {:ok, rows} <- CSV.read(path, @header) do
      rows
      |> Enum.chunk_by(&hd/1)
      |> Enum.reduce_while([], fn rows, entries ->
        case to_entry(rows) do
          {:ok, entry} -> {:cont, [entry | entries]}
          {:error, reason} -> {:halt, {:error, "#{path}: entry #{hd(hd(rows))}: #{reason}"}}
        end
      end)
      |> case do
        {:error, reason} -> {:error, reason}
        entries -> {:ok, Enum.reverse(entries)}
      end
    end
  end

  defp to_entry([[id, date, memo | _] | _] = rows) do
    with {id, ""} when id > 0 <- Integer.parse(id),
         {:ok, date} <- Date.from_iso8601(date),
         {:ok, postings} <- to_postings(rows, []),
         {:ok, entry} <- Entry.new(date, memo, postings) do
      {:ok, %{entry | id: id}}
    else
      {:error, reason} when is_binary(reason) -> {:error, reason}
      {:error, _calendar} -> {:error, "#{inspect(date)} is not a date"}
      _not_an_integer -> {:error, "the id is not a positive number"}
    end
  end

  defp to_postings([], postings), do: {:ok, Enum.reverse(postings)}

  defp to_postings([[_id, _date, _memo, account, amount, currency] | rows], postings) do
    with {:ok, money} <- Money.parse(amount, currency) do
      to_postings(rows, [{account, money} | postings])
    end
  end
end
