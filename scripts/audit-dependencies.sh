#!/usr/bin/env bash
# Looks at what we depend on: licences, sources and bans of deny.toml, and known vulnerabilities of the RustSec database.
#
#   scripts/audit-dependencies.sh
#
# cargo-deny looks at what is built, cargo-audit at every line of Cargo.lock. The database is fetched from GitHub; where
# that cannot be reached and no earlier copy is here, vulnerabilities are not looked for, which is said and is no failure:
# licences, sources and bans are checked all the same. scripts/setup.sh test installs both tools.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
export PATH="${CARGO_TARGET_DIR:-$root/target}/audit-tools/bin:$PATH"

database=${CARGO_HOME:-$HOME/.cargo}/advisory-db
source=https://github.com/RustSec/advisory-db

# One list of what is known and cannot happen here: that of deny.toml.
known=()
while read -r advisory; do
    known+=(--ignore "$advisory")
done < <(sed -n 's/^ *"\(RUSTSEC-[0-9]*-[0-9]*\)".*/\1/p' deny.toml)
grave=(--deny unsound --deny yanked)

say() { echo "audit-dependencies: $1" >&2; }

for tool in cargo-deny cargo-audit; do
    command -v "$tool" >/dev/null || {
        say "$tool is missing; scripts/setup.sh test installs it"
        exit 1
    }
done

cargo-deny --locked --log-level error check --hide-inclusion-graph bans licenses sources

if timeout 30 git ls-remote --quiet "$source" HEAD >/dev/null 2>&1; then
    cargo-deny --locked --log-level error check --hide-inclusion-graph advisories
    cargo-audit audit --quiet --db "$database" "${grave[@]}" "${known[@]}"
elif [[ -d $database/crates ]]; then
    say "$source cannot be reached; the copy in $database is used"
    cargo-audit audit --quiet --db "$database" --no-fetch --stale "${grave[@]}" "${known[@]}"
else
    say "SKIPPED: known vulnerabilities. $source cannot be reached from here, and there is no copy in $database"
fi
