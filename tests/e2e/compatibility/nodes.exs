# SPDX-License-Identifier: Apache-2.0
# Two nodes that find each other by epmd, with a port of its own, so that it meets no other.
{:ok, socket} = :gen_tcp.listen(0, ip: {127, 0, 0, 1})
{:ok, port} = :inet.port(socket)
:gen_tcp.close(socket)
System.put_env("ERL_EPMD_PORT", "#{port}")
System.put_env("ERL_EPMD_ADDRESS", "127.0.0.1")

words = fn name, code -> ["--sname", "#{name}@localhost", "--cookie", "crumb", "-e", code] end

# It waits for its end; that it is up is read from its output.
first = ~S"""
Process.register(self(), :main)
IO.puts("up")
receive do {:stop, from} -> send(from, {:stopped, node()}) after 60_000 -> exit(:forgotten) end
"""

one =
  Port.open({:spawn_executable, System.find_executable("elixir")}, [
    :binary,
    :exit_status,
    args: words.("one", first)
  ])

receive do
  {^one, {:data, "up\n"}} -> IO.puts("one is up")
after
  60_000 -> exit(:not_up)
end

second = ~S"""
IO.inspect(Node.connect(:nowhere@localhost))
IO.inspect(Node.connect(:one@localhost))
IO.inspect(Node.list())
IO.inspect(:rpc.call(:one@localhost, Enum, :sum, [[40, 2]]))
IO.inspect(:erl_epmd.names(~c"localhost") |> elem(1) |> Enum.map(&elem(&1, 0)) |> Enum.sort())
send({:main, :one@localhost}, {:stop, self()})
receive do message -> IO.inspect(message) after 60_000 -> exit(:no_answer) end
"""

{output, status} = System.cmd("elixir", words.("two", second), stderr_to_stdout: true)
IO.puts(output <> "two ended with #{status}")

receive do
  {^one, {:exit_status, status}} -> IO.puts("one ended with #{status}")
after
  60_000 -> exit(:not_ended)
end

{output, status} = System.cmd("epmd", ["-port", "#{port}", "-kill"])
IO.inspect({output, status})
