# SPDX-License-Identifier: Apache-2.0
# A dependency with a NIF in its priv folder, which the C compiler makes there.
defmodule Mix.Tasks.Compile.AnswerNif do
  use Mix.Task.Compiler

  def run(_args) do
    if File.exists?("priv/answer.so"), do: :noop, else: compile()
  end

  defp compile do
    include = Path.join([:code.root_dir(), "usr", "include"])
    words = ["-shared", "-fPIC", "-I", include, "-o", "priv/answer.so", "c_src/answer.c"]

    case System.cmd("cc", words, stderr_to_stdout: true) do
      {_, 0} -> Mix.shell().info("cc made answer.so")
      {output, _} -> Mix.raise(output)
    end

    :ok
  end
end

defmodule Answer.MixProject do
  use Mix.Project

  def project do
    [app: :answer, version: "0.1.0", compilers: [:answer_nif] ++ Mix.compilers()]
  end

  def application, do: []
end
