#!/usr/bin/env bash
# Runs a command with a PostgreSQL of its own that is thrown away afterwards.
#
#   scripts/with-postgres.sh COMMAND [ARGUMENT…]
#
# The command finds DATABASE_URL: an empty database with the migrations applied, on a server that listens on a socket in
# a temporary directory only, so any number of them run side by side. Exits as the command does. Inside such a command
# the script starts nothing and runs its command with the server that is there.
set -euo pipefail

if (($# == 0)); then
    echo "usage: $0 COMMAND [ARGUMENT…]" >&2
    exit 64
fi
if [[ -n ${BODA_THROW_AWAY_POSTGRES:-} ]]; then
    exec "$@"
fi

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
bin=$("$root/scripts/find-postgres.sh") || {
    echo "with-postgres: no PostgreSQL server programs (15 or newer) here; scripts/setup.sh test installs them" >&2
    exit 1
}

# Not in $TMPDIR: the path of a Unix socket has room for some hundred bytes only.
home=$(mktemp -d /tmp/boda-postgres.XXXXXX)
server=

# shellcheck disable=SC2317,SC2329 # the trap calls it
cleanup() {
    if [[ -n $server ]]; then
        # At once and without a last checkpoint: nobody reads this data again.
        kill -QUIT "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
    fi
    rm -rf "$home"
}
trap cleanup EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# PostgreSQL refuses to run as root.
as_account=()
if [[ $(id -u) == 0 ]]; then
    account=nobody
    id postgres >/dev/null 2>&1 && account=postgres
    as_account=(setpriv "--reuid=$account" "--regid=$(id -g "$account")" --clear-groups)
    chown "$account" "$home"
fi

# The server would otherwise read the settings of a PostgreSQL that the caller works with.
unset PGDATA PGHOST PGPORT PGUSER PGPASSWORD PGDATABASE PGOPTIONS PGSERVICE

fail() { # MESSAGE
    echo "with-postgres: $1" >&2
    cat "$home/log" >&2 2>/dev/null || true
    exit 1
}

(cd / && exec "${as_account[@]}" "$bin/initdb" --pgdata="$home/data" --username=postgres --auth=trust \
    --encoding=UTF8 --no-locale --no-sync) >"$home/log" 2>&1 || fail "initdb did not succeed"

# A group of its own: Ctrl-C is for the command alone. Ended by the kernel should this script be killed.
own_group=()
command -v setsid >/dev/null && own_group=(setsid)
tied=()
setpriv --pdeathsig clear true 2>/dev/null && tied=(setpriv --pdeathsig QUIT)
(cd / && exec "${own_group[@]}" "${as_account[@]}" "${tied[@]}" "$bin/postgres" -D "$home/data" -k "$home" \
    -c listen_addresses='' -c max_connections=200 \
    -c fsync=off -c synchronous_commit=off -c full_page_writes=off) >"$home/log" 2>&1 </dev/null &
server=$!

sql() { # DATABASE [ARGUMENT…]
    "$bin/psql" --quiet --no-psqlrc --set=ON_ERROR_STOP=1 --host="$home" --username=postgres --dbname="$1" "${@:2}"
}

for ((attempt = 0; ; attempt++)); do
    kill -0 "$server" 2>/dev/null || fail "the server did not start"
    ((attempt < 600)) || fail "the server was not ready within 30 s"
    "$bin/pg_isready" --quiet --host="$home" --username=postgres && break
    sleep 0.05
done

sql postgres --command='CREATE DATABASE boda'
for migration in "$root"/migrations/*.sql; do
    sql boda --single-transaction --file="$migration" >>"$home/log" 2>&1 || fail "$migration did not run"
done

export DATABASE_URL="postgres://postgres@localhost/boda?host=$home"
export BODA_THROW_AWAY_POSTGRES="$home"
status=0
"$@" || status=$?
exit "$status"
