#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Plays the *.e2e cases. Usage: tests/e2e/run.sh MIXGUARD [CASE-PATTERN]
set -uo pipefail
here=$(dirname "$(readlink -f "$0")")
mixguard=$(readlink -f "$1")
pattern=${2:-.}
[ -x "$mixguard" ] || { echo "no program at $1" >&2; exit 1; }

work=$(mktemp -d /tmp/mixguard-e2e-XXXXXX)
trap 'chmod -R u+rwX "$work" 2>/dev/null; rm -rf "$work"' EXIT
mkdir -p "$work/bin" "$work/home" "$work/state"
ln -s "$mixguard" "$work/bin/mixguard"
ln -s "$(dirname "$mixguard")/tests/hide" "$work/bin/hide"
export PATH=$work/bin:/usr/local/bin:/usr/bin:/bin HOME=$work/home XDG_STATE_HOME=$work/state MIX_ENV=
export LANG=C.UTF-8 CASES=$here EXAMPLES=$here/../../examples
unset XDG_CONFIG_HOME MIXGUARD_POLICY

# One compiled ledger, copied for every case: compiling is Mix's business, not what is tested.
template=$work/template
cp -r "$here/../../examples/ledger" "$template" && rm -rf "$template/.mixguard"
(cd "$template" && git init -q . && mix compile && MIX_ENV=test mix compile) >"$work/template.log" 2>&1 ||
  { cat "$work/template.log"; exit 1; }

passed=0 failed=0 skipped=0

fresh() { rm -rf "$1"; cp -a "$template" "$1"; }
# Every path with its kind, mode, content or target: what "unchanged" means.
manifest() { (cd "$1" && find . -path ./.mixguard -prune -o -printf '%p %y %m %l\n' | sort && find . -path ./.mixguard -prune -o -type f -print0 | sort -z | xargs -0 sha256sum); }
# The same with the times of files, which Mix goes by.
exact() { (cd "$1" && find . -path ./.mixguard -prune -o ! -type d -printf '%p %T@\n' | sort); manifest "$1"; }
export -f manifest exact
# Times, seeds, ids and orders differ between two runs of the same thing.
normalise() { sed -E 's/[0-9]+(\.[0-9]+)?/N/g; s/\x1b\[[0-9;]*m//g' "$1" | sort; }

# In the code of BOTH: with mixguard the first time, without it the second.
guarded() { guard() { mixguard "$@"; }; export -f guard; }
bare() { guard() { [ "$1" = --policy ] && shift 2; "$@"; }; export -f guard; }

reset_case() { name= run= same= both= want_exit=0 requires= unchanged=; setup=() expect=() refuse=() after=(); }

set_up() {
  local code
  for code in ${setup[@]+"${setup[@]}"}; do (cd "$project" && eval "$code") >"$work/setup" 2>&1 </dev/null || trouble+=("SETUP failed: $code: $(cat "$work/setup")"); done
}

play() {
  [ -n "$name" ] || return 0
  [[ $name =~ $pattern ]] || { reset_case; return 0; }
  local trouble=() project=$work/project status
  if { [ "$requires" = root ] && [ "$(id -u)" -ne 0 ]; } || { [ "$requires" = user ] && [ "$(id -u)" -eq 0 ]; }; then
    echo "SKIP  $name: needs to run as $requires"; skipped=$((skipped + 1)); reset_case; return 0
  fi
  fresh "$project"
  rm -rf "$work/state"; mkdir "$work/state"
  set_up
  [ -n "$unchanged" ] && manifest "$project" >"$work/before"
  (cd "$project" && guarded && eval "$run") >"$work/out" 2>&1 </dev/null
  status=$?
  [ "$status" -eq "$want_exit" ] || trouble+=("exit $status, expected $want_exit")
  local text code
  for text in ${expect[@]+"${expect[@]}"}; do grep -qF -- "$text" "$work/out" || trouble+=("output lacks: $text"); done
  for text in ${refuse[@]+"${refuse[@]}"}; do grep -qF -- "$text" "$work/out" && trouble+=("output has: $text"); done
  if [ -n "$unchanged" ]; then
    manifest "$project" >"$work/after"
    diff "$work/before" "$work/after" >"$work/diff" || trouble+=("the project changed: $(head -n 5 "$work/diff")")
  fi
  for code in ${after[@]+"${after[@]}"}; do (cd "$project" && eval "$code") >"$work/check" 2>&1 </dev/null || trouble+=("not so afterwards: $code $(cat "$work/check")"); done
  if [ -n "$same" ]; then
    fresh "$project"
    [ -n "$both" ] && set_up
    (cd "$project" && unset MIX_ENV && bare && eval "$same") >"$work/bare" 2>&1 </dev/null
    local bare=$?
    [ "$bare" -eq "$status" ] || trouble+=("exit $status, bare $bare")
    diff <(normalise "$work/bare") <(normalise "$work/out") >"$work/diff" || trouble+=("output differs from bare: $(head -n 10 "$work/diff")")
  fi
  if [ ${#trouble[@]} -eq 0 ]; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "FAIL  $name"
    printf '      %s\n' "${trouble[@]}"
    sed 's/^/      | /' "$work/out" | head -n 30
  fi
  reset_case
}

reset_case
for file in "$here"/*.e2e; do
  while IFS= read -r line || [ -n "$line" ]; do
    case $line in
      'NAME '*) play; name=${line#NAME } ;;
      'SETUP '*) setup+=("${line#SETUP }") ;;
      'RUN '*) run=${line#RUN } ;;
      'EXIT '*) want_exit=${line#EXIT } ;;
      'EXPECT '*) expect+=("${line#EXPECT }") ;;
      'REFUSE '*) refuse+=("${line#REFUSE }") ;;
      'SAME '*) same=${line#SAME } ;;
      'BOTH '*) both=1 run=${line#BOTH } same=$run ;;
      'AFTER '*) after+=("${line#AFTER }") ;;
      'REQUIRES '*) requires=${line#REQUIRES } ;;
      UNCHANGED) unchanged=1 ;;
      '' | '#'*) ;;
      *) echo "$file: what is this? $line" >&2; exit 1 ;;
    esac
  done <"$file"
  play
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
