# SPDX-License-Identifier: Apache-2.0
# Hands its input on, and says on the other stream how much it was.
:io.setopts(:standard_io, encoding: :latin1)

IO.binstream(:stdio, 65_536)
|> Enum.reduce(0, fn block, size ->
  IO.binwrite(block)
  size + byte_size(block)
end)
|> then(&IO.puts(:stderr, "bytes: #{inspect(&1 == 2_000_000)}"))
