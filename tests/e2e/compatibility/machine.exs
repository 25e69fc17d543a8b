# SPDX-License-Identifier: Apache-2.0
# What a command learns of the machine, and what it does with files.
IO.inspect(
  user_home: System.user_home!(),
  cwd: Path.basename(File.cwd!())
)

IO.inspect(
  lang: System.get_env("LANG"),
  encoding: :file.native_name_encoding(),
  mix_env: Mix.env()
)

IO.inspect(schedulers: System.schedulers_online(), os: :os.type(), node: node())
IO.inspect(host: :inet.gethostname(), argv: System.argv(), umask: System.shell("umask"))
IO.inspect(ids: System.shell("id -u; id -g"), terminal: :io.columns())

File.cd!("_build")
File.write!("plain", "x")
File.chmod!("plain", 0o751)
File.touch!("plain", 1_000_000_000)
IO.inspect(File.stat!("plain", time: :posix) |> Map.take([:mode, :mtime, :size, :links]))

IO.inspect([
  File.ln_s("plain", "link"),
  File.read_link("link"),
  File.ln("plain", "hard"),
  File.rename("hard", "moved")
])

File.mkdir_p!("made/in/here")
File.write!("made/in/here/ü ö", "y")

IO.inspect([
  File.cp_r("made", "copied"),
  File.rename("made/in", "made/out"),
  File.ls("made/out/here")
])

IO.inspect(File.rm_rf("copied"))

IO.inspect([
  File.write("big", :binary.copy("z", 5_000_000)),
  File.stat!("big").size,
  File.rm("big")
])

path = Path.join(System.tmp_dir!(), "mixguard-compatibility-#{System.pid()}")
IO.inspect([File.write(path, "t"), File.read(path), File.rm(path)])
IO.inspect(System.shell("mkfifo pipe; (echo through >pipe &); cat pipe; rm pipe"))

IO.inspect([
  :file.read_file_info(~c"/dev/null") |> elem(0),
  File.write("/dev/null", "x"),
  byte_size(:crypto.strong_rand_bytes(8))
])
