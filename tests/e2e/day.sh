#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A day in a copy of examples/ledger, every command guarded: something is made, compiled and broken, one file is put back,
# a path dependency is upgraded and put back, everything is deleted from inside a task, and everything is put back.
# Prints a line for each step that came out as it should; stops at the first that did not.
set -euo pipefail
policy=(--policy "$CASES/wide.toml")
step() { echo "day: $*"; }
# edit CODE: a guarded script that does it.
edit() { printf '%s\n' "$1" >edit.exs && mixguard -q "${policy[@]}" mix run edit.exs; }
newest() { ls .mixguard/runs | tail -n 1; }
shows() { mixguard -q "${policy[@]}" mix run show.exs | grep -qx "$1"; }

mkdir -p vendor/rates/lib
printf 'defmodule Rates.MixProject do\n  use Mix.Project\n  def project, do: [app: :rates, version: "0.1.0"]\nend\n' >vendor/rates/mix.exs
printf 'defmodule Rates do\n  defmacro v, do: 1\nend\n' >vendor/rates/lib/rates.ex
sed -i 's/deps: \[\]/deps: [{:rates, path: "vendor\/rates"}]/' mix.exs
printf 'defmodule Uses do\n  require Rates\n  def v, do: Rates.v()\nend\n' >lib/uses.ex
printf 'IO.puts("#{Made.n()} #{Uses.v()}")\n' >show.exs
git init -q . 2>/dev/null || true
rm -rf .git/hooks && git add -A && git -c user.name=a -c user.email=a@b commit -qm morning
mixguard -q mix compile
morning=$(mixguard snapshot create --label morning --json | sed -n 's/^  "id": "\(.*\)",$/\1/p')
exact . >../morning
step "the morning is kept"

edit 'Mix.Generator.create_file("lib/made.ex", "defmodule Made do\n  def n, do: 1111\nend\n")'
mixguard -q mix compile
shows '1111 1'
step "a file is made and compiled"

edit 'File.write!("lib/made.ex", "defmodule Made do\n  def n, do: 2222\nend\n")'
broken=$(newest)
mixguard -q mix compile
shows '2222 1'
mixguard rollback -q "$broken" --path lib/made.ex
shows '1111 1'
step "the broken file alone is back, and is the code that runs"

edit 'File.write!("vendor/rates/lib/rates.ex", "defmodule Rates do\n  defmacro v, do: 2\nend\n")'
mixguard -q mix compile
shows '1111 2'
mixguard rollback -q --back 2 --dep rates
shows '1111 1'
step "the upgraded dependency is back, and what needs it is compiled again"

edit 'File.write!("gone.exs", "for entry <- File.ls!(), entry != \".mixguard\", do: File.rm_rf!(entry)")'
exact . >../evening
mixguard -q "${policy[@]}" mix run gone.exs
[ ! -e lib ] && [ ! -e .git ] && [ ! -e mix.exs ]
mixguard rollback -q last
exact . | cmp - ../evening
git fsck 2>/dev/null
step "everything that a task deleted is back, the repository too"

mixguard rollback -q "$morning"
exact . | cmp - ../morning
[ -z "$(mixguard -q mix compile)" ]
[ -z "$(git status --porcelain)" ]
mixguard snapshot check >/dev/null && mixguard audit verify >/dev/null
step "it is morning again, and there is nothing to compile"
