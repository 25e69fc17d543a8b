#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs COMMAND beside a PostgreSQL of its own, of which it is told by PGPORT and PGSOCKET. Usage: with_postgres.sh COMMAND…
set -euo pipefail
programs=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
directory=$(mktemp -d /tmp/mixguard-pg-XXXXXX)
server=
stop() {
  # Killed, it would leave its shared memory behind.
  [ -z "$server" ] || { kill -QUIT "$server"; wait "$server" || true; }
  rm -rf "$directory"
}
trap stop EXIT
as=()
# It refuses to run as root.
if [ "$(id -u)" -eq 0 ]; then chown 65534:65534 "$directory"; as=(setpriv --reuid=65534 --regid=65534 --clear-groups); fi
chmod 755 "$directory"
cd "$directory"
# Nobody else gets a port that was free a moment ago, unless by chance.
PGPORT=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
export PGPORT PGSOCKET=$directory/.s.PGSQL.$PGPORT
"${as[@]}" "$programs/initdb" -D "$directory/data" -U tester -A trust -N --no-locale >"$directory.log" 2>&1 || { cat "$directory.log"; exit 1; }
"${as[@]}" "$programs/postgres" -D "$directory/data" -p "$PGPORT" -k "$directory" -c listen_addresses=127.0.0.1 -c fsync=off -c shared_buffers=1MB >"$directory.log" 2>&1 &
server=$!
for ((i = 0; i < 300; i++)); do
  "$programs/pg_isready" -q -h "$directory" -p "$PGPORT" && break
  kill -0 "$server" || { cat "$directory.log"; exit 1; }
  sleep 0.1
done
rm -f "$directory.log"
cd "$OLDPWD"
"$@"
