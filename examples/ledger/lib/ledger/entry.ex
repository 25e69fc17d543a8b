defmodule Ledger.Entry do
  @moduledoc """
  One entry of a journal: a date, a memo, and postings that balance in every currency.

  Debits are positive, credits negative. An entry has no id until a journal gives it one.
  """

  alias Ledger.Money

  @enforce_keys [:date, :memo, :postings]
  defstruct [:id, :date, :memo, :postings]

  @typedoc "A path of names such as `assets:bank`; the first name is the kind of account."
  @type account :: String.t()
  @type posting :: {account(), Money.t()}
  @type t :: %__MODULE__{
          id: pos_integer() | nil,
          date: Date.t(),
          memo: String.t(),
          postings: [posting(), ...]
        }

  @doc """
  Makes an entry, or says why it cannot be one.

      iex> {:ok, entry} =
      ...>   Ledger.Entry.new(~D[2024-01-05], "Desk", [
      ...>     {"expenses:office", Ledger.Money.new(64_250, "EUR")},
      ...>     {"assets:bank", Ledger.Money.new(-64_250, "EUR")}
      ...>   ])
      iex> entry.memo
      "Desk"

      iex> Ledger.Entry.new(~D[2024-01-05], "Desk", [
      ...>   {"expenses:office", Ledger.Money.new(64_250, "EUR")},
      ...>   {"assets:bank", Ledger.Money.new(-64_200, "EUR")}
      ...> ])
      {:error, "postings are off by 0.50 EUR"}
  """
  @spec new(Date.t(), String.t(), [posting()]) :: {:ok, t()} | {:error, String.t()}
  def new(%Date{} = date, memo, postings) when is_binary(memo) and is_list(postings) do
    with :ok <- check_memo(memo),
         :ok <- check_count(postings),
         :ok <- check_names(postings),
         :ok <- check_balance(postings) do
      {:ok, %__MODULE__{date: date, memo: memo, postings: postings}}
    end
  end

  @doc """
  Checks that every posting goes to one of `accounts`.

      iex> {:ok, entry} =
      ...>   Ledger.Entry.new(~D[2024-01-05], "Lunch", [
      ...>     {"expenses:lunch", Ledger.Money.new(1450, "EUR")},
      ...>     {"assets:cash", Ledger.Money.new(-1450, "EUR")}
      ...>   ])
      iex> Ledger.Entry.check_accounts(entry, MapSet.new(["assets:cash"]))
      {:error, "expenses:lunch is not in the chart of accounts"}
  """
  @spec check_accounts(t(), MapSet.t(account()) | :any) :: :ok | {:error, String.t()}
  def check_accounts(%__MODULE__{}, :any), do: :ok

  def check_accounts(%__MODULE__{postings: postings}, accounts) do
    case Enum.find(postings, fn {account, _money} -> account not in accounts end) do
      nil -> :ok
      {account, _money} -> {:error, "#{account} is not in the chart of accounts"}
    end
  end

  defp check_memo(memo) do
    if String.trim(memo) == "", do: {:error, "an entry needs a memo"}, else: :ok
  end

  defp check_count(postings) do
    if length(postings) < 2, do: {:error, "an entry needs two postings or more"}, else: :ok
  end

  defp check_names(postings) do
    name = ~r/\A(assets|liabilities|equity|income|expenses)(:[a-z][a-z0-9_]*)+\z/

    case Enum.find(postings, fn {account, _money} -> not Regex.match?(name, account) end) do
      nil -> :ok
      {account, _money} -> {:error, "#{inspect(account)} is not an account name"}
    end
  end

  defp check_balance(postings) do
    off =
      postings
      |> Enum.map(fn {_account, money} -> money end)
      |> Enum.group_by(& &1.currency)
      |> Enum.map(fn {_currency, amounts} -> Enum.reduce(amounts, &Money.add/2) end)
      |> Enum.reject(&(&1.amount == 0))

    case off do
      [] -> :ok
      amounts -> {:error, "postings are off by #{Enum.map_join(amounts, ", ", &to_string/1)}"}
    end
  end
end
