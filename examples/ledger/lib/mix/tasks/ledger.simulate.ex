defmodule Mix.Tasks.Ledger.Simulate do
  @shortdoc "Posts random payments for a while and shows progress"

  @moduledoc """
  Posts random payments to a book in memory, with a line of progress each second. Writes nothing.

      $ mix ledger.simulate --seconds 10 --accounts 50

  ## Options

    * `--seconds` - how long, 1 to 3600 (default 5)
    * `--accounts` - between how many accounts, 2 to 1000 (default 8)
  """

  use Mix.Task

  alias Ledger.Simulation

  @requirements ["app.start"]
  @switches [seconds: :integer, accounts: :integer]

  @impl true
  def run(args) do
    {options, words} = OptionParser.parse!(args, strict: @switches)
    if words != [], do: Mix.raise("mix ledger.simulate takes no #{inspect(hd(words))}")

    seconds = within!(options[:seconds] || 5, 1..3600, "--seconds")
    accounts = within!(options[:accounts] || 8, 2..1000, "--accounts")

    last = Simulation.run(seconds, accounts, &Mix.shell().info(line(&1, seconds)))

    if not last.balanced, do: Mix.raise("the book does not balance")
    Mix.shell().info("#{last.entries} entries between #{accounts} accounts, all balanced")
  end

  defp within!(value, range, flag) do
    if value in range do
      value
    else
      Mix.raise("#{flag} is #{value}; it must be between #{range.first} and #{range.last}")
    end
  end

  defp line(progress, seconds) do
    "[#{progress.second}/#{seconds}s] #{progress.entries} entries"
  end
end
