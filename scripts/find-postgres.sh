#!/usr/bin/env bash
# Prints the directory that holds PostgreSQL's server programs (15 or newer), or exits 1.
#
# Looks where `boda` itself looks (src/db/embedded/binaries.rs): PATH with links followed, `pg_config --bindir`, the
# usual places of Debian, Red Hat and Homebrew, highest version first.
set -euo pipefail

major_min=15

usable() { # DIR
    [[ -x $1/initdb && -x $1/postgres ]] || return 1
    local version
    version=$("$1/postgres" --version 2>/dev/null | sed -n 's/.*(PostgreSQL) \([0-9]*\).*/\1/p')
    [[ -n $version && $version -ge $major_min ]]
}

candidates() {
    local dir
    local -a path
    IFS=: read -ra path <<<"$PATH"
    for dir in "${path[@]}"; do
        # /usr/local/bin/postgres is often a lone link: the rest lies beside what it points at.
        [[ -e $dir/postgres ]] && dirname "$(realpath "$dir/postgres")"
    done
    pg_config --bindir 2>/dev/null || true
    for dir in /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /opt/homebrew/opt/postgresql*/bin /usr/local/opt/postgresql*/bin; do
        [[ -d $dir ]] && echo "$dir"
    done | sort -rV
}

while read -r dir; do
    if usable "$dir"; then
        echo "$dir"
        exit 0
    fi
done < <(candidates)
exit 1
