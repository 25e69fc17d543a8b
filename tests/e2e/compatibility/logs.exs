# SPDX-License-Identifier: Apache-2.0
require Logger
Logger.debug("a detail")
Logger.info(["as ", ~c"iodata ü"])
Logger.warning("a warning", line: 1)
Logger.error("an error")
{:ok, task} = Task.start(fn -> raise "a task that fails" end)
reference = Process.monitor(task)

receive do
  {:DOWN, ^reference, _, _, _} -> Logger.flush()
end

IO.puts("that was all")
