defmodule Ledger.Journal do
  @moduledoc """
  A book: an append-only journal with the balance of every account at hand.

  The process replays its store when it starts. A store that cannot be read, or an entry that the
  chart of accounts does not cover, stops the start with the reason.
  """

  use GenServer

  alias Ledger.{Chart, Entry, Money}

  @type book :: String.t()
  @type balances :: %{optional({Entry.account(), Money.currency()}) => integer()}

  @type option ::
          {:book, book()}
          | {:store, {module(), keyword()}}
          | {:accounts, MapSet.t(Entry.account()) | :any}

  defmodule State do
    @moduledoc false
    @enforce_keys [:book, :accounts, :store, :store_state]
    defstruct [:book, :accounts, :store, :store_state, entries: [], balances: %{}, last_id: 0]
  end

  @doc false
  def child_spec(options) do
    %{
      id: {__MODULE__, Keyword.fetch!(options, :book)},
      start: {__MODULE__, :start_link, [options]}
    }
  end

  @doc """
  Starts a book. `:book` is its name, `:store` a `Ledger.Store` with its options (default: memory),
  `:accounts` what may be posted to (default: the chart of accounts).
  """
  @spec start_link([option()]) :: GenServer.on_start()
  def start_link(options) do
    GenServer.start_link(__MODULE__, options, name: via(Keyword.fetch!(options, :book)))
  end

  @doc "Posts an entry that balances; the answer carries its id."
  @spec post(book(), Entry.t()) :: {:ok, Entry.t()} | {:error, String.t()}
  def post(book, %Entry{id: nil} = entry), do: GenServer.call(via(book), {:post, entry})

  @doc "All entries, oldest first."
  @spec entries(book()) :: [Entry.t()]
  def entries(book), do: GenServer.call(via(book), :entries)

  @doc "All balances."
  @spec balances(book()) :: balances()
  def balances(book), do: GenServer.call(via(book), :balances)

  @doc "The balance of one account in one currency; zero when nothing was ever posted."
  @spec balance(book(), Entry.account(), Money.currency()) :: Money.t()
  def balance(book, account, currency) do
    book |> balances() |> Map.get({account, currency}, 0) |> Money.new(currency)
  end

  @doc """
  Adds one entry to balances. Pure: the process and `mix ledger.rebuild` share it.

      iex> {:ok, entry} =
      ...>   Ledger.Entry.new(~D[2024-01-05], "Cash", [
      ...>     {"assets:cash", Ledger.Money.new(20_000, "EUR")},
      ...>     {"assets:bank", Ledger.Money.new(-20_000, "EUR")}
      ...>   ])
      iex> Ledger.Journal.apply_entry(%{{"assets:bank", "EUR"} => 50_000}, entry)
      %{{"assets:bank", "EUR"} => 30_000, {"assets:cash", "EUR"} => 20_000}
  """
  @spec apply_entry(balances(), Entry.t()) :: balances()
  def apply_entry(balances, %Entry{postings: postings}) do
    Enum.reduce(postings, balances, fn {account, money}, balances ->
      Map.update(balances, {account, money.currency}, money.amount, &(&1 + money.amount))
    end)
  end

  @doc "The balances of entries that were read from somewhere, or the first entry that is wrong."
  @spec replay([Entry.t()], MapSet.t(Entry.account()) | :any) ::
          {:ok, balances()} | {:error, String.t()}
  def replay(entries, accounts) do
    Enum.reduce_while(entries, {:ok, %{}}, fn entry, {:ok, balances} ->
      case Entry.check_accounts(entry, accounts) do
        :ok -> {:cont, {:ok, apply_entry(balances, entry)}}
        {:error, reason} -> {:halt, {:error, "entry #{entry.id}: #{reason}"}}
      end
    end)
  end

  @impl true
  def init(options) do
    {store, store_options} = Keyword.get(options, :store, {Ledger.Store.Memory, []})
    accounts = Keyword.get_lazy(options, :accounts, &Chart.names/0)

    with {:ok, entries, store_state} <- store.open(store_options),
         {:ok, balances} <- replay(entries, accounts) do
      {:ok,
       %State{
         book: Keyword.fetch!(options, :book),
         accounts: accounts,
         store: store,
         store_state: store_state,
         entries: Enum.reverse(entries),
         balances: balances,
         last_id: entries |> Enum.map(& &1.id) |> Enum.max(fn -> 0 end)
       }}
    else
      {:error, reason} -> {:stop, {:cannot_replay, reason}}
    end
  end

  @impl true
  def handle_call({:post, entry}, _from, %State{} = state) do
    entry = %{entry | id: state.last_id + 1}

    with :ok <- Entry.check_accounts(entry, state.accounts),
         {:ok, store_state} <- state.store.append(state.store_state, entry) do
      state = %{
        state
        | store_state: store_state,
          entries: [entry | state.entries],
          balances: apply_entry(state.balances, entry),
          last_id: entry.id
      }

      {:reply, {:ok, entry}, state}
    else
      {:error, reason} -> {:reply, {:error, reason}, state}
    end
  end

  def handle_call(:entries, _from, %State{} = state) do
    {:reply, Enum.reverse(state.entries), state}
  end

  def handle_call(:balances, _from, %State{} = state), do: {:reply, state.balances, state}

  defp via(book), do: {:via, Registry, {Ledger.Registry, book}}
end
