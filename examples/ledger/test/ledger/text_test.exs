defmodule Ledger.TextTest do
  use ExUnit.Case, async: true

  alias Ledger.{CSV, Format}

  doctest Ledger.CSV
  doctest Ledger.Format
  doctest Ledger.Format.JSON
  doctest Ledger.Report

  test "what CSV writes it reads" do
    rows = [["a", ""], ["", "b\nc"], ["\"", "ü, ö"], ["", ""], [" ", "\r"]]
    assert rows |> CSV.encode() |> IO.iodata_to_binary() |> CSV.decode() == {:ok, rows}
  end

  test "CSV takes lines ended as on Windows" do
    assert CSV.decode("a,b\r\n1,2\r\n") == {:ok, [["a", "b"], ["1", "2"]]}
  end

  test "CSV says where text follows a quoted field" do
    assert CSV.decode("a\n\"b\"c\n") == {:error, "row 2: text after a closing quote"}
  end

  test "JSON escapes control characters" do
    json = IO.iodata_to_binary(Format.JSON.encode(["memo"], [["tab\tü"]], "-"))
    assert json =~ ~S({"memo":"tab\u0009ü"})
  end
end
