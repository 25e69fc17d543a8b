#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs tests as an ordinary user when the suite was started by root.
#   as_user.sh prepare ROOT BIN DIR   copies what the tests need to DIR, for everybody to read
#   as_user.sh run DIR COMMAND…       runs COMMAND as uid 65534 with a home of its own
set -euo pipefail
case $1 in
  prepare)
    root=$2 bin=$3 dir=$4
    mkdir -p "$dir/bin/tests" "$dir/home"
    cp "$bin/mixguard" "$dir/bin/"
    find "$bin/tests" -maxdepth 1 -type f -perm -u+x -exec cp {} "$dir/bin/tests/" \;
    cp -r "$root/tests" "$root/examples" "$dir/"
    chown -R 65534:65534 "$dir"
    chmod 755 "$dir"
    ;;
  run)
    dir=$2
    shift 2
    cd "$dir"
    exec env -u XDG_STATE_HOME -u XDG_CONFIG_HOME HOME="$dir/home" USER=nobody LOGNAME=nobody \
      MIXGUARD_TEST_BINARIES="$dir/bin/tests" MIXGUARD_TEST_SOURCES="$dir/tests" \
      setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
    ;;
esac
