#!/usr/bin/env bash
# Deletes a data directory of `boda`, the private database in it included.
#
#   scripts/clean-data.sh [DIR]     default: boda-data
#
# Refuses while a `boda` works in it, and a directory that no `boda` made.
set -euo pipefail

dir=${1:-boda-data}
if [[ ! -e $dir ]]; then
    echo "clean-data: there is no $dir"
    exit
fi
if [[ ! -f $dir/boda.lock ]]; then
    echo "clean-data: $dir has no boda.lock, so it is no data directory of boda; nothing was deleted" >&2
    exit 1
fi
exec {lock}<"$dir/boda.lock"
if ! flock --nonblock "$lock"; then
    echo "clean-data: a boda works in $dir (process $(cat "$dir/boda.lock")); stop it first" >&2
    exit 1
fi
# Started by root in a directory closed to PostgreSQL's account, the database lies elsewhere behind a link.
if [[ -L $dir/postgres ]]; then
    rm -rf -- "$(realpath -- "$dir/postgres")"
fi
rm -rf -- "$dir"
echo "clean-data: deleted $dir"
