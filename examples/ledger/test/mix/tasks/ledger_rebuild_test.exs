defmodule Mix.Tasks.Ledger.RebuildTest do
  use Ledger.TaskCase

  alias Mix.Tasks.Ledger.Rebuild

  @written ~w(priv/chart.csv lib/ledger/chart.ex priv/data/journal.csv)

  describe "with three accounts and one entry" do
    setup do
      File.write!("priv/chart.csv", """
      account,title
      assets:bank,Bank
      expenses:bus,Bus
      expenses:train,Train
      """)

      File.write!("priv/data/journal.csv", """
      entry,date,memo,account,amount,currency
      1,2024-01-19,Train to Vienna,expenses:train,89.90,EUR
      1,2024-01-19,Train to Vienna,assets:bank,-89.90,EUR
      """)
    end

    test "a rename to an account that does not exist fails with half of the work done" do
      File.write!("priv/renames.csv", "from,to\nexpenses:train,expenses:travel\n")
      before = Map.new(@written, &{&1, File.read!(&1)})

      assert_raise Mix.Error, ~r/entry 1: expenses:travel is not in the chart/, fn ->
        Rebuild.run([])
      end

      for path <- @written, do: assert(File.read!(path) != before[path])
      refute File.exists?("priv/data/closing.csv")
    end

    test "a rename to one that exists merges the two" do
      File.write!("priv/merge.csv", "from,to\nexpenses:train,expenses:bus\n")
      Rebuild.run(~w(--renames priv/merge.csv))

      assert File.read!("priv/chart.csv") == "account,title\nassets:bank,Bank\nexpenses:bus,Bus\n"
      refute File.read!("lib/ledger/chart.ex") =~ "train"
      assert File.read!("priv/data/closing.csv") =~ ~r/^expenses:bus,.*,89.90,EUR$/m
      assert List.last(said()) == "* writing priv/data/closing.csv"
    end
  end

  test "without renames it writes the code and data that are there" do
    written = ["priv/data/closing.csv" | @written]
    before = Map.new(written, &{&1, File.read!(&1)})
    File.write!("priv/none.csv", "from,to\n")
    Rebuild.run(~w(--renames priv/none.csv))

    for path <- written, do: assert(File.read!(path) == before[path])
  end

  test "stops before the first change when the renames cannot be read" do
    assert_raise Mix.Error, ~r"priv/missing.csv: no such file", fn ->
      Rebuild.run(~w(--renames priv/missing.csv))
    end

    assert said() == []
  end
end
