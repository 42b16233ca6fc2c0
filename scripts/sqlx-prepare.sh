#!/usr/bin/env bash
# Writes .sqlx, what PostgreSQL says about every checked query, so that building needs no database.
#
#   scripts/sqlx-prepare.sh           make .sqlx anew
#   scripts/sqlx-prepare.sh --check   compare only; exit 1 when .sqlx differs from what the code and the migrations need
#
# Does what `cargo sqlx prepare` does, without that tool: the query macros, given a database and SQLX_OFFLINE_DIR, write
# one file for each query that the compiler expands. Queries of tests and benches count.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
case "${1:-}" in
'') check=false ;;
--check) check=true ;;
*)
    echo "usage: $0 [--check]" >&2
    exit 64
    ;;
esac
[[ -n ${BODA_THROW_AWAY_POSTGRES:-} ]] || exec scripts/with-postgres.sh "$0" "$@"

work=$(mktemp -d)
fresh=$work/.sqlx
mkdir "$fresh"

# Cargo does not know that the macros ask a database, so it would take the last expansion for current. A newer time on
# the crate's root makes it expand all targets again; the old time is put back, so that other builds stay current.
crate_root=src/lib.rs
touch -r "$crate_root" "$work/before"
touch "$crate_root"
touch -r "$crate_root" "$work/touched"
# shellcheck disable=SC2317,SC2329 # the trap calls it
cleanup() {
    # Not when somebody has edited the file meanwhile.
    if [[ ! $crate_root -nt $work/touched ]]; then
        touch -r "$work/before" "$crate_root"
    fi
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

SQLX_OFFLINE=false SQLX_OFFLINE_DIR=$fresh cargo check --locked --package boda --all-targets

count=$(find "$fresh" -name 'query-*.json' | wc -l)
if ((count == 0)); then
    echo "sqlx-prepare: the compiler expanded no query; nothing was changed" >&2
    exit 1
fi

if ! $check; then
    mkdir -p .sqlx
    find .sqlx -name 'query-*.json' -delete
    cp "$fresh"/query-*.json .sqlx/
    echo "sqlx-prepare: .sqlx describes $count queries"
    exit
fi

differ() { # WHAT FILE
    printf '  %-17s %s\n' "$1:" "$(sed -n 's/^  "query": //p' "$2" | sed 's/\\n */ /g' | cut -c1-120)"
}
different=$(
    for file in "$fresh"/query-*.json; do
        committed=.sqlx/$(basename "$file")
        if [[ ! -e $committed ]]; then
            differ missing "$file"
        elif ! cmp --silent "$file" "$committed"; then
            differ changed "$file"
        fi
    done
    for file in .sqlx/query-*.json; do
        [[ ! -e $file || -e $fresh/$(basename "$file") ]] || differ "no longer needed" "$file"
    done
)
if [[ -n $different ]]; then
    echo "$different" >&2
    echo "sqlx-prepare: .sqlx is not what the queries and migrations need: run \`make sqlx\` and commit .sqlx" >&2
    exit 1
fi
echo "sqlx-prepare: .sqlx is current, $count queries"
