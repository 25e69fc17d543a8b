#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes, in ../trees: app, which depends on ../shared by its path, which depends on ../ground; and other, which
# nobody depends on. Usage: make.sh [PATH-OF-THE-DEPENDENCY], "../shared" where none is given.
set -euo pipefail
rm -rf ../trees
mkdir ../trees
cd ../trees

project() { # NAME MODULE DEPENDENCIES
  mkdir -p "$1/lib"
  printf 'defmodule %s.MixProject do\n  use Mix.Project\n  def project, do: [app: :%s, version: "0.1.0", deps: %s]\nend\n' "$2" "$1" "$3" >"$1/mix.exs"
}

project ground Ground '[]'
printf 'defmodule Ground do\n  def word, do: "ground"\nend\n' >ground/lib/ground.ex
project shared Shared '[{:ground, path: "../ground"}]'
printf 'defmodule Shared do\n  def word, do: "shared and " <> Ground.word()\nend\n' >shared/lib/shared.ex
mkdir -p shared/priv shared/config/keys
echo 'data' >shared/priv/data.txt
echo 'SECRET=kept-from-it' >shared/.env
echo 'SECRET=kept-from-it' >shared/config/keys/.env.prod
project other Other '[]'
echo 'kept-from-it' >other/file
project app App "[{:shared, path: \"${1:-../shared}\"}]"
printf 'defmodule App do\n  def word, do: Shared.word()\nend\n' >app/lib/app.ex
mkdir -p app/test
echo 'ExUnit.start()' >app/test/test_helper.exs
printf 'defmodule AppTest do\n  use ExUnit.Case\n  test "word", do: assert App.word() == "shared and ground"\n  test "priv", do: assert File.read!(Application.app_dir(:shared, "priv/data.txt")) == "data\\n"\nend\n' >app/test/app_test.exs
