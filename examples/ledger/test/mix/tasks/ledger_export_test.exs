defmodule Mix.Tasks.Ledger.ExportTest do
  use Ledger.TaskCase

  alias Mix.Tasks.Ledger.Export

  setup do
    post!("Opening capital", "assets:bank", "equity:capital", 100_000)
    post!("Server, rented", "expenses:hosting", "assets:cash", 1250)
    :ok
  end

  test "writes the journal as CSV under exports/" do
    Export.run([])

    assert File.read!("exports/journal.csv") == """
           entry,date,memo,account,amount,currency
           1,2024-01-31,Opening capital,assets:bank,1000.00,EUR
           1,2024-01-31,Opening capital,equity:capital,-1000.00,EUR
           2,2024-01-31,"Server, rented",expenses:hosting,12.50,EUR
           2,2024-01-31,"Server, rented",assets:cash,-12.50,EUR
           """

    assert [line] = said()
    assert line =~ "exports/journal.csv: 2 of journal, revision "
  end

  test "writes the balances of some accounts as JSON" do
    Export.run(~w(--format json --balances --account assets -o exports/2024/q1.json))

    json = File.read!("exports/2024/q1.json")
    assert json =~ ~S({"account":"assets:bank","title":"Bank account","balance":"1000.00")
    refute json =~ "equity:capital"
  end

  test "an account is not the beginning of another one's name" do
    Export.run(~w(--account assets:ban))
    assert [line] = said()
    assert line =~ "0 of journal"
  end

  test "refuses files elsewhere" do
    for out <- ["journal.csv", "exports/../journal.csv", "/etc/journal.csv", "exports"] do
      assert_raise Mix.Error, ~r"is not under exports/", fn -> Export.run(["--out", out]) end
    end

    refute File.exists?("exports")
  end

  test "refuses what it does not know" do
    assert_raise Mix.Error, ~r/unknown format "xlsx"/, fn -> Export.run(~w(--format xlsx)) end
    assert_raise Mix.Error, ~r/takes no "all"/, fn -> Export.run(~w(all)) end
    assert_raise OptionParser.ParseError, fn -> Export.run(~w(--everything)) end
  end
end
