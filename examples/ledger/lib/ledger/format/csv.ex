defmodule Ledger.Format.CSV do
  @moduledoc "Comma-separated values; the revision is left out, as CSV has no place for it."

  @behaviour Ledger.Format

  @impl true
  def extension, do: "csv"

  @impl true
  def encode([], [], _revision), do: []
  def encode(columns, rows, _revision), do: Ledger.CSV.encode([columns | rows])
end
