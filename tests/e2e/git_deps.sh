#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes ./mini: a project with two git dependencies, `a` and `b`, which needs `a`, both at version 1 and compiled.
# App.show/0 prints the version of each as the project, `b` and `a` themselves were compiled with. mini/update.exs makes
# of deps/ and mix.lock what `mix deps.update --all` did in a copy: version 2. It runs under mini/update.toml.
set -euo pipefail
home=$HOME/mini
here=$PWD
if [ ! -d "$home/project" ]; then
  mkdir -p "$home"
  export GIT_AUTHOR_NAME=x GIT_AUTHOR_EMAIL=x@x GIT_COMMITTER_NAME=x GIT_COMMITTER_EMAIL=x@x
  version() { # NUMBER of both
    printf 'defmodule A do\n  defmacro v, do: %s\n  def f, do: %s\nend\n' "$1" "$1" >"$home/a/lib/a.ex"
    printf 'defmodule B do\n  require A\n  def v, do: A.v()\n  def w, do: %s\nend\n' "$1" >"$home/b/lib/b.ex"
    for name in a b; do (cd "$home/$name" && git add -A && git commit -qm "$1"); done
  }
  for name in a b; do
    mkdir -p "$home/$name/lib" && git init -q "$home/$name"
    deps=; [ "$name" = b ] && deps="{:a, git: \"file://$home/a\"}"
    printf 'defmodule %s.MixProject do\n  use Mix.Project\n  def project, do: [app: :%s, version: "0.1.0", deps: [%s]]\nend\n' \
      "${name^}" "$name" "$deps" >"$home/$name/mix.exs"
  done
  version 1
  mkdir -p "$home/project/lib" && cd "$home/project"
  printf 'defmodule Mini.MixProject do\n  use Mix.Project\n  def project, do: [app: :mini, version: "0.1.0", deps: [{:a, git: "file://%s/a", override: true}, {:b, git: "file://%s/b"}]]\nend\n' "$home" "$home" >mix.exs
  printf 'defmodule App do\n  require A\n  def show, do: IO.inspect({A.v(), A.f(), B.v(), B.w()})\nend\n' >lib/app.ex
  mix deps.get && mix compile
  version 2
  cp -a "$home/project" "$home/next" && (cd "$home/next" && mix deps.update --all && rm -rf _build lib)
  mv "$home/next" next
  printf 'for name <- ["a", "b"] do\n  File.rm_rf!("deps/" <> name)\n  File.cp_r!("next/deps/" <> name, "deps/" <> name)\nend\n\nFile.cp!("next/mix.lock", "mix.lock")\n' >update.exs
  printf 'version = 1\n[[task]]\nid = "update"\nname = "run"\ndecision = "allow"\nargs = [{ type = "path" }]\nflags = { compile = "bool", "deps-check" = "bool", start = "bool" }\nwrite = ["deps/**", "mix.lock"]\n' >update.toml
  printf 'App.show()\n' >show.exs
fi >"$HOME/mini.log" 2>&1 || { cat "$HOME/mini.log"; exit 1; }
cp -a "$home/project" "$here/mini"
