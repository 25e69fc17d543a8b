defmodule Ledger.Simulation do
  @moduledoc """
  Random payments between made-up accounts, in a book that exists only in memory.
  """

  alias Ledger.{Books, Entry, Journal, Money}

  @book "simulation"

  @type progress :: %{
          second: non_neg_integer(),
          entries: non_neg_integer(),
          balanced: boolean()
        }

  @doc """
  Posts payments for `seconds` and calls `report` after each second.
  """
  @spec run(pos_integer(), pos_integer(), (progress() -> any())) :: progress()
  def run(seconds, accounts, report) do
    accounts = for number <- 1..accounts, do: "assets:account#{number}"
    {:ok, _pid} = Books.open(@book, accounts: MapSet.new(accounts))

    try do
      start = System.monotonic_time(:millisecond)

      for second <- 1..seconds do
        post_until(start + second * 1000, accounts)
        report.(progress(second))
      end

      progress(seconds)
    after
      Books.close(@book)
    end
  end

  defp post_until(deadline, accounts) do
    if System.monotonic_time(:millisecond) < deadline do
      {:ok, _entry} = Journal.post(@book, payment(accounts))
      Process.sleep(5)
      post_until(deadline, accounts)
    end
  end

  defp payment(accounts) do
    [from, to] = Enum.take_random(accounts, 2)
    money = Money.new(Enum.random(1..100_000), "EUR")
    postings = [{from, Money.negate(money)}, {to, money}]
    {:ok, entry} = Entry.new(~D[2024-01-01], "Payment", postings)
    entry
  end

  defp progress(second) do
    %{
      second: second,
      entries: length(Journal.entries(@book)),
      balanced: @book |> Journal.balances() |> Map.values() |> Enum.sum() == 0
    }
  end
end
