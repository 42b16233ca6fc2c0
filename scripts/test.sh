#!/usr/bin/env bash
# Everything that must hold before a change is taken in. `make test` and CI run this.
#
#   scripts/test.sh            all stages in order, up to the first that fails
#   scripts/test.sh STAGE…     these only: format queries dependencies lints tests documentation
#
# Compiles from .sqlx, as a machine without a database does; the stage `queries` comes before what needs .sqlx, because
# its message says what to do.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

# Nobody comes back to the artefacts of CI: what makes the second build quick only slows the first.
if [[ -n ${CI:-} ]]; then
    export CARGO_INCREMENTAL=0
fi
export SQLX_OFFLINE=true

run_stage() {
    case "$1" in
    format) cargo fmt --all --check ;;
    queries) scripts/sqlx-prepare.sh --check ;;
    dependencies) scripts/audit-dependencies.sh ;;
    lints) cargo clippy --locked --workspace --all-targets -- -D warnings ;;
    tests) scripts/with-postgres.sh cargo test --locked --workspace ;;
    documentation)
        RUSTDOCFLAGS='-D warnings' cargo doc --locked --workspace --no-deps --document-private-items
        ;;
    *)
        echo "usage: $0 [format|queries|dependencies|lints|tests|documentation]…" >&2
        return 64
        ;;
    esac
}

(($# > 0)) || set -- format queries dependencies lints tests documentation
for stage in "$@"; do
    printf '\n=== %s\n' "$stage"
    since=$SECONDS
    status=0
    run_stage "$stage" || status=$?
    if ((status != 0)); then
        printf '\n=== %s failed after %d s\n' "$stage" $((SECONDS - since)) >&2
        exit "$status"
    fi
    printf '%s: %d s\n' "--- $stage" $((SECONDS - since))
done
printf '\n=== all good after %d s\n' "$SECONDS"
