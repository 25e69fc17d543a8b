# SPDX-License-Identifier: Apache-2.0
IO.puts(:stderr, "ending by #{hd(System.argv())}")

case hd(System.argv()) do
  "halt" -> System.halt(3)
  "stop" -> System.stop(4)
  "raise" -> raise "no way"
  "exit" -> exit({:shutdown, 5})
  "mix" -> Mix.raise("told by Mix", exit_status: 6)
  "linked" -> spawn_link(fn -> exit(:unlucky) end) && Process.sleep(:infinity)
end

Process.sleep(:infinity)
