defmodule Ledger.Scratch do
  @moduledoc """
  Directories for tests that write. All of them are under `_build`, so that a test run needs no right
  to write anywhere else.
  """

  import ExUnit.Callbacks, only: [on_exit: 1]

  @doc "Makes an empty directory for the running test, removed when it ends; answers its path."
  @spec dir!(atom()) :: Path.t()
  def dir!(test) do
    name = test |> Atom.to_string() |> String.replace(~r/[^A-Za-z0-9]+/, "-")
    dir = Path.join([Mix.Project.build_path(), "scratch", name])
    File.rm_rf!(dir)
    File.mkdir_p!(dir)
    on_exit(fn -> File.rm_rf!(dir) end)
    dir
  end

  @doc "Makes a copy of what the Mix tasks read and write."
  @spec project!(atom()) :: Path.t()
  def project!(test) do
    dir = dir!(test)
    File.cp_r!("priv", Path.join(dir, "priv"))
    File.mkdir_p!(Path.join(dir, "lib/ledger"))
    File.cp!("lib/ledger/chart.ex", Path.join(dir, "lib/ledger/chart.ex"))
    dir
  end
end
