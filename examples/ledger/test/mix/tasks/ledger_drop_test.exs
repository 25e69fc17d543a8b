defmodule Mix.Tasks.Ledger.DropTest do
  use Ledger.TaskCase

  alias Mix.Tasks.Ledger.Drop

  setup do
    store = Application.fetch_env!(:ledger, :store)
    Application.put_env(:ledger, :store, {Ledger.Store.File, path: "priv/data/journal.csv"})
    on_exit(fn -> Application.put_env(:ledger, :store, store) end)
  end

  test "removes the journal" do
    Drop.run([])
    refute File.exists?("priv/data/journal.csv")
    assert said() == ["priv/data/journal.csv has been removed"]
  end

  test "is content when there is none" do
    File.rm!("priv/data/journal.csv")
    Drop.run([])
    assert said() == ["priv/data/journal.csv does not exist"]
  end

  test "has nothing to remove when the book lives in memory" do
    Application.put_env(:ledger, :store, {Ledger.Store.Memory, []})
    assert_raise Mix.Error, ~r/Ledger.Store.Memory keeps no file/, fn -> Drop.run(["--quiet"]) end
    assert File.exists?("priv/data/journal.csv")
  end
end
