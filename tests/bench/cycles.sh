#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Deletes 12,000 files by a guarded command and rolls that back, again and again in one project: file systems slow down
# after mass deletions (ext4 looks out for inodes that were just freed), and a store must not be what makes them. Fails
# when the slowest cycle after the first takes more than twice the first. Usage: tests/bench/cycles.sh MIXGUARD [CYCLES]
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
mixguard=$(readlink -f "$1")
cycles=${2:-20}
work=$(mktemp -d "${TMPDIR:-/tmp}/mixguard-cycles-XXXXXX")
trap 'chmod -R u+rwX "$work" 2>/dev/null; rm -rf "$work"' EXIT
export HOME=$work/home XDG_STATE_HOME=$work/state LANG=C.UTF-8
mkdir -p "$HOME" "$XDG_STATE_HOME" "$work/project"
cd "$work/project"
cat >mix.exs <<'EXS'
defmodule Cycles.MixProject do
  use Mix.Project
  def project, do: [app: :cycles, version: "0.1.0"]
end
EXS
for dir in $(seq 120); do
  mkdir -p "deps/d$dir/lib"
  for file in $(seq 100); do echo "$dir $file" >"deps/d$dir/lib/$file.ex"; done
done
sync -f .
now() { date +%s%N; }
digest() { find deps -type f -printf '%p %T@ %s %m\n' | sort | sha256sum; }
before=$(digest)
first=0 worst=0
for cycle in $(seq "$cycles"); do
  start=$(now)
  "$mixguard" -q --policy "$here/../e2e/wide.toml" rm -rf deps
  [ ! -e deps ] || { echo "FAIL  cycle $cycle: deps is still there"; exit 1; }
  "$mixguard" rollback last >/dev/null 2>&1
  took=$((($(now) - start) / 1000))
  [ "$(digest)" = "$before" ] || { echo "FAIL  cycle $cycle: deps is not what it was"; exit 1; }
  [ "$cycle" -eq 1 ] && first=$took || { [ "$took" -gt "$worst" ] && worst=$took; } || true
  printf 'cycle %2d: %6d us\n' "$cycle" "$took"
done
awk -v first="$first" -v worst="$worst" 'BEGIN { printf "the slowest cycle took %.2f times the first\n", worst / first; exit worst > 2 * first }'
