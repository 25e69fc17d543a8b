defmodule Ledger.Money do
  @moduledoc """
  An amount of money: an integer count of the currency's smallest unit. No floats, anywhere.

      iex> {:ok, price} = Ledger.Money.parse("12.50", "EUR")
      iex> to_string(Ledger.Money.add(price, price))
      "25.00 EUR"
  """

  @enforce_keys [:amount, :currency]
  defstruct [:amount, :currency]

  @type currency :: String.t()
  @type t :: %__MODULE__{amount: integer(), currency: currency()}

  # Digits after the decimal point.
  @exponents %{"EUR" => 2, "USD" => 2, "GBP" => 2, "CHF" => 2, "JPY" => 0}

  @doc """
  The currencies that the ledger knows.

      iex> Ledger.Money.currencies()
      ["CHF", "EUR", "GBP", "JPY", "USD"]
  """
  @spec currencies() :: [currency()]
  def currencies, do: @exponents |> Map.keys() |> Enum.sort()

  @doc "Makes an amount of smallest units; an unknown currency raises."
  @spec new(integer(), currency()) :: t()
  def new(amount, currency) when is_integer(amount) and is_map_key(@exponents, currency) do
    %__MODULE__{amount: amount, currency: currency}
  end

  @doc """
  Reads a decimal number, strictly.

      iex> Ledger.Money.parse("-0.5", "EUR")
      {:ok, %Ledger.Money{amount: -50, currency: "EUR"}}

      iex> Ledger.Money.parse("1.005", "EUR")
      {:error, "1.005 has more than 2 decimals"}

      iex> Ledger.Money.parse("12", "XXX")
      {:error, "unknown currency XXX"}
  """
  @spec parse(String.t(), currency()) :: {:ok, t()} | {:error, String.t()}
  def parse(text, currency) do
    with {:ok, exponent} <- fetch_exponent(currency),
         {:ok, amount} <- parse_decimal(text, exponent) do
      {:ok, new(amount, currency)}
    end
  end

  @doc """
  Reads a decimal number as an integer count of its last decimal. `Ledger.Rates` uses it for rates.

      iex> Ledger.Money.parse_decimal("1.0842", 6)
      {:ok, 1_084_200}
  """
  @spec parse_decimal(String.t(), non_neg_integer()) :: {:ok, integer()} | {:error, String.t()}
  def parse_decimal(text, decimals) do
    case Regex.run(~r/\A(-?)(\d{1,15})(?:\.(\d+))?\z/, text, capture: :all_but_first) do
      nil ->
        {:error, "#{inspect(text)} is not a decimal number"}

      [sign, whole | fraction] ->
        fraction = List.first(fraction) || ""

        if byte_size(fraction) > decimals do
          {:error, "#{text} has more than #{decimals} decimals"}
        else
          digits = String.to_integer(whole <> String.pad_trailing(fraction, decimals, "0"))
          {:ok, if(sign == "-", do: -digits, else: digits)}
        end
    end
  end

  @doc """
  Adds two amounts of one currency; different currencies raise.

      iex> Ledger.Money.add(Ledger.Money.new(100, "EUR"), Ledger.Money.new(-30, "EUR"))
      %Ledger.Money{amount: 70, currency: "EUR"}
  """
  @spec add(t(), t()) :: t()
  def add(%__MODULE__{currency: same} = a, %__MODULE__{currency: same} = b) do
    new(a.amount + b.amount, same)
  end

  @doc """
  The same amount with the other sign.

      iex> Ledger.Money.negate(Ledger.Money.new(100, "JPY"))
      %Ledger.Money{amount: -100, currency: "JPY"}
  """
  @spec negate(t()) :: t()
  def negate(%__MODULE__{} = money), do: new(-money.amount, money.currency)

  @doc """
  Converts an amount. Rates are integers of equal scale, each the price of one common unit. Halves
  are rounded away from zero.

      iex> Ledger.Money.convert(Ledger.Money.new(1000, "EUR"), 1_000_000, "USD", 1_084_200)
      %Ledger.Money{amount: 1084, currency: "USD"}

      iex> Ledger.Money.convert(Ledger.Money.new(1000, "EUR"), 1_000_000, "JPY", 157_350_000)
      %Ledger.Money{amount: 1574, currency: "JPY"}
  """
  @spec convert(t(), pos_integer(), currency(), pos_integer()) :: t()
  def convert(%__MODULE__{} = money, from_rate, currency, to_rate) do
    numerator = money.amount * to_rate * scale(currency)
    new(divide(numerator, from_rate * scale(money.currency)), currency)
  end

  @doc """
  The number alone, as written in files.

      iex> Ledger.Money.decimal(Ledger.Money.new(-5, "EUR"))
      "-0.05"

      iex> Ledger.Money.decimal(Ledger.Money.new(1200, "JPY"))
      "1200"
  """
  @spec decimal(t()) :: String.t()
  def decimal(%__MODULE__{amount: amount, currency: currency}) do
    sign = if amount < 0, do: "-", else: ""
    scale = scale(currency)
    whole = Integer.to_string(div(abs(amount), scale))

    case Map.fetch!(@exponents, currency) do
      0 ->
        sign <> whole

      exponent ->
        fraction = amount |> abs() |> rem(scale) |> Integer.to_string()
        sign <> whole <> "." <> String.pad_leading(fraction, exponent, "0")
    end
  end

  defp divide(numerator, denominator) do
    rounded = div(2 * abs(numerator) + denominator, 2 * denominator)
    if numerator < 0, do: -rounded, else: rounded
  end

  defp scale(currency), do: Integer.pow(10, Map.fetch!(@exponents, currency))

  defp fetch_exponent(currency) do
    with :error <- Map.fetch(@exponents, currency), do: {:error, "unknown currency #{currency}"}
  end

  defimpl String.Chars do
    def to_string(money), do: Ledger.Money.decimal(money) <> " " <> money.currency
  end
end
