#!/usr/bin/env bash
# Makes the map that `make run` rides on and prints where it is: streets of Kigali, when an extract of OpenStreetMap lies
# beside the project. Prints nothing without one, or when a map is configured already: then the server takes that, or
# makes a town up. The import is kept in the target directory and made anew when the extract or the program is newer.
#
#   scripts/run-map.sh PROGRAM [ARGUMENTS OF SERVE]
set -euo pipefail
cd "$(dirname "$0")/.."

program=$1
extract=../shared/data/kigali.osm.pbf
map=${CARGO_TARGET_DIR:-target}/kigali.map

[[ -z ${BODA__MAP__FILE:-} && -f $extract && " $* " != *" --config"* ]] || exit 0
if [[ ! -f $map || $extract -nt $map || $program -nt $map ]]; then
    # What is known besides: sectors, districts, places by name.
    known=()
    for borders in ../shared/data/boundaries/kigali_{sectors,districts}.geojson; do
        [[ -f $borders ]] && known+=(--boundaries "$borders")
    done
    [[ -f ../shared/data/kigali_pois.csv ]] && known+=(--places ../shared/data/kigali_pois.csv)
    if ! "$program" map import "$extract" "${known[@]}" -o "$map.part" >&2; then
        echo "the map of Kigali could not be imported; a generated town will do" >&2
        exit 0
    fi
    mv "$map.part" "$map"
fi
realpath "$map"
