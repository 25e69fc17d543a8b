defmodule Ledger.Rates do
  @moduledoc """
  A cache of exchange rates, loaded from `priv/rates.csv`.

  The process owns an ETS table and is the only one to write to it; callers read the table without
  asking the process. A file that cannot be read leaves the rates as they were.
  """

  use GenServer

  require Logger

  alias Ledger.{CSV, Money}

  @header ~w(currency per_euro)
  @decimals 6

  @doc "Starts a cache. Options: `:file`, and `:name` for the process and its table."
  @spec start_link(keyword()) :: GenServer.on_start()
  def start_link(options) do
    name = Keyword.get(options, :name, __MODULE__)
    GenServer.start_link(__MODULE__, {name, Keyword.fetch!(options, :file)}, name: name)
  end

  @doc "The file that comes with the application."
  @spec default_file() :: Path.t()
  def default_file do
    Application.app_dir(:ledger, ["priv", Application.fetch_env!(:ledger, :rates_file)])
  end

  @doc """
  The price of one euro in millionths.

      iex> Ledger.Rates.fetch("EUR")
      {:ok, 1_000_000}

      iex> Ledger.Rates.fetch("XXX")
      {:error, "no rate for XXX"}
  """
  @spec fetch(Money.currency(), atom()) :: {:ok, pos_integer()} | {:error, String.t()}
  def fetch(currency, name \\ __MODULE__) do
    case :ets.lookup(name, currency) do
      [{^currency, rate}] -> {:ok, rate}
      [] -> {:error, "no rate for #{currency}"}
    end
  end

  @doc "Converts an amount at the rates held."
  @spec convert(Money.t(), Money.currency(), atom()) :: {:ok, Money.t()} | {:error, String.t()}
  def convert(money, currency, name \\ __MODULE__)
  def convert(%Money{currency: same} = money, same, _name), do: {:ok, money}

  def convert(%Money{} = money, currency, name) do
    with {:ok, from_rate} <- fetch(money.currency, name),
         {:ok, to_rate} <- fetch(currency, name) do
      {:ok, Money.convert(money, from_rate, currency, to_rate)}
    end
  end

  @doc "Reads the file again."
  @spec reload(GenServer.server()) :: :ok | {:error, String.t()}
  def reload(server \\ __MODULE__), do: GenServer.call(server, :reload)

  @impl true
  def init({name, file}) do
    table = :ets.new(name, [:named_table, :protected, read_concurrency: true])

    case load(table, file) do
      :ok -> :ok
      {:error, reason} -> Logger.error("no exchange rates: #{reason}")
    end

    {:ok, %{table: table, file: file}}
  end

  @impl true
  def handle_call(:reload, _from, state), do: {:reply, load(state.table, state.file), state}

  # All rows are read before the first one is stored.
  defp load(table, file) do
    with {:ok, rows} <- CSV.read(file, @header),
         {:ok, rates} <- parse(rows, []) do
      :ets.insert(table, rates)
      :ok
    end
  end

  defp parse([], rates), do: {:ok, rates}

  defp parse([[currency, text] | rows], rates) do
    case Money.parse_decimal(text, @decimals) do
      {:ok, rate} when rate > 0 -> parse(rows, [{currency, rate} | rates])
      {:ok, _rate} -> {:error, "the rate of #{currency} is not positive"}
      {:error, reason} -> {:error, "the rate of #{currency}: #{reason}"}
    end
  end
end
