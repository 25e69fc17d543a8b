#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs a command on a terminal of its own and types ANSWER once it asks "[y/N]"; prints what was on the terminal and
# ends with the command's exit code. With --apart nothing that this script was started by started the command: its
# parent is init, as for a terminal that a person opened elsewhere. Usage: at_terminal.sh [--apart] ANSWER COMMAND…
set -uo pipefail
apart=()
[ "$1" = --apart ] && { apart=(setsid --fork); shift; }
answer=$1
shift
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
mkfifo "$dir/in"
exec 3<>"$dir/in"
printf -v command '%q ' "$@"
"${apart[@]}" script -qfc "$command; echo \$? >$dir/code" "$dir/out" <"$dir/in" >/dev/null 2>&1 &
for ((i = 0; i < 300; ++i)); do
  [ -s "$dir/code" ] && break
  grep -qsF '[y/N]' "$dir/out" && { echo "$answer" >&3; break; }
  sleep 0.1
done
for ((i = 0; i < 300; ++i)); do [ -s "$dir/code" ] && break; sleep 0.1; done
sed -e '1d' -e 's/\r//' -e '/^Script done/d' "$dir/out"
exit "$(cat "$dir/code" 2>/dev/null || echo 99)"
