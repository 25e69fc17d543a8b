defmodule Mix.Tasks.Ledger.Drop do
  @shortdoc "Removes the journal of the main book"

  @moduledoc """
  Removes the file that the main book keeps its entries in. There is no way back, and no question.

      $ mix ledger.drop

  ## Options

    * `--quiet` - says nothing
  """

  use Mix.Task

  @requirements ["app.config"]

  @impl true
  def run(args) do
    {options, words} = OptionParser.parse!(args, strict: [quiet: :boolean])
    if words != [], do: Mix.raise("mix ledger.drop takes no #{inspect(hd(words))}")

    case Application.fetch_env!(:ledger, :store) do
      {Ledger.Store.File, store} -> drop(Keyword.fetch!(store, :path), options)
      {store, _options} -> Mix.raise("#{inspect(store)} keeps no file")
    end
  end

  defp drop(path, options) do
    case File.rm(path) do
      :ok -> say("#{path} has been removed", options)
      {:error, :enoent} -> say("#{path} does not exist", options)
      {:error, reason} -> Mix.raise("#{path}: #{:file.format_error(reason)}")
    end
  end

  defp say(text, options) do
    if not Keyword.get(options, :quiet, false), do: Mix.shell().info(text)
  end
end
