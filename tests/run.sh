#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what is missing, builds, and runs every test; the last line counts them. Usage: tests/run.sh [PATTERN]
# PATTERN picks test groups by name (policy, sandbox, guard, e2e…).
set -uo pipefail
root=$(dirname "$(dirname "$(readlink -f "$0")")")
cd "$root" || exit 1
pattern=${1:-.}
scratch=$(mktemp -d /tmp/mixguard-tests-XXXXXX)
trap 'rm -rf "$scratch"' EXIT
# A line a group, with what passed, failed and was skipped: groups run in several processes.
counts=$scratch/counts
: >"$counts"

step() { printf '== %s\n' "$*"; }
# What failed comes last, however much was printed at the same time.
sum_up() {
  [ ! -s "$scratch/failures" ] || { step "failures"; cat "$scratch/failures"; }
  awk '{ p += $1; f += $2; s += $3 } END { printf "%d passed, %d failed, %d skipped\n", p, f, s; exit f > 0 }' "$counts"
}
die() { echo "error: $*" >&2; echo "0 1 0" >>"$counts"; sum_up; exit 1; }

# count CODE FILE: notes what a group printed. Catch and the scripts close on different lines.
count() {
  local p f s
  p=$(sed -nE 's/^All tests passed \(.* in ([0-9]+) test cases?\)$/\1/p; s/^test cases: .*\| +([0-9]+) passed.*/\1/p; s/^([0-9]+) passed, .*/\1/p' "$2" | tail -n 1)
  f=$(sed -nE 's/^test cases: .*\| +([0-9]+) failed.*/\1/p; s/^[0-9]+ passed, ([0-9]+) failed.*/\1/p' "$2" | tail -n 1)
  s=$(grep -cE '^ *(skipped[,:]|SKIP)' "$2")
  [ "$1" -eq 0 ] || [ "${f:-0}" -gt 0 ] || f=1
  echo "${p:-0} ${f:-0} $s" >>"$counts"
}

# report NAME CODE LOG SECONDS: what became of a group; the end of its output is kept when it failed.
report() {
  if [ "$2" -eq 0 ]; then
    printf '  ok    %-24s %3ds\n' "$1" "$4"
    grep -E '^ *(skipped[,:]|SKIP|open probes:)' "$3" | sort -u | sed 's/^ */        /' | cut -c1-160
  else
    printf '  FAIL  %-24s %3ds\n' "$1" "$4"
    printf -- '-- %s\n%s\n' "$1" "$(grep -v '^SKIP' "$3" | tail -n 80)" >>"$scratch/failures"
  fi
}

# group NAME COMMAND…: runs it quietly and reports, all at once, because another may do so at the same time.
group() {
  local name=$1 log start code
  shift
  [[ $name =~ $pattern ]] || return 0
  log=$scratch/$name.log
  start=$SECONDS
  "$@" >"$log" 2>&1
  code=$?
  count $code "$log"
  echo "$(report "$name" $code "$log" $((SECONDS - start)))"
}

build() {
  local preset=$1 log=$scratch/build-$1.log start=$SECONDS
  cmake --preset "$preset" >"$log" 2>&1 && cmake --build --preset "$preset" >>"$log" 2>&1 || { grep -E 'error|warning' "$log" || tail -n 40 "$log"; die "the $preset build failed"; }
  printf '  built %-24s %3ds\n' "$preset" $((SECONDS - start))
}

step "packages"
"$root/tests/install.sh" build test example || die "packages are missing"
step "build (g++)"
build dev
bin=$root/build/dev

# At the lowest priority, for its warnings.
clang_lane() {
  build_with_clang() { cmake --preset clang && nice -n 19 cmake --build --preset clang && echo '1 passed, 0 failed'; }
  group clang build_with_clang
}

# Mix and the disk are what takes the time here.
program_lane() {
  group e2e tests/e2e/run.sh "$bin/mixguard"
  group crash-instants tests/crash/run.sh "$bin/mixguard"
  group crash-steps "$bin/tests/crash_tests" '~[power]'
  group power-cuts "$bin/tests/crash_tests" '[power]'
}

# What runs as an ordinary user besides, when all this is root's; in a directory of its own, because the tree may not be
# readable for others.
other=$scratch/other
as_user() {
  local name=$1
  shift
  [ "$(id -u)" -ne 0 ] || group "$name" tests/as_user.sh run "$other" "$@"
}

library_lane() {
  group include_rule tests/include_rule.sh "$root"
  group guard "$bin/tests/guard_tests"
  as_user guard-as-user "$other/bin/tests/guard_tests"
  group fuzz-corpus tests/fuzz/replay.sh "$bin/tests/fuzz"
  as_user crash-steps-as-user "$other/bin/tests/crash_tests" '[closed]'
  group sandbox "$bin/tests/sandbox_tests"
  as_user sandbox-as-user "$other/bin/tests/sandbox_tests"
  # The same as on older kernels and under container filters; what is weaker then is declared there, not skipped.
  for hidden in landlock clone3 openat2 docker 'userns landlock-above-2' 'landlock clone3 openat2 userns'; do
    # shellcheck disable=SC2086
    group "sandbox-without-${hidden// /-}" "$bin/tests/hide" $hidden -- "$bin/tests/sandbox_tests"
  done
  as_user sandbox-as-user-without-userns "$other/bin/tests/hide" userns -- "$other/bin/tests/sandbox_tests"
  # Inside another sandbox, and where nothing may be traced.
  for hidden in listener ptrace; do
    group "sandbox-without-$hidden" "$bin/tests/hide" "$hidden" -- "$bin/tests/sandbox_tests" '[exec],[mode],[reduced]'
  done
  group policy "$bin/tests/policy_tests"
  group mix-exs tests/policy/mix_exs.sh "$bin/tests/mix_exs_dump"
  group schema tests/policy/schema.py "$bin/mixguard"
  group option-parser tests/policy/option_parser.sh "$bin/tests/decision_dump"
}

# All at once, for about as long each: much of them waits, for a disk or a clock.
step "tests"
if [ "$(id -u)" -eq 0 ]; then
  chmod 711 "$scratch"
  tests/as_user.sh prepare "$root" "$bin" "$other" || die "no copy for the other user"
fi
# A lane that did not come to its end has not run its groups.
lane() { "$@"; echo "$1" >>"$scratch/ended"; }
# Each in a process group of its own: whoever interrupts the tests ends them all.
set -m
stop() {
  local signal leader
  for signal in TERM KILL; do
    for leader in $(jobs -p); do kill -"$signal" -- "-$leader" 2>/dev/null; done
    sleep 1
  done
  exit 130
}
trap stop INT TERM
lane clang_lane </dev/null &
lane program_lane </dev/null &
lane as_user e2e-as-user "$other/tests/e2e/run.sh" "$other/bin/mixguard" </dev/null &
lane library_lane </dev/null &
wait
[ "$(wc -l <"$scratch/ended")" -eq 4 ] || die "a lane ended early: only $(tr '\n' ' ' <"$scratch/ended")came to an end"
sum_up
