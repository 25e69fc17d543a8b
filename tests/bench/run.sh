#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Whole-process cost side by side: each pair of commands is run alternately in one session, and what counts is the ratio
# of the medians. Writes docs/benchmarks.md. Usage: tests/bench/run.sh [ROUNDS]
set -euo pipefail
root=$(dirname "$(dirname "$(dirname "$(readlink -f "$0")")")")
rounds=${1:-30}
"$root/tests/install.sh" build example bench
cd "$root"
log=$(mktemp)
{ cmake --preset release && cmake --build --preset release --target mixguard decide_bench bench_filter equal_layers open_close walk; } >"$log" 2>&1 || { tail "$log"; exit 1; }
mixguard=$root/build/release/mixguard

work=$(mktemp -d "$root/build/bench-XXXXXX")  # firejail shows neither /tmp nor /var/tmp
trap 'chmod -R u+rwX "$work" 2>/dev/null; rm -rf "$work" "$log"' EXIT
export HOME=$work/home XDG_STATE_HOME=$work/state LANG=C.UTF-8
mkdir -p "$HOME" "$XDG_STATE_HOME"
cp -r examples/ledger "$work/ledger"
cd "$work/ledger"
{ mix compile && MIX_ENV=test mix compile; } >/dev/null 2>&1
# command_rule PROGRAM: a policy that lets it be guarded.
command_rule() {
  printf 'version = 1\n[[exec]]\nid = "command"\npath = "%s"\nas = ["command"]\nargv = ["@any..."]\ndecision = "allow"\n' "$1"
}
command_rule /bin/true >"$work/true.toml"
{
  echo 'version = 1'
  for i in $(seq 100); do
    printf '[[task]]\nid = "rule%d"\nname = "shop.task%d"\nenv = ["dev"]\ndecision = "allow"\nflags = { step = { type = "int", min = 1, max = 20 }, only = { type = "string", match = "[a-z_]{1,20}", max_len = 20 } }\n' "$i" "$i"
  done
} >"$work/rules.toml"
# The same programs started from inside: judged by a rule, not judged, under bubblewrap.
{
  command_rule /usr/bin/perl
  printf '[[exec]]\nid = "no-push"\npath = "/usr/bin/git"\nargv = ["git", "push", "@any..."]\ndecision = "deny"\n'
} >"$work/spawn.toml"
{ cat "$work/spawn.toml"; printf '[safeguards]\nexec_rules = "off"\n'; } >"$work/unjudged.toml"
# Inside the project, where every sandbox shows it.
cp "$root/build/release/tests/open_close" "$work/ledger/open_close"
open_close=("$work/ledger/open_close" 100000 "$work/ledger/mix.exs")
command_rule "$work/ledger/open_close" >"$work/open.toml"
"$root/build/release/tests/bench_filter" >"$work/filter"
# sudo's own judgement of what a command starts, with its settings and without.
printf 'root ALL=(ALL:ALL) NOPASSWD: ALL\n' >"$work/sudoers.plain"
printf 'Defaults intercept\nDefaults intercept_type=trace\nroot ALL=(ALL:ALL) NOPASSWD: ALL\n' >"$work/sudoers.intercept"
chmod 440 "$work"/sudoers.*
spawn=(/usr/bin/perl -e 'system("/bin/true") for 1..300')
bwrap_view=(--ro-bind /usr /usr --symlink usr/bin /bin --symlink usr/lib /lib --symlink usr/lib64 /lib64
  --dev /dev --proc /proc --tmpfs /tmp --bind "$PWD" "$PWD" --unshare-all --die-with-parent --new-session --cap-drop ALL
  --clearenv --setenv PATH /usr/bin:/bin --chdir "$PWD" --seccomp 9)
firejail_view=(--quiet --noprofile --net=none --private-tmp --caps.drop=all --seccomp)

now() { date +%s%N; }
# time_once COMMAND…: microseconds of the whole process.
time_once() {
  local start end
  start=$(now); "$@" >/dev/null 2>&1 </dev/null || true; end=$(now)
  echo $(((end - start) / 1000))
}
median() { sort -n "$1" | awk '{a[NR]=$1} END {print (NR % 2) ? a[(NR + 1) / 2] : (a[NR / 2] + a[NR / 2 + 1]) / 2}'; }

