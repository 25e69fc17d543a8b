defmodule Ledger.Format do
  @moduledoc """
  How exports are written. A format is a module with this behaviour.
  """

  alias Ledger.Exportable

  @doc "The file's extension, without the dot."
  @callback extension() :: String.t()

  @doc "Writes rows under columns. `revision` says which version of the books' code did it."
  @callback encode(columns :: [String.t()], rows :: [[String.t() | integer()]], revision) ::
              iodata()
            when revision: String.t()

  @formats %{"csv" => Ledger.Format.CSV, "json" => Ledger.Format.JSON}

  @doc """
  The module of a format's name.

      iex> Ledger.Format.fetch("json")
      {:ok, Ledger.Format.JSON}

      iex> Ledger.Format.fetch("xlsx")
      {:error, "unknown format \\"xlsx\\"; known are csv, json"}
  """
  @spec fetch(String.t()) :: {:ok, module()} | {:error, String.t()}
  def fetch(name) do
    with :error <- Map.fetch(@formats, name) do
      known = @formats |> Map.keys() |> Enum.sort() |> Enum.join(", ")
      {:error, "unknown format #{inspect(name)}; known are #{known}"}
    end
  end

  @doc "Writes values of one type."
  @spec encode(module(), [Exportable.t()], String.t()) :: iodata()
  def encode(format, values, revision) do
    columns = values |> Enum.take(1) |> Enum.flat_map(&Exportable.columns/1)
    format.encode(columns, Enum.flat_map(values, &Exportable.rows/1), revision)
  end
end
