defmodule Mix.Tasks.Ledger.Export do
  @shortdoc "Writes the journal or its balances to a file under exports/"

  @moduledoc """
  Writes the main book to a file under `exports/`.

      $ mix ledger.export
      $ mix ledger.export --format json --out exports/2024/q1.json
      $ mix ledger.export --balances --account assets

  ## Options

    * `--format`, `-f` - `csv` (default) or `json`
    * `--out`, `-o` - the file; it must be under `exports/`
    * `--account` - only this account and those below it; of the journal, entries that touch it
    * `--balances` - the trial balance in place of the journal
  """

  use Mix.Task

  alias Ledger.{Format, Revision}

  @requirements ["app.start"]
  @switches [format: :string, out: :string, account: :string, balances: :boolean]
  @aliases [f: :format, o: :out]
  @directory "exports"

  @impl true
  def run(args) do
    options = parse!(args)
    format = format!(options[:format] || "csv")
    what = if options[:balances], do: "balances", else: "journal"
    out = out!(options[:out] || Path.join(@directory, "#{what}.#{format.extension()}"))

    values = select(what, options[:account])
    revision = Revision.label()

    File.mkdir_p!(Path.dirname(out))
    File.write!(out, Format.encode(format, values, revision))
    Mix.shell().info("#{out}: #{length(values)} of #{what}, revision #{revision}")
  end

  defp parse!(args) do
    case OptionParser.parse!(args, strict: @switches, aliases: @aliases) do
      {options, []} -> options
      {_options, [word | _]} -> Mix.raise("mix ledger.export takes no #{inspect(word)}")
    end
  end

  defp format!(name) do
    case Format.fetch(name) do
      {:ok, format} -> format
      {:error, reason} -> Mix.raise(reason)
    end
  end

  defp out!(out) do
    if String.starts_with?(Path.expand(out), Path.expand(@directory) <> "/") do
      out
    else
      Mix.raise("#{out} is not under #{@directory}/")
    end
  end

  defp select("balances", account) do
    Enum.filter(Ledger.trial_balance(), &under?(&1.account, account))
  end

  defp select("journal", account) do
    Enum.filter(Ledger.entries(), fn entry ->
      Enum.any?(entry.postings, fn {name, _money} -> under?(name, account) end)
    end)
  end

  defp under?(_name, nil), do: true
  defp under?(name, account), do: name == account or String.starts_with?(name, account <> ":")
end
