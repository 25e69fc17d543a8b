#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The reader of mix.exs against Mix itself: for each of many files the table is Mix's, or unknown. Most files that Mix
# takes must be known, or the comparison would prove nothing. Usage: tests/policy/mix_exs.sh MIX_EXS_DUMP [COUNT]
set -uo pipefail
here=$(dirname "$(readlink -f "$0")")
dump=$(readlink -f "$1")
count=${2:-200}
work=$(mktemp -d /tmp/mixguard-mix-exs-XXXXXX)
trap 'rm -rf "$work"' EXIT
export LANG=C.UTF-8

elixir "$here/mix_exs_oracle.exs" "$work" "$count" >"$work/log" 2>&1 || { tail -n 40 "$work/log"; exit 1; }
mapfile -t files < <(cut -d' ' -f1 "$work/expected")
"$dump" "${files[@]}" >"$work/found" || exit 1

passed=0 failed=0 known=0 loadable=0
while read -r file expected <&3 && read -r same found <&4; do
  [ "$file" = "$same" ] || { echo "the lists differ at $file"; exit 1; }
  [ "$expected" = error ] || loadable=$((loadable + 1))
  if [ "$found" = unknown ] || [ "$expected" = error ]; then
    passed=$((passed + 1))
  elif [ "$found" = "$expected" ]; then
    passed=$((passed + 1)) known=$((known + 1))
  else
    failed=$((failed + 1))
    printf '%s\nMix:  %s\nhere: %s\n' "$(cat "$file")" "$expected" "$found"
  fi
done 3<"$work/expected" 4<"$work/found"

if [ $((passed + failed)) -ne "$count" ] || [ $((known * 4)) -lt "$loadable" ]; then
  echo "only $known of $loadable files that Mix loads were read"
  failed=$((failed + 1))
fi
echo "$known of $loadable files that Mix loads were read"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
