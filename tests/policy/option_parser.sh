#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The reader of command lines against Mix itself: no line that is not denied means anything else to Mix than what was
# judged. Usage: tests/policy/option_parser.sh DECISION_DUMP [COUNT [SEED]]
set -uo pipefail
here=$(dirname "$(readlink -f "$0")")
dump=$(readlink -f "$1")
count=${2:-10000} seed=${3:-1}
work=$(mktemp -d /tmp/mixguard-option-parser-XXXXXX)
trap 'rm -rf "$work"' EXIT
export LANG=C.UTF-8

echo "$count command lines, seed $seed"
"$dump" "$here/option_parser.toml" "$count" "$seed" >"$work/decisions" || exit 1
elixir "$here/option_parser_oracle.exs" "$work/decisions"
