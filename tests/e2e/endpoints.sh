#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Verifies a project whose policy names two endpoints: without a server, with it, with another expectation, and when the
# server is gone. Exits as the last verification does.
set -uo pipefail
port=$((20000 + $$ % 10000))
expect() {
  printf 'version = 1\n[[endpoint]]\nurl = "http://localhost:%s/:name"\nparams = { name = "mix.exs" }\n' "$port"
  printf 'content_type = "application/octet-stream"\n[[endpoint]]\nurl = "http://127.0.0.1:%s/none"\nstatus = %s\n' "$port" "$1"
}
verify() { expect "$1" >../p.toml && mixguard verify --policy ../p.toml; }

verify 404 || exit 9
python3 -u -m http.server --bind 127.0.0.1 "$port" >../server.log 2>&1 &
server=$!
for _ in $(seq 50); do grep -q Serving ../server.log && break; sleep 0.1; done
verify 404 || exit 9
verify 200 && exit 9
kill "$server"
wait "$server"
verify 404
