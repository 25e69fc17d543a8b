#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# From a clean clone to a guarded Mix project: installs what is missing, builds, and shows the main job on a copy of
# examples/ledger. Can be run again; the second time there is nothing to install and nothing to build.
set -euo pipefail
root=$(dirname "$(dirname "$(readlink -f "$0")")")
cd "$root"

if [ -t 1 ]; then bold=$'\e[1m' dim=$'\e[2m' plain=$'\e[0m'; else bold='' dim='' plain=''; fi
title() { printf '\n%s== %s%s\n' "$bold" "$*" "$plain"; }
# show COMMAND…: the command as a person would type it, its output, its exit code when it is not 0.
show() {
  printf '%s$ %s%s\n' "$bold" "$*" "$plain"
  local status=0
  "$@" || status=$?
  [ "$status" -eq 0 ] || printf '%s(exit %d)%s\n' "$dim" "$status" "$plain"
}

"$root/tests/install.sh" build example
if [ ! -x build/release/mixguard ] || [ -n "$(find policy sandbox guard cmake CMakeLists.txt -newer build/release/mixguard -type f -print -quit)" ]; then
  title "building (a few minutes the first time)"
  log=$(mktemp)
  # One line that moves: ninja's own "[12/90]".
  if ! { cmake --preset release && cmake --build --preset release; } 2>&1 | tee "$log" | {
    while IFS= read -r line; do
      [[ $line =~ ^\[([0-9]+/[0-9]+)\] && -t 1 ]] && printf '\r  %s   ' "${BASH_REMATCH[1]}"
    done
    true
  }; then
    tail -n 20 "$log" >&2
    exit 1
  fi
  rm -f "$log"
  printf '\r  built: build/release/mixguard\n'
fi

# The demonstration has a project, a home and a memory of its own, and leaves none of them behind.
demo=$(mktemp -d "${TMPDIR:-/tmp}/mixguard-demo-XXXXXX")
trap 'chmod -R u+rwX "$demo" 2>/dev/null; rm -rf "$demo"' EXIT
export XDG_STATE_HOME=$demo/state PATH=$root/build/release:$PATH
unset MIX_ENV
cp -r examples/ledger "$demo/ledger"
cd "$demo/ledger"

title "Read the project's policy, then trust it: it counts only as long as it stays as you read it"
show mixguard trust

title "An everyday command runs as it always did; what it compiled is kept"
show mixguard mix test

title "A destructive one is refused, with the rule and the way to do it"
show mixguard mix ledger.drop

title "A command that fails half way leaves nothing behind"
find . -path ./_build -prune -o -path ./.mixguard -prune -o -type f -print0 | sort -z | xargs -0 sha256sum >"$demo/before"
show mixguard mix ledger.rebuild
find . -path ./_build -prune -o -path ./.mixguard -prune -o -type f -print0 | sort -z | xargs -0 sha256sum | diff - "$demo/before" &&
  echo "(compared: every file of the project is byte for byte as before)"

title "What succeeded can be undone"
show mixguard mix ledger.export
show ls exports
show mixguard rollback last
show ls exports

title "All of it is on the record, each line chained to the one before"
show mixguard audit tail
show mixguard audit verify

title "What confines a command on this machine"
show mixguard doctor

printf '\nTry it in a project of yours: %s%s/build/release/mixguard mix test%s\n' "$bold" "$root" "$plain"
