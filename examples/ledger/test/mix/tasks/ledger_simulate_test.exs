defmodule Mix.Tasks.Ledger.SimulateTest do
  use Ledger.TaskCase

  alias Mix.Tasks.Ledger.Simulate

  test "shows progress, ends balanced and leaves the books as they were" do
    Simulate.run(~w(--seconds 1 --accounts 3))

    assert [progress, summary] = said()
    assert progress =~ ~r"\A\[1/1s\] \d+ entries\z"
    assert summary =~ "entries between 3 accounts, all balanced"
    assert Ledger.entries() == []
    refute "simulation" in Ledger.Books.list()
  end

  test "refuses numbers out of range" do
    assert_raise Mix.Error, ~r/--seconds is 0/, fn -> Simulate.run(~w(--seconds 0)) end
    assert_raise Mix.Error, ~r/--accounts is 1;/, fn -> Simulate.run(~w(--accounts 1)) end
  end
end
