"""Our road router beside OSRM and Valhalla: same map, same points, one thread, CPU time, one run. See README.md."""

import argparse
import importlib.metadata
import json
import os
import platform
import shlex
import sys
import time
from pathlib import Path

import ours
import points as streets
import report
from timing import take_turns

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "target/peers"
PACKAGES = {"osrm": "osrm-bindings", "valhalla": "pyvalhalla"}


def main():
    arguments = read_arguments()
    FOLDER.mkdir(parents=True, exist_ok=True)
    if not arguments.map.exists():
        sys.exit(f"roads: there is no {arguments.map}; name a map with --map")
    try:
        segments, places = streets.streets(arguments.map)
    except ImportError as error:
        sys.exit(f"roads: points are read by the package osmium, which is missing: {error}")
    points = streets.draw(segments, places, arguments.pickups * streets.PER_ROUND)
    streets.write(points, FOLDER)
    streets.write_speeds(segments, FOLDER / "speeds.csv")
    say(f"{len(points)} points on {len(segments)} segments of street in {FOLDER / 'points.csv'}")
    if arguments.points_only:
        return

    result = {"machine": machine(), "map": arguments.map.name, "seed": streets.SEED, "load_before": os.getloadavg()}
    result["ours"] = our_figures(arguments)
    result["prepared"], result["checked"], tasks = {}, {}, {}
    add_osrm(arguments, points, result, tasks)
    add_valhalla(arguments, points, result, tasks)
    say(f"timing {arguments.rounds} rounds of {sum(len(calls) for calls in tasks.values())} calls")
    tasks["nothing"] = [lambda: None] * 1_000
    seen = take_turns(tasks, arguments.rounds)
    result["seen"] = {name: times.summary() for name, times in seen.items()}
    result["derived"] = report.add_searches(result["seen"], arguments.pickups)
    result["load_after"] = os.getloadavg()
    (FOLDER / "roads.json").write_text(json.dumps(result, indent=1) + "\n")
    text = report.markdown(result, arguments.pickups)
    (FOLDER / "roads.md").write_text(text)
    print(text)
    say(f"written: {FOLDER / 'roads.md'}, {FOLDER / 'roads.json'}")


def read_arguments():
    parser = argparse.ArgumentParser(prog="roads.sh", description=__doc__)
    default_map = ROOT.parent / "shared/data/reference/porto-alegre-centre.osm.pbf"
    parser.add_argument("--map", type=Path, default=default_map, help="OSM PBF that all read (%(default)s)")
    parser.add_argument("--pickups", type=int, default=100, help="pickups, with 20 drivers each (%(default)s)")
    parser.add_argument("--rounds", type=int, default=9, help="rounds that take turns (%(default)s)")
    parser.add_argument("--contractions", type=int, default=3, help="runs of osrm-contract (%(default)s)")
    parser.add_argument("--customizations", type=int, default=9, help="runs of osrm-customize (%(default)s)")
    bench = "cargo bench --bench road"
    parser.add_argument("--bench", type=shlex.split, default=bench, help="what prints our figures (%(default)s)")
    parser.add_argument("--ours", type=Path, help="what that printed, instead of running it")
    parser.add_argument("--without-ours", action="store_true", help="the peers alone")
    parser.add_argument("--points-only", action="store_true", help="write points.csv and stop")
    arguments = parser.parse_args()
    arguments.map = arguments.map.resolve()
    return arguments


def our_figures(arguments):
    if arguments.without_ours:
        return None
    if arguments.ours:
        return ours.read(arguments.ours.read_text())
    say(f"running {shlex.join(arguments.bench)}")
    return ours.read(ours.run(arguments.bench, ROOT, FOLDER))


def add_osrm(arguments, points, result, tasks):
    try:
        from osrm_peer import ALGORITHMS, Osrm

        peer = Osrm(FOLDER / "osrm")
    except ImportError as error:
        say(f"going on without OSRM: {error}")
        return
    say("preparing OSRM (contraction takes its time)")
    speeds = FOLDER / "speeds.csv"
    result["prepared"]["osrm"] = peer.prepare(arguments.map, speeds, arguments.contractions, arguments.customizations)
    peer.load()
    by_algorithm = {algorithm: peer.tasks(points, algorithm) for algorithm in ALGORITHMS}
    result["checked"]["osrm"] = peer.check(points, by_algorithm)
    for algorithm, kinds in by_algorithm.items():
        add(tasks, f"OSRM {algorithm}", kinds)


def add_valhalla(arguments, points, result, tasks):
    try:
        from valhalla_peer import Valhalla

        peer = Valhalla(FOLDER / "valhalla")
    except ImportError as error:
        say(f"going on without Valhalla: {error}")
        return
    say("preparing Valhalla")
    result["prepared"]["valhalla"] = peer.prepare(arguments.map)
    kinds = peer.tasks(points)
    result["checked"]["valhalla"] = peer.check(kinds)
    add(tasks, "Valhalla", kinds)


def add(tasks, peer: str, kinds: dict):
    for kind, variants in kinds.items():
        for variant, calls in variants.items():
            tasks[report.name(kind, peer, variant)] = calls


def machine() -> dict:
    versions = {}
    for package in PACKAGES.values():
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = None
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if "model name" in line), "unknown")
    return {
        "processor": model,
        "processors": os.cpu_count(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "versions": versions,
        "at": time.strftime("%Y-%m-%d %H:%M"),
    }


def say(text: str):
    print(f"roads: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
