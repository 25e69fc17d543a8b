# SPDX-License-Identifier: Apache-2.0
"""Makes a project of the shape and size of a Phoenix application: python3 project.py DIRECTORY [FILES]

12,000 files in about 3,700 directories, 250 MB: dependencies, two builds, node_modules, and a little of one's own.
The same every time."""
import os
import random
import sys

root, total = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 12000
random.seed(1)
words = "def do end fn case with when nil true false alias import use struct map list atom pid".split()
noise = random.randbytes(1 << 20)
text = " ".join(random.choice(words) for _ in range(1 << 17)).encode()
count = 0


def write(path, size, binary=0.0):
    """A file of that size, of which that part cannot be compressed."""
    global count
    path = os.path.join(root, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(b"%d\n" % count)
        while size > 0:
            piece = min(size, 1 << 18)
            part = int(piece * binary)
            at = random.randrange((1 << 20) - part) if part else 0
            file.write(noise[at:at + part] + text[:piece - part])
            size -= piece
    count += 1


write("mix.exs", 0)
with open(os.path.join(root, "mix.exs"), "w") as file:
    file.write("defmodule Big.MixProject do\n  use Mix.Project\n  def project, do: [app: :big, version: \"1.0.0\"]\nend\n")
for name, size in (("priv/static/app.js", 3 << 20), ("assets/vendor/esbuild", 40 << 20), ("assets/vendor/tailwind", 50 << 20)):
    write(name, size, 0.6)
for i in range(total // 40):
    write(f"lib/big/area{i % 20}/module{i}.ex", random.randrange(500, 12000))
    write(f"test/big/area{i % 20}/module{i}_test.exs", random.randrange(500, 6000))
share = (total - count) // 10
for i in range(share * 4):
    write(f"deps/dep{i % 60}/lib/part{i // 60 % 8}/sub{i // 480 % 3}/file{i}.ex", random.randrange(500, 15000))
for env in ("dev", "test"):
    for i in range(share * 2):
        write(f"_build/{env}/lib/dep{i % 60}/ebin/Elixir.Module{i}.beam", random.randrange(2000, 30000), 0.5)
for i in range(total - count):
    write(f"assets/node_modules/package{i % 400}/dist/part{i // 400 % 4}/index{i}.js", random.randrange(500, 20000))
