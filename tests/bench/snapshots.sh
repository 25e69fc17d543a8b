#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What it costs to remember and to put back, beside what people would use instead, in one run on a project of 12,000 files.
# Prints the section of docs/benchmarks.md. Usage: tests/bench/snapshots.sh BUILD [ROUNDS], BUILD being that of the release.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
build=$(readlink -f "$1")
rounds=${2:-20}
mixguard=$build/mixguard
work=$(mktemp -d "${TMPDIR:-/tmp}/mixguard-bench-XXXXXX")
trap 'chmod -R u+rwX "$work" 2>/dev/null; rm -rf "$work"' EXIT
export HOME=$work/home XDG_STATE_HOME=$work/state LANG=C.UTF-8
mkdir -p "$HOME" "$XDG_STATE_HOME"
echo "making the project" >&2
python3 "$here/project.py" "$work/project"
cd "$work/project"
printf 'version = 1\n[[exec]]\nid = "perl"\npath = "/usr/bin/perl"\nas = ["command"]\nargv = ["@any..."]\nwrite = ["**"]\ndecision = "allow"\n[[exec]]\nid = "rm"\npath = "/usr/bin/rm"\nas = ["command"]\nargv = ["@any..."]\nwrite = ["**"]\ndecision = "allow"\n' >"$work/wide.toml"
git init -q --bare "$work/shadow"
# Every so many of the project's own files and beams.
find lib _build/dev -type f | sort | awk 'NR % 40 == 0' | head -50 >"$work/fifty"
export FIFTY=$work/fifty
edit=(/usr/bin/perl -e 'open L, "<", $ENV{FIFTY}; while (<L>) { chomp; open F, ">>", $_ or die; print F rand } ')
edit_inside=(/usr/bin/perl -e 'open L, "<", shift; while (<L>) { chomp; open F, ">>", $_ or die; print F rand }')
cp "$work/fifty" "$work/project/fifty.txt"
sync -f .

median() { sort -n "$work/$1.us" | awk '{a[NR]=$1} END {print (NR % 2) ? a[(NR + 1) / 2] : (a[NR / 2] + a[NR / 2 + 1]) / 2}'; }
now() { date +%s%N; }
# timed NAME COMMAND…: adds the microseconds of the whole process.
timed() {
  local name=$1 start
  shift
  start=$(now)
  "$@" >/dev/null 2>&1 </dev/null || { echo "failed: $*" >&2; exit 1; }
  echo $((($(now) - start) / 1000)) >>"$work/$name.us"
}
ms() { awk -v us="$(median "$1")" 'BEGIN {printf "%.1f", us / 1000}'; }
ratio() { awk -v a="$(median "$1")" -v b="$(median "$2")" 'BEGIN {printf "%.2f", a / b}'; }

walk() { "$build/tests/walk"; }
shadow() { git --git-dir="$work/shadow" --work-tree=. add -A -f . ':!.mixguard' && git --git-dir="$work/shadow" write-tree; }
copy() { cp -a "$work/project" "$work/copy" && sync -f "$work/copy"; }
guard() { "$mixguard" -q --policy "$work/wide.toml" "$@"; }
last() { "$mixguard" rollback last; }

echo "first, 3 rounds" >&2
for _ in 1 2 3; do
  rm -rf .mixguard "$work/copy"
  timed first "$mixguard" snapshot create
  timed copy copy
done
rm -rf "$work/copy"
timed shadow_first shadow
echo "unchanged, $rounds rounds" >&2
for _ in $(seq "$rounds"); do
  timed walk walk
  timed unchanged "$mixguard" snapshot create
  timed shadow shadow
done
echo "50 changed, $rounds rounds" >&2
for _ in $(seq "$rounds"); do
  "${edit[@]}"
  timed walk_fifty walk
  timed fifty "$mixguard" snapshot create
  timed shadow_fifty shadow
done
# What the shadow wrote is not mixguard's to sync.
sync -f .
echo "a transaction of 50 changes, and rollbacks of 1 and 50 files, $rounds rounds" >&2
snapshot=$("$mixguard" snapshot create --json | sed -n 's/.*"id": "\(.*\)",/\1/p')
for _ in $(seq "$rounds"); do
  timed bare "${edit_inside[@]}" fifty.txt
  timed nothing guard /usr/bin/perl -e 1
  timed transaction guard "${edit_inside[@]}" fifty.txt
  timed back_fifty last
  guard /usr/bin/perl -e 'open F, ">>", "lib/big/area1/module1.ex" or die; print F rand' >/dev/null 2>&1
  timed back_one last
