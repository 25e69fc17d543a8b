#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Includes run one way only: guard -> sandbox -> policy. And policy is pure: no file, no clock, no system call.
set -u
cd "${1:-$(dirname "$0")/..}" || exit 1
failures=0

# forbid FOLDER REGEX WHY: no file of FOLDER includes anything that matches.
forbid() {
  local hits
  hits=$(grep -rnE "^[[:space:]]*#[[:space:]]*include[[:space:]]*[<\"]($2)" --include='*.cpp' --include='*.hpp' --exclude-dir=catalog "$1")
  [ -z "$hits" ] && return
  printf '%s\n  -> %s\n' "$hits" "$3"
  failures=$((failures + 1))
}

forbid policy  '(sandbox|guard)/'  'policy knows neither sandbox nor guard'
forbid sandbox 'guard/'            'sandbox does not know guard'
forbid sandbox 'toml'              'sandbox knows nothing of TOML'
forbid policy '(fstream|filesystem|cstdio|ctime|chrono|thread|unistd\.h|fcntl\.h|sys/|spdlog|nlohmann)' 'policy is pure'
for heavy in CLI/ spdlog/ toml\\+\\+/ boost/ 'nlohmann/json\.hpp'; do
  hits=$(grep -rnE "^#include <$heavy" --include='*.hpp' policy sandbox guard)
  [ -n "$hits" ] && { printf '%s\n  -> heavy headers belong in .cpp files\n' "$hits"; failures=$((failures + 1)); }
done
# Processes of Boost for trusted helpers, HTTP of Boost for what answers on loopback: one file each.
for user in 'process:guard/helper_process.cpp' 'beast:guard/probe.cpp'; do
  users=$(grep -rlE "#include <boost/${user%%:*}" --include='*.cpp' policy sandbox guard)
  [ "$users" = "${user#*:}" ] || { echo "Boost.${user%%:*} is used in: $users -> only ${user#*:} may"; failures=$((failures + 1)); }
done
users=$(grep -rlE '#include <boost/' --include='*.cpp' policy sandbox guard | sort | tr '\n' ' ')
[ "$users" = 'guard/helper_process.cpp guard/probe.cpp ' ] || { echo "Boost is used in: $users"; failures=$((failures + 1)); }
echo "$((failures == 0)) passed, $failures failed"
exit $((failures != 0))
