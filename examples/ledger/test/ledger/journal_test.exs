defmodule Ledger.JournalTest do
  use ExUnit.Case, async: true

  alias Ledger.{Books, Entry, Journal, Money, Scratch, Store}

  doctest Ledger.Journal

  setup %{test: test} do
    book = Atom.to_string(test)
    on_exit(fn -> Books.close(book) end)
    {:ok, book: book, path: Path.join(Scratch.dir!(test), "journal.csv")}
  end

  defp transfer(cents, from \\ "assets:bank", to \\ "assets:cash") do
    money = Money.new(cents, "EUR")
    {:ok, entry} = Entry.new(~D[2024-01-31], "Cash", [{to, money}, {from, Money.negate(money)}])
    entry
  end

  test "entries get ids and keep their order", %{book: book} do
    {:ok, _pid} = Books.open(book)
    for cents <- 1..3, do: {:ok, _entry} = Journal.post(book, transfer(cents))
    assert Enum.map(Journal.entries(book), & &1.id) == [1, 2, 3]
    assert Journal.balance(book, "assets:cash", "EUR") == Money.new(6, "EUR")
  end

  test "an account outside of the chart is refused and changes nothing", %{book: book} do
    {:ok, _pid} = Books.open(book)

    assert Journal.post(book, transfer(1, "assets:bank", "assets:mattress")) ==
             {:error, "assets:mattress is not in the chart of accounts"}

    assert Journal.entries(book) == []
  end

  test "a book with a file starts again where it ended", %{book: book, path: path} do
    store = {Store.File, path: path}
    {:ok, _pid} = Books.open(book, store: store)
    {:ok, first} = Journal.post(book, transfer(150))
    :ok = Books.close(book)

    {:ok, _pid} = Books.open(book, store: store)
    assert Journal.entries(book) == [first]
    assert {:ok, %Entry{id: 2}} = Journal.post(book, transfer(50))
    assert Journal.balance(book, "assets:cash", "EUR") == Money.new(200, "EUR")
  end

  test "a killed book is restarted from its file", %{book: book, path: path} do
    {:ok, pid} = Books.open(book, store: {Store.File, path: path})
    {:ok, entry} = Journal.post(book, transfer(150))

    monitor = Process.monitor(pid)
    Process.exit(pid, :kill)
    assert_receive {:DOWN, ^monitor, :process, ^pid, :killed}

    assert eventually(fn -> book in Books.list() and Journal.entries(book) == [entry] end)
  end

  test "a file that cannot be replayed stops the start with the reason", %{book: book, path: path} do
    header = Enum.join(Store.File.header(), ",")

    for {rows, reason} <- [
          {"1,2024-01-31,Cash,assets:cash,1.00,EUR\n", "entry 1: an entry needs two postings"},
          {"x,2024-01-31,Cash,assets:cash,1.00,EUR\n", "entry x: the id is not a positive"},
          {"1,2024-02-30,Cash,assets:cash,1.00,EUR\n", "\"2024-02-30\" is not a date"},
          {"1,2024-01-31,Cash,assets:cash,one,EUR\n", "\"one\" is not a decimal number"},
          {"1,2024-01-31,Cash,assets:cash\n", "wrong number of fields"},
          {"1,2024-01-31,A,assets:gold,0,EUR\n1,2024-01-31,A,assets:cash,0,EUR\n", "assets:gold"}
        ] do
      File.write!(path, header <> "\n" <> rows)
      store = {Store.File, path: path}
      assert {:error, {:cannot_replay, message}} = Books.open(book, store: store)
      assert message =~ reason
    end
  end

  test "two books of one name are refused", %{book: book} do
    {:ok, pid} = Books.open(book)
    assert Books.open(book) == {:error, {:already_started, pid}}
  end

  defp eventually(condition, tries \\ 100) do
    cond do
      condition.() -> true
      tries == 0 -> false
      true -> Process.sleep(10) && eventually(condition, tries - 1)
    end
  catch
    # The book is between two lives.
    :exit, _reason -> tries > 0 && Process.sleep(10) && eventually(condition, tries - 1)
  end
end
