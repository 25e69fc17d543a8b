# A page about the main book:  mix run scripts/summary.exs
#
# Ends with status 1 when the balances are not the closing balances that were signed off.

{:ok, totals} = Ledger.totals()
{:ok, signed_off} = Ledger.CSV.read("priv/data/closing.csv", ~w(account title balance currency))

balances = Ledger.trial_balance()
books = Enum.join(Ledger.Books.list(), ", ")

IO.puts("Ledger at revision #{Ledger.Revision.label()}")
IO.puts("#{length(Ledger.entries())} entries, open books: #{books}\n")
IO.puts(Ledger.Report.render(balances))

IO.puts("In #{Ledger.base_currency()}:")

for {kind, total} <- totals do
  IO.puts("  " <> String.pad_trailing(kind, 12) <> String.pad_leading(to_string(total), 14))
end

if Enum.flat_map(balances, &Ledger.Exportable.rows/1) == signed_off do
  IO.puts("\nThe closing balances agree.")
else
  IO.puts(:stderr, "\nThe closing balances do not agree with priv/data/closing.csv.")
  System.halt(1)
end
