#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Kills the supervisor (SIGKILL) at random instants of a guarded command that rewrites, creates and deletes files, and
# checks after `recover` that the project is, by full hash, the one from before or the one from after, never a third.
# Usage: tests/crash/run.sh MIXGUARD [COUNT]
set -uo pipefail
here=$(dirname "$(readlink -f "$0")")
mixguard=$(readlink -f "$1")
count=${2:-50}
work=$(mktemp -d /tmp/mixguard-crash-XXXXXX)
trap 'chmod -R u+rwX "$work" 2>/dev/null; rm -rf "$work"' EXIT
export HOME=$work/home XDG_STATE_HOME=$work/state LANG=C.UTF-8
mkdir -p "$HOME" "$XDG_STATE_HOME"

cat >"$work/policy.toml" <<'TOML'
version = 1
[[task]]
id       = "churn"
name     = "run"
env      = ["dev"]
decision = "allow"
args     = [{ type = "path", under = "${root}", match = '[a-z/]+\.exs' }]
write    = ["_build/**", "data/**"]
TOML
template=$work/template
mkdir -p "$template/data/old"
cp "$here/churn.exs" "$template/"
cat >"$template/mix.exs" <<'EXS'
defmodule Churn.MixProject do
  use Mix.Project
  def project, do: [app: :churn, version: "0.1.0"]
end
EXS
for i in $(seq 40); do
  head -c 20000 /dev/urandom | base64 >"$template/data/file$i"
  echo "$i" >"$template/data/old/$i"
done
(cd "$template" && mix compile) >/dev/null 2>&1

# Builds are Mix's; what is compared is what the script writes.
digest() { (cd "$1/data" && find . -printf '%p %y\n' | sort && find . -type f -print0 | sort -z | xargs -0 sha256sum) | sha256sum; }
guarded() { cd "$1" && exec "$mixguard" -q --policy "$work/policy.toml" mix run churn.exs; }

cp -a "$template" "$work/whole"
before=$(digest "$work/whole")
start=$(date +%s%N)
(guarded "$work/whole") >/dev/null 2>&1 || { echo "error: the command itself fails"; exit 1; }
took=$((($(date +%s%N) - start) / 1000))
after=$(digest "$work/whole")
[ "$before" != "$after" ] || { echo "error: the command changes nothing"; exit 1; }

as_before=0 as_after=0 third=0 left=0
for i in $(seq "$count"); do
  project=$work/p$i
  cp -a "$template" "$project"
  (guarded "$project") >/dev/null 2>&1 &
  victim=$!
  # Half of the instants anywhere, half around the end, where the commit is.
  if [ $((i % 2)) -eq 0 ]; then delay=$((RANDOM * took / 32768)); else delay=$((took * 85 / 100 + RANDOM * took / 2 / 32768)); fi
  sleep "$(printf '%d.%06d' $((delay / 1000000)) $((delay % 1000000)))"
  kill -KILL "$victim" 2>/dev/null
  wait "$victim" 2>/dev/null
  (cd "$project" && "$mixguard" recover >"$work/recovered" 2>&1) || { cat "$work/recovered"; third=$((third + 1)); }
  case $(digest "$project") in
    "$before") as_before=$((as_before + 1)) ;;
    "$after") as_after=$((as_after + 1)) ;;
    *) third=$((third + 1)); echo "FAIL  killed after $delay us: neither as before nor as after; $(cat "$work/recovered")" ;;
  esac
  (cd "$project" && "$mixguard" audit verify >/dev/null 2>&1) || { echo "FAIL  the record is damaged"; third=$((third + 1)); }
  # The VM of a killed run must be gone as well: nothing may hold the project.
  for process in /proc/[0-9]*; do
    [ "$(readlink "$process/cwd" 2>/dev/null)" = "$project" ] && { left=$((left + 1)); echo "FAIL  left behind: $(tr '\0' ' ' <"$process/cmdline")"; }
  done
  chmod -R u+rwX "$project" 2>/dev/null
  rm -rf "$project"
done
echo "killed $count times: $as_before as before, $as_after as after, $third neither, $left processes left"
# Without both ends the instants missed the commit, and the test has shown nothing.
[ "$as_before" -gt 0 ] && [ "$as_after" -gt 0 ] || { echo "FAIL  the instants do not lie around the commit"; third=$((third + 1)); }
failed=$((third + left))
echo "$((count - third)) passed, $failed failed"
[ "$failed" -eq 0 ]
