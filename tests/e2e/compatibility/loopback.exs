# SPDX-License-Identifier: Apache-2.0
# Servers and clients of one command: TCP and UDP, both kinds of addresses, names.
for address <- [{127, 0, 0, 1}, {0, 0, 0, 0, 0, 0, 0, 1}] do
  {:ok, listener} = :gen_tcp.listen(0, [:binary, ip: address, active: false])
  {:ok, port} = :inet.port(listener)

  echo =
    Task.async(fn ->
      {:ok, client} = :gen_tcp.accept(listener)
      {:ok, data} = :gen_tcp.recv(client, 5)
      :gen_tcp.send(client, String.reverse(data))
    end)

  {:ok, client} = :gen_tcp.connect(address, port, [:binary, active: false])
  :gen_tcp.send(client, "hello")
  IO.inspect({address, :gen_tcp.recv(client, 5)})
  Task.await(echo)
end

{:ok, one} = :gen_udp.open(0, [:binary, ip: {127, 0, 0, 1}, active: false])
{:ok, two} = :gen_udp.open(0, [:binary, ip: {127, 0, 0, 1}, active: false])
{:ok, port} = :inet.port(two)
:gen_udp.send(one, {127, 0, 0, 1}, port, "datagram")
{:ok, {_, _, data}} = :gen_udp.recv(two, 8, 5000)
IO.inspect(data)
IO.inspect(:inet.getaddr(~c"localhost", :inet))
IO.inspect(:gen_tcp.connect({127, 0, 0, 1}, 1, []))
