defmodule Ledger.RevisionTest do
  use ExUnit.Case, async: true

  alias Ledger.Revision

  doctest Ledger.Revision

  # Whoever runs this may or may not have git, and may or may not have a repository here.
  test "asks git, and takes no for an answer" do
    case Revision.short() do
      {:ok, hash} -> assert hash =~ ~r/\A[0-9a-f]{4,40}\z/
      {:error, reason} -> assert reason in [:no_git, :no_revision]
    end

    assert Revision.label() != ""
  end

  test "a directory outside of any repository has no revision" do
    assert Revision.short(cd: "/") in [{:error, :no_revision}, {:error, :no_git}]
    assert Revision.label(cd: "/") == "unversioned"
  end

  test "a program that is not installed is an answer too" do
    assert Revision.short(git: "a-git-that-nobody-installed") == {:error, :no_git}
  end
end
