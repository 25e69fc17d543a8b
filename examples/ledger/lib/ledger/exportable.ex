defprotocol Ledger.Exportable do
  @moduledoc """
  What can be exported: anything that can tell its columns and its rows of plain values.
  """

  @doc "The names of the columns."
  @spec columns(t()) :: [String.t()]
  def columns(value)

  @doc "One row or more; each has a value for every column."
  @spec rows(t()) :: [[String.t() | integer()], ...]
  def rows(value)
end

defimpl Ledger.Exportable, for: Ledger.Entry do
  alias Ledger.Money

  def columns(_entry), do: Ledger.Store.File.header()

  def rows(entry) do
    for {account, money} <- entry.postings do
      [
        entry.id,
        Date.to_iso8601(entry.date),
        entry.memo,
        account,
        Money.decimal(money),
        money.currency
      ]
    end
  end
end

defimpl Ledger.Exportable, for: Ledger.Report.Line do
  alias Ledger.Money

  def columns(_line), do: ~w(account title balance currency)

  def rows(line) do
    [[line.account, line.title, Money.decimal(line.balance), line.balance.currency]]
  end
end
