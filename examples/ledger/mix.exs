defmodule Ledger.MixProject do
  use Mix.Project

  def project do
    [
      app: :ledger,
      version: "0.1.0",
      elixir: "~> 1.14",
      elixirc_paths: elixirc_paths(Mix.env()),
      start_permanent: Mix.env() == :prod,
      aliases: aliases(),
      deps: [],
      # Elixir 1.14 reads this one, later versions read `cli/0` below.
      preferred_cli_env: [check: :test]
    ]
  end

  def cli do
    [preferred_envs: [check: :test]]
  end

  def application do
    [
      mod: {Ledger.Application, []},
      extra_applications: [:logger]
    ]
  end

  # Everything a change has to pass. Without the preferred environment above, `mix check` would start
  # in :dev, where the `test` task refuses to run.
  defp aliases do
    [
      check: ["do format --check-formatted + compile --warnings-as-errors + test"]
    ]
  end

  defp elixirc_paths(:test), do: ["lib", "test/support"]
  defp elixirc_paths(_env), do: ["lib"]
end
