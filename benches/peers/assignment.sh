#!/usr/bin/env bash
# Puts our assignment beside scipy's: the same costs of 10,000 random batches, and the time it takes. See README.md.
#
#   benches/peers/assignment.sh [ARGUMENTS OF assignment.py]      --help says which
#
# Makes target/peers/venv-assignment the first time (from assignment_requirements.txt, by pip). BODA_PYTHON names a
# Python 3.11 or newer where none is found.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
venv=$root/target/peers/venv-assignment

find_python() {
    local program
    for program in ${BODA_PYTHON:-} python3 python3.12 python3.13 python3.14 "$HOME"/.pyenv/versions/3.1[1-9]*/bin/python3; do
        if "$program" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
            echo "$program"
            return
        fi
    done
    echo "assignment: no Python 3.11 or newer was found; name one in BODA_PYTHON" >&2
    return 1
}

if ! cmp --silent "$here/assignment_requirements.txt" "$venv/installed.txt"; then
    python=$(find_python)
    "$python" -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/assignment_requirements.txt"
    cp "$here/assignment_requirements.txt" "$venv/installed.txt"
fi

exec "$venv/bin/python" "$here/assignment.py" "$@"
