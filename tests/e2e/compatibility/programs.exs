# SPDX-License-Identifier: Apache-2.0
# Starts programs in every way that the virtual machine has.
show = fn what, value -> IO.puts("#{what}: #{inspect(value)}") end

show.("cmd", System.cmd("printf", ["%s|%s", "one two", "$HOME;ü"]))

show.(
  "cmd status",
  System.cmd("sh", ["-c", "echo out; echo err >&2; exit 7"], stderr_to_stdout: true)
)

show.(
  "cmd cd and env",
  System.cmd("sh", ["-c", "basename $(pwd); echo $ANSWER"], cd: "lib", env: [{"ANSWER", "42"}])
)

show.(
  "cmd into lines",
  System.cmd("seq", ["3"], into: []) |> elem(0) |> Enum.join() |> String.split()
)

show.(
  "no such program",
  try do
    System.cmd("no-such-program", [])
  rescue
    e in ErlangError -> e.original
  end
)

show.("shell", System.shell("echo a b | tr ' ' '\\n' | sort -r | head -n 1; false"))
show.("os.cmd", :os.cmd(~c"printf 'b\\na\\nc\\n' | sort | tr '\\n' ' ' && echo done 2>&1"))

show.(
  "os.cmd sees its directory",
  :os.cmd(~c"basename \"$PWD\"; test -w _build && echo writable")
)

cat = Port.open({:spawn_executable, System.find_executable("cat")}, [:binary])

for text <- ["first", "second"] do
  Port.command(cat, text)

  receive do
    {^cat, {:data, data}} -> show.("port", data)
  end
end

Port.close(cat)

answers =
  for code <- 0..3 do
    Task.async(fn ->
      port =
        Port.open({:spawn_executable, "/bin/sh"}, [
          :binary,
          :exit_status,
          args: ["-c", "echo $0; exit $0", "#{code}"]
        ])

      receive do
        {^port, {:data, data}} ->
          receive do
            {^port, {:exit_status, status}} -> {data, status}
          end
      end
    end)
  end

show.("ports of tasks", Task.await_many(answers))

lines = Port.open({:spawn, "printf 'x\\ny\\n'"}, [{:line, 10}, :exit_status])
show.("spawn", for(_ <- 1..3, do: receive(do: ({^lines, message} -> message))))

killed = Port.open({:spawn_executable, "/bin/sleep"}, [:exit_status, args: ["1000"]])
{:os_pid, pid} = Port.info(killed, :os_pid)
System.cmd("kill", ["-TERM", "#{pid}"])
show.("killed", receive(do: ({^killed, {:exit_status, status}} -> status)))

big =
  Port.open({:spawn_executable, "/bin/sh"}, [
    :binary,
    :exit_status,
    args: ["-c", "head -c 3000000 /dev/zero"]
  ])

size = fn size, again ->
  receive do
    {^big, {:data, data}} -> again.(size + byte_size(data), again)
    {^big, {:exit_status, 0}} -> size
  end
end

show.("three megabytes", size.(0, size) == 3_000_000)
