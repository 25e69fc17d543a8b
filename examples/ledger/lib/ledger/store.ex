defmodule Ledger.Store do
  @moduledoc """
  Where a journal keeps its entries. Append-only: there is no way to change or remove one.
  """

  alias Ledger.Entry

  @type state :: term()

  @doc "Opens the store and reads what it holds, oldest entry first."
  @callback open(options :: keyword()) :: {:ok, [Entry.t()], state()} | {:error, String.t()}

  @doc "Adds one entry, which has its id. The entry counts only when this succeeds."
  @callback append(state(), Entry.t()) :: {:ok, state()} | {:error, String.t()}
end
