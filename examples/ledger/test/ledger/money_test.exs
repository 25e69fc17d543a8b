defmodule Ledger.MoneyTest do
  use ExUnit.Case, async: true

  alias Ledger.Money

  doctest Ledger.Money

  test "amounts of different currencies are never added" do
    assert_raise FunctionClauseError, fn ->
      Money.add(Money.new(1, "EUR"), Money.new(1, "USD"))
    end
  end

  test "reading is strict" do
    for text <- ["", "1,50", "+1", "1.", ".5", "1e3", " 1", "1\n", "٣"] do
      assert {:error, _reason} = Money.parse(text, "EUR")
    end
  end

  test "what is written can be read again" do
    for currency <- Money.currencies(), amount <- [0, 1, -1, 99, -100, 123_456_789] do
      money = Money.new(amount, currency)
      assert Money.parse(Money.decimal(money), currency) == {:ok, money}
    end
  end

  test "halves round away from zero on both sides" do
    assert Money.convert(Money.new(1, "EUR"), 2, "USD", 1).amount == 1
    assert Money.convert(Money.new(-1, "EUR"), 2, "USD", 1).amount == -1
  end
end
