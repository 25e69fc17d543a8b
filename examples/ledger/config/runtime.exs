import Config

# LEDGER_BASE is the currency that totals are reported in. Production has to name it; elsewhere the
# default of config.exs stands. Tests do not look at the environment at all.
if config_env() != :test do
  base = System.get_env("LEDGER_BASE")
  currencies = ~w(EUR USD GBP CHF JPY)

  cond do
    base in currencies ->
      config :ledger, base_currency: base

    base != nil ->
      raise "LEDGER_BASE is #{inspect(base)}; it must be one of #{Enum.join(currencies, ", ")}"

    config_env() == :prod ->
      raise "LEDGER_BASE is not set; it must be one of #{Enum.join(currencies, ", ")}"

    true ->
      :ok
  end
end
