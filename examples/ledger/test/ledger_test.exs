defmodule LedgerTest do
  use ExUnit.Case, async: true

  alias Ledger.{Books, CSV, Entry, Exportable, Journal, Money, Report}

  doctest Ledger

  test "the data that comes with the project adds up to the closing balances" do
    store = {Ledger.Store.File, path: "priv/data/journal.csv"}
    {:ok, _pid} = Books.open("shipped", store: store)
    {:ok, signed_off} = CSV.read("priv/data/closing.csv", ~w(account title balance currency))

    assert Enum.flat_map(Ledger.trial_balance("shipped"), &Exportable.rows/1) == signed_off
    Books.close("shipped")
  end

  test "totals of all kinds in the base currency cancel out" do
    {:ok, _pid} = Books.open("totals")

    {:ok, entry} =
      Entry.new(~D[2024-02-08], "Invoice", [
        {"assets:bank_usd", Money.new(108_420, "USD")},
        {"income:consulting", Money.new(-108_420, "USD")}
      ])

    {:ok, _entry} = Ledger.post(entry, "totals")

    thousand = Money.new(100_000, "EUR")

    assert Ledger.totals("totals") ==
             {:ok, [{"assets", thousand}, {"income", Money.negate(thousand)}]}

    Books.close("totals")
  end

  test "a total names the currency that has no rate" do
    line = %Report.Line{account: "assets:bank", title: "Bank", balance: Money.new(1, "GBP")}
    no_rate = fn money -> {:error, "no rate for #{money.currency}"} end
    assert Report.totals([line], "EUR", no_rate) == {:error, "no rate for GBP"}
  end

  test "the supervision tree is the documented one" do
    children = Supervisor.which_children(Ledger.Supervisor)

    assert Enum.map(children, &elem(&1, 0)) ==
             [{Journal, "main"}, Ledger.Books, Ledger.Rates, Ledger.Registry]
  end
end
