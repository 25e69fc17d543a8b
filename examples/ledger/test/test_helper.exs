# `MIX_ENV=dev mix test` is something that Mix permits, with the journal of dev.exs.
if Mix.env() != :test, do: Mix.raise("the tests run in MIX_ENV=test only, not in #{Mix.env()}")

ExUnit.start()
