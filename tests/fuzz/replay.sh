#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Feeds every target the files of its corpus, with programs that any compiler builds. Usage: tests/fuzz/replay.sh FOLDER
set -uo pipefail
here=$(dirname "$(readlink -f "$0")")
programs=$1
log=$(mktemp)
trap 'rm -f "$log"' EXIT

passed=0 failed=0
for corpus in "$here"/corpus/*/; do
  target=$(basename "$corpus")
  if "$programs/fuzz_$target" "$corpus" >"$log" 2>&1; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "$target:"
    tail -n 5 "$log"
  fi
done
echo "$passed passed, $failed failed"
[ "$passed" -ge 5 ] && [ "$failed" -eq 0 ]