bare_true() { /bin/true; }
guard_true() { "$mixguard" -q --policy "$work/true.toml" /bin/true; }
bwrap_true() { bwrap "${bwrap_view[@]}" /bin/true 9<"$work/filter"; }
equal_true() { "$root/build/release/tests/equal_layers" /bin/true; }
firejail_true() { firejail "${firejail_view[@]}" /bin/true; }
bare_spawn() { "${spawn[@]}"; }
judged_spawn() { "$mixguard" -q --policy "$work/spawn.toml" "${spawn[@]}"; }
unjudged_spawn() { "$mixguard" -q --policy "$work/unjudged.toml" "${spawn[@]}"; }
bwrap_spawn() { bwrap "${bwrap_view[@]}" "${spawn[@]}" 9<"$work/filter"; }
firejail_spawn() { firejail "${firejail_view[@]}" "${spawn[@]}"; }
# In a mount namespace of its own: the machine's sudoers file stays as it is.
sudo_with() { unshare -m sh -c 'mount --bind "$0" /etc/sudoers && exec sudo -n "$@"' "$work/sudoers.$1" "${spawn[@]}"; }
sudo_spawn() { sudo_with plain; }
intercepted_spawn() { sudo_with intercept; }
bare_open() { "${open_close[@]}"; }
guard_open() { "$mixguard" -q --policy "$work/open.toml" "${open_close[@]}"; }
bwrap_open() { bwrap "${bwrap_view[@]}" "${open_close[@]}" 9<"$work/filter"; }
firejail_open() { firejail "${firejail_view[@]}" "${open_close[@]}"; }
bare_check() { /bin/true; }
guard_check() { "$mixguard" check --policy "$work/rules.toml" -- mix test; }
sudo_check() { sudo -n -l /bin/true; }
bare_test() { MIX_ENV=test mix test; }
guard_test() { MIX_ENV=test "$mixguard" mix test; }
bare_compile() { mix compile; }
guard_compile() { "$mixguard" mix compile; }

# compare ROUNDS NAME…: one round runs each of them once, in turn.
compare() {
  local n=$1 i name
  shift
  for name in "$@"; do "$name" >/dev/null 2>&1 </dev/null || true; : >"$work/$name.us"; done
  for ((i = 0; i < n; i++)); do
    for name in "$@"; do time_once "$name" >>"$work/$name.us"; done
  done
}
# inside ROUNDS NAME…: what the command itself measures, in nanoseconds.
inside() {
  local n=$1 i name
  shift
  for name in "$@"; do : >"$work/$name.ns"; done
  for ((i = 0; i < n; i++)); do
    for name in "$@"; do "$name" 2>/dev/null </dev/null >>"$work/$name.ns"; done
  done
}
us() { awk -v ns="$(median "$work/$1.ns")" 'BEGIN {printf "%.2f", ns / 1000}'; }
us_ratio() { awk -v a="$(median "$work/$1.ns")" -v b="$(median "$work/$2.ns")" 'BEGIN {printf "%.2f", a / b}'; }
# each_added NAME NAME: to one program of 300, in milliseconds.
each_added() { awk -v a="$(median "$work/$1.us")" -v b="$(median "$work/$2.us")" 'BEGIN {printf "%.2f", (a - b) / 300000}'; }
ms() { awk -v us="$(median "$work/$1.us")" 'BEGIN {printf "%.1f", us / 1000}'; }
each() { awk -v us="$(median "$work/$1.us")" 'BEGIN {printf "%.2f", us / 300000}'; }
ratio() { awk -v a="$(median "$work/$1.us")" -v b="$(median "$work/$2.us")" 'BEGIN {printf "%.2f", a / b}'; }
# decided RULES FIELD: of decide_bench, nanoseconds as microseconds.
decided() { awk -v rules="$1" -v field="$2" '$1 == rules {printf "%.1f", $field / 1000}' "$work/decide"; }
added() { awk -v a="$(median "$work/$1.us")" -v b="$(median "$work/$2.us")" 'BEGIN {printf "%.1f", (a - b) / 1000}'; }

echo "true-sized command, $((rounds * 3)) rounds"
compare $((rounds * 3)) bare_true guard_true equal_true bwrap_true firejail_true
echo "check, $((rounds * 3)) rounds"
compare $((rounds * 3)) bare_check guard_check sudo_check
echo "the decision in process"
"$root/build/release/tests/decide_bench" >"$work/decide"
echo "300 programs started inside, $rounds rounds"
compare "$rounds" bare_spawn judged_spawn unjudged_spawn bwrap_spawn firejail_spawn sudo_spawn intercepted_spawn
echo "open and close inside, $rounds rounds"
inside "$rounds" bare_open guard_open bwrap_open firejail_open
echo "mix compile with nothing to do, $rounds rounds"
compare "$rounds" bare_compile guard_compile
echo "mix test, $rounds rounds"
compare "$rounds" bare_test guard_test