done
echo "everything, 3 rounds" >&2
cp -a "$work/project" "$work/aside" && rm -rf "$work/aside/.mixguard"
for _ in 1 2 3; do
  guard /usr/bin/rm -rf lib test deps _build assets priv mix.exs fifty.txt >/dev/null 2>&1
  timed back_all last
  rm -rf lib test deps _build assets priv mix.exs fifty.txt
  timed back_snapshot "$mixguard" rollback "$snapshot"
  rm -rf "$work/copied"
  timed copy_back cp -a "$work/aside" "$work/copied"
done
peak() { /usr/bin/time -f %M "$mixguard" snapshot create 2>&1 >/dev/null | tail -1 | awk '{printf "%.0f", $1 / 1024}'; }
small=$(peak)
echo "1,000 runs that change nothing" >&2
size() { du -sb .mixguard | cut -f1; }
before=$(size)
for _ in $(seq 1000); do guard /usr/bin/perl -e 1; done
grown=$((($(size) - before) / 1000))
echo "200,000 files" >&2
files=$(find . -path ./.mixguard -prune -o -type f -print | wc -l) directories=$(find . -path ./.mixguard -prune -o -type d -print | wc -l)
megabytes=$(du -sm --exclude .mixguard . | cut -f1)
mkdir "$work/many" && cd "$work/many" && cp "$work/project/mix.exs" .
python3 -c 'import os
for d in range(10000):
    path = f"node_modules/package{d % 500}/part{d // 500}"
    os.makedirs(path)
    for f in range(20):
        with open(f"{path}/file_{f}.js", "w") as file: file.write(f"{d} {f}")'
many_first=$(peak) many=$(peak)

cat <<MD

## Remembering and putting back
Made by \`tests/bench/snapshots.sh\` in the same way: a project of $files files in $directories directories, $megabytes MB (\`tests/bench/project.py\`). A walk
asks for the state of every file in two threads (\`tests/bench/walk.cpp\`); the shadow is \`git add -A -f\` and \`write-tree\` into a repository
beside. All of mixguard's are durable when they return; the shadow's and the walk's are not.

| | median | against a walk | against the shadow |
|---|---|---|---|
| walk, two threads | $(ms walk) ms | 1.00 | $(ratio walk shadow) |
| \`snapshot create\`, nothing changed | $(ms unchanged) ms | $(ratio unchanged walk) | $(ratio unchanged shadow) |
| shadow repository, nothing changed | $(ms shadow) ms | $(ratio shadow walk) | 1.00 |
| \`snapshot create\`, 50 files changed | $(ms fifty) ms | $(ratio fifty walk_fifty) | $(ratio fifty shadow_fifty) |
| shadow repository, 50 files changed | $(ms shadow_fifty) ms | $(ratio shadow_fifty walk_fifty) | 1.00 |

| | median | ratio |
|---|---|---|
| \`snapshot create\`, the first | $(ms first) ms | $(ratio first copy) of \`cp -a\` and sync ($(ms copy) ms), $(ratio first shadow_first) of the shadow's first ($(ms shadow_first) ms) |
| a guarded command that changes 50 files | $(ms transaction) ms | $(ratio transaction walk) of a walk; a guarded command that changes nothing $(ms nothing) ms, the same changes bare $(ms bare) ms |
| \`rollback\` of 1 file | $(ms back_one) ms | $(ratio back_one walk) of a walk |
| \`rollback\` of 50 files | $(ms back_fifty) ms | $(ratio back_fifty walk) of a walk |
| \`rollback\` of a command that deleted everything | $(ms back_all) ms | $(ratio back_all copy_back) of \`cp -a\` without sync ($(ms copy_back) ms) |
| \`rollback\` of everything to a snapshot, contents from the store | $(ms back_snapshot) ms | $(ratio back_snapshot copy_back) of \`cp -a\` without sync |

Peak memory of \`snapshot create\`: $small MiB here; with 200,000 files $many_first MiB the first time, $many MiB when nothing changed. The store grew by $grown bytes a
run over 1,000 runs that changed nothing: their records.
MD
