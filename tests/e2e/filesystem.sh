#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A guarded project on a file system of its own. Usage: filesystem.sh btrfs|overlay [require]
# With `require` only what becomes of a policy that insists on the overlay. Prints a line for each step that came out right.
set -euo pipefail
kind=$1
at=$(mktemp -d /tmp/mixguard-fs-XXXXXX)
trap 'cd / && umount "$at/m" && rm -rf "$at"' EXIT
mkdir "$at/m" "$at/lower" "$at/upper" "$at/work"
case $kind in
  btrfs) truncate -s 200M "$at/image" && mkfs.btrfs -q "$at/image" >/dev/null 2>&1 && mount -o loop "$at/image" "$at/m" ;;
  overlay) mount -t overlay overlay -o "lowerdir=$at/lower,upperdir=$at/upper,workdir=$at/work" "$at/m" ;;
esac
cp -a . "$at/m/project"
cd "$at/m/project"
if [ "${2:-}" = require ]; then
  printf 'version = 1\n[safeguards]\noverlay = "require"\n' >"$at/p.toml"
  mixguard --policy "$at/p.toml" mix compile
  exit
fi

exact . >"$at/before"
mixguard mix compile --force
! exact . | cmp -s - "$at/before"
mixguard rollback -q last >/dev/null
exact . | cmp - "$at/before" && echo "$kind: a task's change is committed, and undone"

mixguard snapshot create >/dev/null
rm -rf lib test
echo later >later
mixguard rollback -q "$(mixguard snapshot list | sed -n '/ snapshot /s/ .*//p')" >/dev/null
exact . | cmp - "$at/before" && echo "$kind: a snapshot puts back what was deleted"

printf 'defmodule Broken do\n  def f( do\nend\n' >lib/broken.ex
exact . >"$at/broken"
! mixguard mix compile >/dev/null 2>&1
exact . | cmp - "$at/broken" && echo "$kind: a failing command leaves the project as it was"
