import Config

config :ledger,
  base_currency: "EUR",
  rates_file: "rates.csv",
  store: {Ledger.Store.File, path: "priv/data/journal.csv"}

config :logger, level: :info

import_config "#{config_env()}.exs"
