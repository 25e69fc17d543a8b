#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what is missing, builds, and runs every test; the last line counts them. Usage: tests/run.sh [PATTERN]
# PATTERN picks test groups by name (policy, sandbox, guard, e2e…).
set -uo pipefail
root=$(dirname "$(dirname "$(readlink -f "$0")")")
cd "$root" || exit 1
pattern=${1:-.}
passed=0 failed=0 skipped=0

step() { printf '== %s\n' "$*"; }
die() { echo "error: $*" >&2; echo "$passed passed, $((failed + 1)) failed, $skipped skipped"; exit 1; }

# count NAME FILE: adds up what a group printed. Catch and the scripts close on different lines.
count() {
  local p f s
  p=$(sed -nE 's/^All tests passed \(.* in ([0-9]+) test cases?\)$/\1/p; s/^test cases: .*\| +([0-9]+) passed.*/\1/p; s/^([0-9]+) passed, .*/\1/p' "$2" | tail -n 1)
  f=$(sed -nE 's/^test cases: .*\| +([0-9]+) failed.*/\1/p; s/^[0-9]+ passed, ([0-9]+) failed.*/\1/p' "$2" | tail -n 1)
  s=$(grep -cE '^ *(skipped[,:]|SKIP)' "$2")
  passed=$((passed + ${p:-0})); failed=$((failed + ${f:-0})); skipped=$((skipped + s))
}

# report NAME CODE LOG SECONDS: what became of a group; all of its output when it failed.
report() {
  if [ "$2" -eq 0 ]; then
    printf '  ok    %-24s %3ds\n' "$1" "$4"
    count "$1" "$3"
    grep -E '^ *(skipped[,:]|SKIP|open probes:)' "$3" | sort -u | sed 's/^ */        /' | cut -c1-160
  else
    local before=$failed
    printf '  FAIL  %-24s %3ds\n' "$1" "$4"
    count "$1" "$3"
    [ "$failed" -gt "$before" ] || failed=$((failed + 1))
    tail -n 80 "$3"
  fi
  rm -f "$3"
}

# group NAME COMMAND…: runs it quietly and reports.
group() {
  local name=$1 log start
  shift
  [[ $name =~ $pattern ]] || return 0
  log=$(mktemp)
  start=$SECONDS
  "$@" >"$log" 2>&1
  report "$name" $? "$log" $((SECONDS - start))
}

# beside NAME COMMAND…: the same while other groups run, until settle; one at a time.
beside_name='' beside_log='' beside_pid='' beside_start=0
beside() {
  [[ $1 =~ $pattern ]] || return 0
  beside_name=$1 beside_log=$(mktemp) beside_start=$SECONDS
  shift
  "$@" >"$beside_log" 2>&1 &
  beside_pid=$!
}
settle() {
  [ -n "$beside_pid" ] || return 0
  wait "$beside_pid"
  report "$beside_name" $? "$beside_log" $((SECONDS - beside_start))
  beside_pid=''
}

build() {
  local preset=$1 log start=$SECONDS
  shift
  log=$(mktemp)
  cmake --preset "$preset" >"$log" 2>&1 && cmake --build --preset "$preset" "$@" >>"$log" 2>&1 || { grep -E 'error|warning' "$log" || tail -n 40 "$log"; rm -f "$log"; die "the $preset build failed"; }
  rm -f "$log"
  printf '  built %-24s %3ds\n' "$preset" $((SECONDS - start))
}

step "packages"
"$root/tests/install.sh" build test example || die "packages are missing"
step "build (g++)"
build dev
bin=$root/build/dev

# For its warnings, beside tests that no clock is part of.
build_with_clang() { cmake --preset clang && cmake --build --preset clang && echo '1 passed, 0 failed, 0 skipped'; }

step "tests"
beside clang build_with_clang
group include_rule tests/include_rule.sh "$root" && [[ include_rule =~ $pattern ]] && passed=$((passed + 1))
group policy "$bin/tests/policy_tests"
group mix-exs tests/policy/mix_exs.sh "$bin/tests/mix_exs_dump"
group schema tests/policy/schema.py "$bin/mixguard"
group option-parser tests/policy/option_parser.sh "$bin/tests/decision_dump"
settle
group sandbox "$bin/tests/sandbox_tests"
# The same as on older kernels and under container filters; what is weaker then is declared there, not skipped.
for hidden in landlock clone3 openat2 docker 'userns landlock-above-2' 'landlock clone3 openat2 userns'; do
  # shellcheck disable=SC2086
  group "sandbox-without-${hidden// /-}" "$bin/tests/hide" $hidden -- "$bin/tests/sandbox_tests"
done
# Inside another sandbox, and where nothing may be traced.
for hidden in listener ptrace; do
  group "sandbox-without-$hidden" "$bin/tests/hide" "$hidden" -- "$bin/tests/sandbox_tests" '[exec],[mode],[reduced]'
done
if [ "$(id -u)" -eq 0 ]; then
  # The same again without privileges; a directory of its own, because the tree may not be readable for others.
  other=$(mktemp -d /tmp/mixguard-tests-XXXXXX)
  trap 'rm -rf "$other"' EXIT
  tests/as_user.sh prepare "$root" "$bin" "$other"
  group sandbox-as-user tests/as_user.sh run "$other" "$other/bin/tests/sandbox_tests"
  group sandbox-as-user-without-userns tests/as_user.sh run "$other" "$other/bin/tests/hide" userns -- "$other/bin/tests/sandbox_tests"
  # Beside what mostly waits for the disk; what the sandbox's tests look at is timed, and they are alone.
  beside e2e-as-user tests/as_user.sh run "$other" "$other/tests/e2e/run.sh" "$other/bin/mixguard"
  group guard-as-user tests/as_user.sh run "$other" "$other/bin/tests/guard_tests"
  group crash-steps-as-user tests/as_user.sh run "$other" "$other/bin/tests/crash_tests" '[closed]'
fi
group guard "$bin/tests/guard_tests"
group fuzz-corpus tests/fuzz/replay.sh "$bin/tests/fuzz"
group crash-steps "$bin/tests/crash_tests" '~[power]'
group power-cuts "$bin/tests/crash_tests" '[power]'
group e2e tests/e2e/run.sh "$bin/mixguard"
group crash-instants tests/crash/run.sh "$bin/mixguard"
settle
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
