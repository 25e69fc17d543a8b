# SPDX-License-Identifier: Apache-2.0
# A server on the port that it is given; it answers line by line, and "stop" ends it.
{:ok, listener} =
  :gen_tcp.listen(String.to_integer(hd(System.argv())), [
    :binary,
    packet: :line,
    active: false,
    reuseaddr: true,
    ip: {127, 0, 0, 1}
  ])

serve = fn serve ->
  {:ok, client} = :gen_tcp.accept(listener)

  case :gen_tcp.recv(client, 0) do
    {:ok, "stop\n"} ->
      :gen_tcp.send(client, "stopping\n")
      System.stop(0)

    {:ok, line} ->
      :gen_tcp.send(client, "served #{String.upcase(line)}")
      :gen_tcp.close(client)
      serve.(serve)

    {:error, :closed} ->
      serve.(serve)
  end
end

owner = spawn(fn -> receive do: (:go -> serve.(serve)) end)
:gen_tcp.controlling_process(listener, owner)
send(owner, :go)
IO.puts("serving")
