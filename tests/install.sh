#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs the Debian packages of the named groups of tests/packages.txt that are missing. Says nothing when all are
# there. Usage: tests/install.sh GROUP…
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")

missing=()
for group in "$@"; do
  for package in $(sed -n "s/^$group: //p" "$here/packages.txt"); do
    # A status of "installed" counts, not the mere knowledge of a package.
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
  done
done
# npm fetches the Elixir grammar; it need not be Debian's.
if [[ " $* " == *" build "* ]] && ! command -v npm >/dev/null; then missing+=(npm); fi
[ ${#missing[@]} -eq 0 ] && exit 0

echo "installing: ${missing[*]}"
sudo=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || { echo "error: these packages are missing and there is neither root nor sudo: ${missing[*]}" >&2; exit 1; }
  sudo=(sudo)
fi
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! { "${sudo[@]}" apt-get update -q && "${sudo[@]}" apt-get install -q -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
  tail -n 20 "$log" >&2
  echo "error: apt-get failed (whole output above)" >&2
  exit 1
fi
