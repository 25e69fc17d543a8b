defmodule Ledger.TaskCase do
  @moduledoc """
  For tests of Mix tasks: each runs in a scratch copy of the project, with the shell's messages sent
  to the test and an empty main book. Never async, as the working directory belongs to the whole VM.
  """

  use ExUnit.CaseTemplate

  using do
    quote do
      import Ledger.TaskCase
    end
  end

  setup %{test: test} do
    back = File.cwd!()
    shell = Mix.shell()
    File.cd!(Ledger.Scratch.project!(test))
    Mix.shell(Mix.Shell.Process)
    restart_main_book()

    on_exit(fn ->
      File.cd!(back)
      Mix.shell(shell)
    end)
  end

  @doc "All that the task said so far, one string a line."
  @spec said() :: [String.t()]
  def said do
    receive do
      {:mix_shell, _level, [line]} -> [IO.iodata_to_binary(line) | said()]
    after
      0 -> []
    end
  end

  @doc "Posts one entry with two postings to the main book."
  @spec post!(String.t(), Ledger.Entry.account(), Ledger.Entry.account(), integer()) ::
          Ledger.Entry.t()
  def post!(memo, debit, credit, cents) do
    money = Ledger.Money.new(cents, "EUR")
    postings = [{debit, money}, {credit, Ledger.Money.negate(money)}]
    {:ok, entry} = Ledger.Entry.new(~D[2024-01-31], memo, postings)
    {:ok, entry} = Ledger.post(entry)
    entry
  end

  defp restart_main_book do
    id = {Ledger.Journal, Ledger.main()}
    :ok = Supervisor.terminate_child(Ledger.Supervisor, id)
    {:ok, _pid} = Supervisor.restart_child(Ledger.Supervisor, id)
  end
end
