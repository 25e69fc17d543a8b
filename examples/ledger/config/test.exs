import Config

# Tests never touch the journal in priv/data: the main book lives in memory.
config :ledger, store: {Ledger.Store.Memory, []}

config :logger, level: :warning
