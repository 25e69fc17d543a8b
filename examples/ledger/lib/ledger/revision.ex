defmodule Ledger.Revision do
  @moduledoc """
  Which version of the code is running, as git has it.

  Asks the `git` program. No git, no repository, no commit, or a guard that refuses the program: all
  of them are answers, none is a crash.
  """

  @type reason :: :no_git | :no_revision

  @doc "The abbreviated hash of the current commit."
  @spec short(keyword()) :: {:ok, String.t()} | {:error, reason()}
  def short(options \\ []), do: git(["rev-parse", "--short", "HEAD"], options)

  @doc "The nearest tag, how far it is, and the hash; the hash alone where no tag exists."
  @spec describe(keyword()) :: {:ok, String.t()} | {:error, reason()}
  def describe(options \\ []), do: git(["describe", "--tags", "--always"], options)

  @doc """
  A word for people and files; never fails.

      iex> Ledger.Revision.label(git: "a-git-that-nobody-installed")
      "unversioned"
  """
  @spec label(keyword()) :: String.t()
  def label(options \\ []) do
    case describe(options) do
      {:ok, revision} -> revision
      {:error, _reason} -> "unversioned"
    end
  end

  # An argument list, never a shell. Options: `:git`, the program; `:cd`, where to ask.
  defp git(arguments, options) do
    program = Keyword.get(options, :git, "git")
    directory = Keyword.get(options, :cd, ".")

    case System.cmd(program, arguments, cd: directory, stderr_to_stdout: true) do
      {output, 0} -> {:ok, String.trim(output)}
      {_message, _status} -> {:error, :no_revision}
    end
  rescue
    # Not installed. One that is there but may not be started ends with a status, see above.
    ErlangError -> {:error, :no_git}
  end
end
