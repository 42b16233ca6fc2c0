#!/usr/bin/env bash
# Puts our road router beside OSRM and Valhalla, on the same map and points: see README.md beside this file.
#
#   benches/peers/roads.sh [ARGUMENTS OF roads.py]      --help says which
#
# Makes target/peers/venv the first time (from requirements.txt, by pip). BODA_PYTHON names a Python 3.12 or newer where
# none is found. What one peer lacks is said, and the others go on.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
venv=$root/target/peers/venv

is_new_enough() { # PROGRAM
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 12))' >/dev/null 2>&1
}

find_python() {
    local program
    for program in ${BODA_PYTHON:-} python3 python3.12 python3.13 python3.14 "$HOME"/.pyenv/versions/3.1[2-9]*/bin/python3; do
        if is_new_enough "$program"; then
            echo "$program"
            return
        fi
    done
    echo "roads: no Python 3.12 or newer was found; name one in BODA_PYTHON" >&2
    return 1
}

if ! cmp --silent "$here/requirements.txt" "$venv/installed.txt"; then
    python=$(find_python)
    "$python" -m venv "$venv"
    complete=yes
    while read -r package; do
        if ! "$venv/bin/pip" install --quiet --disable-pip-version-check "$package"; then
            echo "roads: $package could not be installed; going on without it" >&2
            complete=no
        fi
    done < <(grep --invert-match '^#' "$here/requirements.txt")
    # Only a whole environment is remembered as made: what failed is tried again by the next run.
    if [[ $complete == yes ]]; then
        cp "$here/requirements.txt" "$venv/installed.txt"
    fi
fi

exec "$venv/bin/python" "$here/roads.py" "$@"
