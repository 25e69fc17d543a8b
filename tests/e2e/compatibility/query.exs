# SPDX-License-Identifier: Apache-2.0
# Asks a PostgreSQL in its own protocol (version 3, no password). Arguments: a port on 127.0.0.1, or a socket.
options = [:binary, active: false]

{:ok, server} =
  case System.argv() do
    ["/" <> _ = path] -> :gen_tcp.connect({:local, path}, 0, options)
    [port] -> :gen_tcp.connect({127, 0, 0, 1}, String.to_integer(port), options)
  end

receive_message = fn ->
  {:ok, <<kind, size::32>>} = :gen_tcp.recv(server, 5)
  {:ok, body} = if size > 4, do: :gen_tcp.recv(server, size - 4), else: {:ok, ""}
  {<<kind>>, body}
end

until_ready = fn until_ready, messages ->
  case receive_message.() do
    {"Z", _} -> Enum.reverse(messages)
    message -> until_ready.(until_ready, [message | messages])
  end
end

query = fn text ->
  :gen_tcp.send(server, <<"Q", byte_size(text) + 5::32, text::binary, 0>>)
  for {kind, body} <- until_ready.(until_ready, []), kind in ["D", "E"], do: {kind, body}
end

startup = <<3::16, 0::16, "user", 0, "tester", 0, "database", 0, "postgres", 0, 0>>
:gen_tcp.send(server, <<byte_size(startup) + 4::32, startup::binary>>)
[{"R", <<0::32>>} | _] = until_ready.(until_ready, [])

[{"D", <<1::16, size::32, answer::binary-size(size)>>}] = query.("select 40 + 2")
IO.puts("forty-two: #{answer == "42"}")
[{"D", <<1::16, size::32, _::binary>>}] = query.("select repeat('x', 3000000)")
IO.puts("three megabytes: #{size == 3_000_000}")
[{"E", trouble}] = query.("select nothing")
IO.puts("refused: #{trouble =~ "does not exist"}")
:gen_tcp.send(server, <<"X", 4::32>>)
IO.inspect(:gen_tcp.recv(server, 0))
