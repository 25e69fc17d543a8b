defmodule Ledger.RatesTest do
  use ExUnit.Case, async: true

  import ExUnit.CaptureLog

  alias Ledger.{Money, Rates, Scratch}

  doctest Ledger.Rates

  setup %{test: test} do
    {:ok, path: Path.join(Scratch.dir!(test), "rates.csv"), name: test}
  end

  test "converts through the euro", %{path: path, name: name} do
    File.write!(path, "currency,per_euro\nUSD,1.25\nCHF,0.9\n")
    start_supervised!({Rates, file: path, name: name})

    assert Rates.convert(Money.new(12_500, "USD"), "CHF", name) == {:ok, Money.new(9000, "CHF")}
    assert Rates.convert(Money.new(1, "GBP"), "CHF", name) == {:error, "no rate for GBP"}
    assert Rates.convert(Money.new(1, "GBP"), "GBP", name) == {:ok, Money.new(1, "GBP")}
  end

  test "a bad file leaves the rates of the last good one", %{path: path, name: name} do
    File.write!(path, "currency,per_euro\nUSD,1.25\n")
    start_supervised!({Rates, file: path, name: name})

    File.write!(path, "currency,per_euro\nUSD,1.5\n")
    assert Rates.reload(name) == :ok

    File.write!(path, "currency,per_euro\nUSD,2\nGBP,-1\n")
    assert Rates.reload(name) == {:error, "the rate of GBP is not positive"}
    assert Rates.fetch("USD", name) == {:ok, 1_500_000}
  end

  test "starts without rates when there is no file", %{path: path, name: name} do
    log = capture_log(fn -> start_supervised!({Rates, file: path, name: name}) end)
    assert log =~ "no such file"
    assert Rates.fetch("EUR", name) == {:error, "no rate for EUR"}
  end
end
