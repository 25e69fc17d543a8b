defmodule Ledger.EntryTest do
  use ExUnit.Case, async: true

  alias Ledger.{Entry, Money}

  doctest Ledger.Entry

  defp new(memo \\ "Lunch", postings), do: Entry.new(~D[2024-01-31], memo, postings)

  test "one posting is not enough" do
    assert new([{"assets:cash", Money.new(0, "EUR")}]) ==
             {:error, "an entry needs two postings or more"}
  end

  test "an entry needs a memo" do
    assert new("  ", []) == {:error, "an entry needs a memo"}
  end

  test "every currency balances by itself" do
    postings = [{"assets:bank", Money.new(100, "EUR")}, {"assets:cash", Money.new(-100, "USD")}]
    assert {:error, reason} = new(postings)
    assert reason =~ "1.00 EUR" and reason =~ "-1.00 USD"
  end

  test "account names are checked" do
    for name <- ["assets", "assets:", "Assets:bank", "money:bank", "assets:../bank"] do
      zero = Money.new(0, "EUR")
      assert {:error, reason} = new([{name, zero}, {"assets:cash", zero}])
      assert reason =~ "is not an account name"
    end
  end
end
