#!/usr/bin/env bash
# Asks a freshly started server everything its own description allows, and much that it does not, as every role in turn.
#
#   FUZZ_S=1200 scripts/fuzz-api.sh     for so many seconds in all; 20 minutes unless said otherwise
#   FUZZ_SEED=7 scripts/fuzz-api.sh     the same questions again
#   BODA=target/release/boda            a program that is built already; otherwise it is built here
#
# schemathesis makes the questions, from PyPI in an environment of its own under target/. Fails on any answer that is a fault
# of ours (5xx), or whose status, type, headers or body the description does not have, and on any line of WARN or ERROR in
# the server's log. Reports are left in target/fuzz-api.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

version=4.32.5
seconds=${FUZZ_S:-1200}
seed=${FUZZ_SEED:-$RANDOM}
target=${CARGO_TARGET_DIR:-target}
tools=$target/fuzz-api-tools
reports=$target/fuzz-api
endings='/auth/(logout|sessions/end-others)$|/me/(password|phone/confirm|second-factor/remove|erasure)$'
checks=(
    not_a_server_error
    status_code_conformance content_type_conformance response_headers_conformance response_schema_conformance
    # What is wrong is refused, what is not served is not answered, what asks for a token gets nothing without.
    negative_data_rejection unsupported_method allow_header_conformance ignored_auth use_after_free
)
roles=(nobody customer driver admin government agent partner)

say() { echo "fuzz-api: $1" >&2; }

if [[ ! -x $tools/bin/schemathesis ]] || ! "$tools/bin/schemathesis" --version 2>/dev/null | grep -qF "$version"; then
    say "installing schemathesis $version from PyPI"
    python3 -m venv "$tools"
    "$tools/bin/pip" --quiet --disable-pip-version-check install "schemathesis==$version"
fi

program=${BODA:-}
if [[ -z $program ]]; then
    cargo build --locked --bin boda
    program=$target/debug/boda
fi

home=$(mktemp -d /tmp/boda-fuzz.XXXXXX)
# Started by root, the private PostgreSQL gives up its privileges and must still reach its data.
chmod 755 "$home"
server=
# shellcheck disable=SC2317,SC2329 # the trap calls it
cleanup() {
    if [[ -n $server ]]; then
        kill -TERM "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
    fi
    rm -rf "$home"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Limits and lifetimes would end the questions, and are tests of their own.
export BODA__LIMITS__EXEMPT=127.0.0.0/8 BODA__AUTH__ACCESS_TOKEN_LIFETIME_MINUTES=1440
# Its driver hands in a licence, a motorcycle and an insurance, and could not be approved if every paper were asked for.
export BODA__DRIVERS__PAPERS_COMPLETE=false
"$program" serve --sandbox --listen 127.0.0.1:0 --data-dir "$home/data" >"$home/ready" 2>"$home/log" &
server=$!
for ((attempt = 0; ; attempt++)); do
    url=$(sed -n 's/^ready //p' "$home/ready")
    [[ -z $url ]] || break
    if ! kill -0 "$server" 2>/dev/null || ((attempt >= 1200)); then
        cat "$home/log" >&2
        say "the server did not start"
        exit 1
    fi
    sleep 0.1
done

mkdir -p "$reports"
tokens=$("$tools/bin/python" scripts/fuzz-api-people.py "$url" "$program" "$home/data")

status=0
each=$((seconds / ${#roles[@]}))
((each >= 10)) || each=10
say "seed $seed, $each s for each of: ${roles[*]}"
for role in "${roles[@]}"; do
    token=$(sed -n "s/^$role //p" <<<"$tokens")
    header=()
    [[ -z $token ]] || header=(--header "Authorization: Bearer $token")
    # What ends one's own session would end the questions with it; sockets are described elsewhere.
    "$tools/bin/schemathesis" run "$url/api/openapi.json" "${header[@]}" \
        --max-time "$each" --seed "$seed" --continue-on-failure --request-timeout 30 --warnings off \
        --generation-database none --exclude-path-regex "$endings" --suppress-health-check all \
        --checks "$(IFS=,; echo "${checks[*]}")" \
        --report junit --report-junit-path "$reports/$role.xml" --no-color >"$reports/$role.txt" 2>&1 || {
        status=1
        say "as $role it found:"
        cat "$reports/$role.txt" >&2
    }
    sed -n 's/^ *\([0-9].* generated.*\)/fuzz-api: '"$role"': \1/p' "$reports/$role.txt" >&2
done

complaints=$(grep -E '(WARN|ERROR|panicked)' "$home/log" || true)
if [[ -n $complaints ]]; then
    status=1
    say "the server complained:"
    head -n 50 <<<"$complaints" >&2
fi
((status != 0)) || say "nothing found; reports are in $reports"
exit "$status"
