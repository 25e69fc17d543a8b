defmodule Ledger do
  @moduledoc """
  A small double-entry bookkeeping application.

  A *book* is a `Ledger.Journal` process that entries are posted to. The book called `"main"` starts
  with the application and keeps its entries in a file; others are opened when needed, see
  `Ledger.Books`. Exchange rates come from `Ledger.Rates`.

  An entry is accepted only when it balances:

      iex> Ledger.Books.open("doc-main")
      iex> {:ok, entry} =
      ...>   Ledger.Entry.new(~D[2024-01-02], "Opening capital", [
      ...>     {"assets:bank", Ledger.Money.new(10_000, "EUR")},
      ...>     {"equity:capital", Ledger.Money.new(-10_000, "EUR")}
      ...>   ])
      iex> {:ok, posted} = Ledger.post(entry, "doc-main")
      iex> posted.id
      1
      iex> Ledger.balance("assets:bank", "EUR", "doc-main")
      %Ledger.Money{amount: 10_000, currency: "EUR"}
      iex> Ledger.Books.close("doc-main")
      :ok
  """

  alias Ledger.{Entry, Journal, Money, Rates, Report}

  @main "main"

  @doc "The name of the book that starts with the application."
  @spec main() :: Journal.book()
  def main, do: @main

  @doc "Posts an entry; the answer carries the id that the book gave it."
  @spec post(Entry.t(), Journal.book()) :: {:ok, Entry.t()} | {:error, String.t()}
  def post(entry, book \\ @main), do: Journal.post(book, entry)

  @doc "All entries of a book, oldest first."
  @spec entries(Journal.book()) :: [Entry.t()]
  def entries(book \\ @main), do: Journal.entries(book)

  @doc "The balance of one account in one currency."
  @spec balance(Entry.account(), Money.currency(), Journal.book()) :: Money.t()
  def balance(account, currency, book \\ @main), do: Journal.balance(book, account, currency)

  @doc "The trial balance of a book, one line for each account and currency."
  @spec trial_balance(Journal.book()) :: [Report.Line.t()]
  def trial_balance(book \\ @main), do: book |> Journal.balances() |> Report.trial_balance()

  @doc "The total of each kind of account, converted to the base currency at today's rates."
  @spec totals(Journal.book()) :: {:ok, [{Report.kind(), Money.t()}]} | {:error, String.t()}
  def totals(book \\ @main) do
    base = base_currency()
    book |> trial_balance() |> Report.totals(base, &Rates.convert(&1, base))
  end

  @doc "The currency that totals are reported in."
  @spec base_currency() :: Money.currency()
  def base_currency, do: Application.fetch_env!(:ledger, :base_currency)
end
