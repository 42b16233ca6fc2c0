"""OSRM: its tools as processes, its queries through the bindings, with the car profile that the wheel ships.

Separate because OSRM may be missing: the script then goes on without it.
"""

import re
import shutil
import statistics
from pathlib import Path

from points import PER_ROUND
from timing import run_tool

ALGORITHMS = ("CH", "MLD")

# What is asked of one task.
WHOLE, DIRECTED, ONE_PAIR = "whole call", "whole call, direction of travel given", "one pair of the same points"


class Osrm:
    """OSRM's data for one map, in a folder of its own for each algorithm."""

    def __init__(self, folder: Path):
        import osrm

        self.module = osrm
        self.folder = folder
        self.package = Path(osrm.__file__).parent
        self.profile = self.package / "share/profiles/car.lua"
        self.engines = {}

    def _tool(self, name: str, algorithm: str, *arguments):
        return run_tool([self.package / "bin" / f"osrm-{name}", "-t", "1", *arguments], self.folder / algorithm)

    def prepare(self, pbf: Path, speeds: Path, contractions: int, customizations: int) -> dict:
        """Extracts and prepares for both algorithms. CPU of each step: median of its runs, in seconds."""
        for algorithm in (*ALGORITHMS, "traffic"):
            shutil.rmtree(self.folder / algorithm, ignore_errors=True)
            (self.folder / algorithm).mkdir(parents=True)
        shutil.copyfile(pbf, self.folder / "CH/town.osm.pbf")
        extract = self._tool("extract", "CH", "-p", self.profile, "town.osm.pbf")
        for other in ("MLD", "traffic"):
            shutil.copytree(self.folder / "CH", self.folder / other, dirs_exist_ok=True)
        contract = [self._tool("contract", "CH", "town.osrm") for _ in range(contractions)]
        partition = [self._tool("partition", "MLD", "town.osrm") for _ in range(3)]
        customize = [self._tool("customize", "MLD", "town.osrm") for _ in range(customizations)]
        self._tool("partition", "traffic", "town.osrm")
        arguments = ("--segment-speed-file", speeds, "town.osrm")
        traffic = [self._tool("customize", "traffic", *arguments) for _ in range(customizations)]
        seconds = {
            "osrm-extract": [extract.cpu_s],
            "osrm-contract": [run.cpu_s for run in contract],
            "osrm-partition": [run.cpu_s for run in partition],
            "osrm-customize": [run.cpu_s for run in customize],
            "osrm-customize, new speeds for every street": [run.cpu_s for run in traffic],
        }
        # The log speaks of the wall; the share of the run holds for the CPU, as nothing in it waits.
        cells = [run.cpu_s * _number(r"Cells customization took ([\d.]+)", run.log) / run.wall_s for run in customize]
        seconds["osrm-customize: its cells alone, by their share in its log"] = cells
        size = re.search(r"Loaded edge based graph: (\d+) edges, (\d+) nodes", customize[0].log)
        return {
            "cpu_s": {name: _spread(times) for name, times in seconds.items()},
            "turn_graph": {"edges": int(size[1]), "vertices": int(size[2])} if size else None,
        }

    def load(self):
        for algorithm in ALGORITHMS:
            path = str(self.folder / algorithm / "town.osrm")
            self.engines[algorithm] = self.module.OSRM(algorithm=algorithm, storage_config=path, use_shared_memory=False)

    def tasks(self, points, algorithm: str) -> dict:
        """Task -> variant -> calls, all parameters made beforehand. Points in rounds of one pickup and its drivers.

        "one pair" snaps all the points that the table has, but searches for one pair only: what is left when it is
        taken from the whole call is the search. (Hints would be the straight way; those of 26.10.0 are empty, whatever
        the point, and OSRM ignores them.)
        """
        engine = self.engines[algorithm]
        rounds = [points[start : start + PER_ROUND] for start in range(0, len(points), PER_ROUND)]
        ends = [r[1] for r in rounds] + [r[0] for r in rounds]
        many = range(len(rounds))
        square = {"sources": list(many), "destinations": [len(rounds) + n for n in many]}
        column = {"sources": list(range(1, PER_ROUND)), "destinations": [0]}
        tasks = {
            "column": {
                WHOLE: [self._table(engine, r, column) for r in rounds],
                DIRECTED: [self._table(engine, r, column, directed=True) for r in rounds],
                ONE_PAIR: [self._table(engine, r, {"sources": [1], "destinations": [0]}) for r in rounds],
            },
            "square": {
                WHOLE: [self._table(engine, ends, square)],
                ONE_PAIR: [self._table(engine, ends, {"sources": [0], "destinations": [len(rounds)]})],
            },
            "pair": {WHOLE: [self._table(engine, r[:2], {"sources": [1], "destinations": [0]}) for r in rounds]},
            "route": {WHOLE: [self._route(engine, [r[1], r[0]]) for r in rounds]},
        }
        if algorithm == "CH":
            tasks["snap"] = {WHOLE: [self._nearest(engine, p) for p in points[:: PER_ROUND // 3]]}
        return tasks

    def _parameters(self, kind, points, directed=False, **more):
        """The leanest call: no hints, no list of snapped places in the answer."""
        if directed:
            more["bearings"] = [(p.bearing_deg, 30) for p in points]
        parameters = kind(coordinates=[(p.lng, p.lat) for p in points], generate_hints=False, **more)
        parameters.skip_waypoints = True
        return parameters

    def _table(self, engine, points, ends: dict, directed=False):
        parameters = self._parameters(self.module.TableParameters, points, directed, annotations=["duration"], **ends)
        return lambda: engine.Table(parameters)

    def _route(self, engine, points):
        parameters = self._parameters(self.module.RouteParameters, points, steps=False, overview="false")
        return lambda: engine.Route(parameters)

    def _nearest(self, engine, point):
        parameters = self.module.NearestParameters(coordinates=[(point.lng, point.lat)], generate_hints=False)
        return lambda: engine.Nearest(parameters)

    def _snapped_away_m(self, point) -> float:
        return self._nearest(self.engines["CH"], point)()["waypoints"][0]["distance"]

    def check(self, points, tasks: dict) -> dict:
        """That the points are what they should be: how far OSRM snaps them, and whether all are reached."""
        metres = [self._snapped_away_m(point) for point in points]
        answers = {
            algorithm: [tuple(row) for call in tasks[algorithm]["column"][WHOLE] for row in call()["durations"]]
            for algorithm in ALGORITHMS
        }
        ch, mld = ([row[0] for row in answers[algorithm]] for algorithm in ALGORITHMS)
        return {
            "snapped_away_m_max": max(metres),
            "snapped_away_m_median": statistics.median(metres),
            "unreached": sum(time is None for time in ch),
            "of": len(ch),
            "ch_and_mld_differ": sum(a != b for a, b in zip(ch, mld)),
            "column_s": ch,
        }


def _number(pattern: str, text: str) -> float:
    found = re.search(pattern, text)
    return float(found[1]) if found else float("nan")


def _spread(times: list[float]) -> dict:
    return {"median": statistics.median(times), "minimum": min(times), "maximum": max(times), "runs": len(times)}
