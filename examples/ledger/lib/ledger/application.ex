defmodule Ledger.Application do
  @moduledoc """
  The supervision tree.

      Ledger.Supervisor (rest_for_one)
      ├── Ledger.Registry     names of books
      ├── Ledger.Rates        exchange rates, owner of an ETS table
      ├── Ledger.Books        DynamicSupervisor of the books opened later
      └── Ledger.Journal      the main book

  Books register themselves, so whatever follows the registry restarts with it. The main book comes
  last: when its file cannot be replayed the application does not start, rather than start empty.
  """

  use Application

  @impl true
  def start(_type, _args) do
    children = [
      {Registry, keys: :unique, name: Ledger.Registry},
      {Ledger.Rates, file: Ledger.Rates.default_file()},
      Ledger.Books,
      {Ledger.Journal, book: Ledger.main(), store: Application.fetch_env!(:ledger, :store)}
    ]

    Supervisor.start_link(children, strategy: :rest_for_one, name: Ledger.Supervisor)
  end
end
