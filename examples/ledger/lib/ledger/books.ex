defmodule Ledger.Books do
  @moduledoc """
  Supervises the books that are opened while the application runs.
  """

  use DynamicSupervisor

  alias Ledger.Journal

  @doc false
  def start_link(options) do
    DynamicSupervisor.start_link(__MODULE__, options, name: __MODULE__)
  end

  @doc "Opens a book; see `Ledger.Journal.start_link/1` for the options."
  @spec open(Journal.book(), [Journal.option()]) :: DynamicSupervisor.on_start_child()
  def open(book, options \\ []) when is_binary(book) do
    DynamicSupervisor.start_child(__MODULE__, {Journal, Keyword.put(options, :book, book)})
  end

  @doc "Closes a book that `open/2` opened."
  @spec close(Journal.book()) :: :ok | {:error, :not_found}
  def close(book) do
    case Registry.lookup(Ledger.Registry, book) do
      [{pid, _value}] -> DynamicSupervisor.terminate_child(__MODULE__, pid)
      [] -> {:error, :not_found}
    end
  end

  @doc "The names of all open books, the main one too."
  @spec list() :: [Journal.book()]
  def list do
    # The registry hears of a death a moment after it.
    open = Registry.select(Ledger.Registry, [{{:"$1", :"$2", :_}, [], [{{:"$1", :"$2"}}]}])
    Enum.sort(for {book, pid} <- open, Process.alive?(pid), do: book)
  end

  @impl true
  def init(_options), do: DynamicSupervisor.init(strategy: :one_for_one)
end
