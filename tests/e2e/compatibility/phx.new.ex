# SPDX-License-Identifier: Apache-2.0
# Stands for the task of an archive that makes a project: it makes one, and looks and writes around.
defmodule Mix.Tasks.Phx.New do
  use Mix.Task

  def run([folder]) do
    File.mkdir_p!(folder)
    IO.puts("sees #{inspect(beside(folder))}")
    File.write!(Path.join(folder, "mix.exs"), "")
    File.write!(Path.join(Path.dirname(folder), "beside"), "")
    File.rm_rf!(Path.join(Path.dirname(folder), "other"))
  end

  defp beside(folder) do
    Path.wildcard(Path.dirname(folder) <> "/**", match_dot: true)
  end
end
