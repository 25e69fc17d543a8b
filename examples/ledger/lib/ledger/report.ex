defmodule Ledger.Report do
  @moduledoc """
  Trial balances and totals, from balances to text. Pure.
  """

  alias Ledger.{Chart, Entry, Journal, Money}

  @kinds ~w(assets liabilities equity income expenses)

  @typedoc "The first name of an account: assets, liabilities, equity, income or expenses."
  @type kind :: String.t()

  defmodule Line do
    @moduledoc "One line of a trial balance."

    @enforce_keys [:account, :title, :balance]
    defstruct [:account, :title, :balance]

    @type t :: %__MODULE__{
            account: Ledger.Entry.account(),
            title: String.t(),
            balance: Ledger.Money.t()
          }
  end

  @doc """
  The lines of a trial balance, in the usual order of kinds; accounts at zero are left out.

      iex> lines = Ledger.Report.trial_balance(%{
      ...>   {"income:consulting", "EUR"} => -200_000,
      ...>   {"assets:bank", "EUR"} => 200_000,
      ...>   {"assets:cash", "EUR"} => 0
      ...> })
      iex> Enum.map(lines, & &1.account)
      ["assets:bank", "income:consulting"]
  """
  @spec trial_balance(Journal.balances()) :: [Line.t()]
  def trial_balance(balances) do
    balances
    |> Enum.reject(fn {_key, amount} -> amount == 0 end)
    |> Enum.sort_by(fn {{account, currency}, _amount} -> {order(account), account, currency} end)
    |> Enum.map(fn {{account, currency}, amount} ->
      %Line{
        account: account,
        title: Chart.title(account),
        balance: Money.new(amount, currency)
      }
    end)
  end

  @doc """
  The total of each kind in the currency `base`. `convert` turns an amount into that currency.

      iex> [line] = Ledger.Report.trial_balance(%{{"assets:bank", "EUR"} => 100})
      iex> Ledger.Report.totals([line], "EUR", &{:ok, &1})
      {:ok, [{"assets", %Ledger.Money{amount: 100, currency: "EUR"}}]}
  """
  @spec totals([Line.t()], Money.currency(), (Money.t() -> {:ok, Money.t()} | {:error, reason})) ::
          {:ok, [{kind(), Money.t()}]} | {:error, reason}
        when reason: String.t()
  def totals(lines, base, convert) do
    lines
    |> Enum.reduce_while({:ok, %{}}, fn line, {:ok, totals} ->
      case convert.(line.balance) do
        {:ok, %Money{currency: ^base} = money} ->
          {:cont, {:ok, Map.update(totals, kind(line.account), money, &Money.add(&1, money))}}

        {:error, reason} ->
          {:halt, {:error, reason}}
      end
    end)
    |> case do
      {:ok, totals} -> {:ok, for(kind <- @kinds, total = totals[kind], do: {kind, total})}
      {:error, reason} -> {:error, reason}
    end
  end

  @doc """
  The kind of an account.

      iex> Ledger.Report.kind("assets:bank")
      "assets"
  """
  @spec kind(Entry.account()) :: kind()
  def kind(account), do: account |> String.split(":", parts: 2) |> hd()

  @doc """
  A table for people, amounts aligned to the right.

      iex> lines = Ledger.Report.trial_balance(%{{"assets:bank", "EUR"} => 123_456})
      iex> IO.iodata_to_binary(Ledger.Report.render(lines))
      "assets:bank  Bank account  1234.56 EUR\\n"
  """
  @spec render([Line.t()]) :: iodata()
  def render(lines) do
    rows = Enum.map(lines, &[&1.account, &1.title, to_string(&1.balance)])
    [first, second, third] = for column <- 0..2, do: width(rows, column)

    for [account, title, balance] <- rows do
      [
        [String.pad_trailing(account, first), "  ", String.pad_trailing(title, second), "  "],
        [String.pad_leading(balance, third), "\n"]
      ]
    end
  end

  defp width(rows, column) do
    rows |> Enum.map(&String.length(Enum.at(&1, column))) |> Enum.max(fn -> 0 end)
  end

  defp order(account), do: Enum.find_index(@kinds, &(&1 == kind(account)))
end