cat >"$root/docs/benchmarks.md" <<MD
# Benchmarks

Made by \`tests/bench/run.sh\`; medians of whole processes, run in turn in one session on two cores
($(. /etc/os-release && echo "$PRETTY_NAME"), Linux $(uname -r | cut -d. -f1,2)). Machines differ and are noisy: the ratios count, not the milliseconds.

## A command of the size of \`true\`
| started by | median | added to bare | against mixguard |
|---|---|---|---|
| nothing | $(ms bare_true) ms | | |
| mixguard: decision, overlay transaction, namespaces, Landlock, seccomp, synced record | $(ms guard_true) ms | $(added guard_true bare_true) ms | 1.00 |
| mixguard's sandbox alone, with the layers of the next line (\`tests/bench/equal_layers.cpp\`) | $(ms equal_true) ms | $(added equal_true bare_true) ms | $(ratio equal_true guard_true) |
| bubblewrap $(bwrap --version | cut -d' ' -f2), all namespaces, the same filter, no Landlock, no overlay, no record | $(ms bwrap_true) ms | $(added bwrap_true bare_true) ms | $(ratio bwrap_true guard_true) |
| firejail $(firejail --version | sed -n 's/.*version //p' | head -n 1), no profile, no network, caps, seccomp | $(ms firejail_true) ms | $(added firejail_true bare_true) ms | $(ratio firejail_true guard_true) |

## A program started inside
\`perl -e 'system("/bin/true") for 1..300'\`: the whole run by 300.

| started under | each | added to unjudged |
|---|---|---|
| nothing | $(each bare_spawn) ms | |
| mixguard, \`exec_rules = "off"\` | $(each unjudged_spawn) ms | |
| mixguard, each exec judged twice | $(each judged_spawn) ms | $(each_added judged_spawn unjudged_spawn) ms |
| bubblewrap, nothing judged | $(each bwrap_spawn) ms | |
| firejail, nothing judged | $(each firejail_spawn) ms | |
| sudo, nothing judged | $(each sudo_spawn) ms | |
| sudo, \`intercept\` with \`intercept_type=trace\` | $(each intercepted_spawn) ms | $(each_added intercepted_spawn sudo_spawn) ms |

## A file opened and closed inside
\`tests/bench/open_close.cpp\`, 100,000 times, in the project.

| inside | each | against bare |
|---|---|---|
| nothing | $(us bare_open) µs | 1.00 |
| mixguard: overlay, Landlock, seccomp | $(us guard_open) µs | $(us_ratio guard_open bare_open) |
| bubblewrap: a bind mount, the same filter | $(us bwrap_open) µs | $(us_ratio bwrap_open bare_open) |
| firejail: a bind mount, its own filter | $(us firejail_open) µs | $(us_ratio firejail_open bare_open) |

## Mix in \`examples/ledger\`
| command | bare | guarded | ratio |
|---|---|---|---|
| \`mix compile\`, nothing to do | $(ms bare_compile) ms | $(ms guard_compile) ms | $(ratio guard_compile bare_compile) |
| \`mix test\`, 72 tests | $(ms bare_test) ms | $(ms guard_test) ms | $(ratio guard_test bare_test) |

## The decision alone
| | median | added to bare | against mixguard |
|---|---|---|---|
| \`mixguard check -- mix test\`, cold process, 100 rules | $(ms guard_check) ms | $(added guard_check bare_check) ms | 1.00 |
| \`sudo -n -l\` $(sudo --version | sed -n '1s/.* //p') | $(ms sudo_check) ms | $(added sudo_check bare_check) ms | $(ratio sudo_check guard_check) |

In process (\`tests/bench/decide_bench.cpp\`, nine commands of every kind):

| rules | decide, p50 | decide, p99 | load: parse and build |
|---|---|---|---|
| 100 | $(decided 100 3) µs | $(decided 100 4) µs | $(awk '$1 == 100 {printf "%.1f", $2 / 1000}' "$work/decide") ms |
| 5,000 | $(decided 5000 3) µs | $(decided 5000 4) µs | $(awk '$1 == 5000 {printf "%.1f", $2 / 1000}' "$work/decide") ms |
MD
"$root/tests/bench/snapshots.sh" "$root/build/release" "$rounds" >>"$root/docs/benchmarks.md"
sed -n '/^|/p' "$root/docs/benchmarks.md"
