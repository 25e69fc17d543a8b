#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A guarded project with file systems of their own at _build and deps, as a container's volumes are. Usage: volumes.sh
# Prints a line for each step that came out right.
set -euo pipefail
at=$(mktemp -d /tmp/mixguard-volumes-XXXXXX)
project="$at/a project"
trap 'cd /; umount "$project/_build" "$project/deps" "$project/lib/x/deep" 2>/dev/null || true; rm -rf --one-file-system "$at"' EXIT
cp -a . "$project"
cd "$project"
rm -rf _build deps
mkdir _build deps
mount -t tmpfs volume _build
mount -t tmpfs volume deps
printf 'version = 1\n[[task]]\nid = "write"\nname = "run"\ndecision = "allow"\nargs = [{ type = "path" }]\nflags = { start = "bool", compile = "bool" }\nwrite = ["lib/**", "_build/**", "deps/**"]\n' >write.toml
printf 'File.write!("lib/new.ex", "defmodule New do\\nend\\n"); File.rm_rf!("lib/ledger"); File.write!("deps/mark", "x")\n' >write.exs
sources() { (cd "$project" && find . -path ./.mixguard -prune -o -path ./_build -prune -o -path ./deps -prune -o ! -type d -printf '%p %m %T@\n' | sort && find lib -type f -exec sha256sum {} + | sort -k 2); }

sources >"$at/before"
mixguard mix compile && test -d _build/dev/lib/ledger/ebin && echo "a task writes to a volume"

mixguard run --policy write.toml -- mix run write.exs
test -e lib/new.ex && test ! -e lib/ledger && test -e deps/mark
mixguard rollback last
sources | cmp - "$at/before" && test -e deps/mark && echo "what lies in the project is undone, and a volume is left alone"

mixguard snapshot create
rm -rf lib test
mixguard rollback -q "$(mixguard snapshot list | sed -n '/ snapshot /s/ .*//p')" >/dev/null
sources | cmp - "$at/before" && test -d _build/dev/lib/ledger/ebin && echo "a snapshot puts the project back, and a volume is left alone"

printf 'defmodule Broken do\n  def f( do\nend\n' >lib/broken.ex
sources >"$at/broken"
mixguard mix compile >/dev/null 2>&1 && exit 1
sources | cmp - "$at/broken" && echo "a failing command leaves the project as it was"
mixguard snapshot check

# What is mounted later in a directory that a run made stays where it is.
rm lib/broken.ex
umount _build deps
printf 'File.mkdir_p!("lib/x/deep"); File.write!("lib/x/f.txt", "x")\n' >write.exs
mixguard run --policy write.toml -- mix run --no-compile --no-start write.exs
mount -t tmpfs volume lib/x/deep
echo theirs >lib/x/deep/f
mixguard rollback --force last && exit 1
mountpoint -q lib/x/deep && cat lib/x/deep/f && echo "a mount is not moved along"
