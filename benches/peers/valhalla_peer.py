"""Valhalla: tiles by its tool, queries through the bindings, costing `auto`.

Separate because Valhalla may be missing: the script then goes on without it.
"""

import json
import shutil
from pathlib import Path

from points import PER_ROUND
from timing import run_tool


class Valhalla:
    """Valhalla's tiles for one map."""

    def __init__(self, folder: Path):
        import valhalla

        self.module = valhalla
        self.folder = folder
        self.actor = None

    def prepare(self, pbf: Path) -> dict:
        """Builds the tiles. There is no second step: speeds are looked up while searching."""
        shutil.rmtree(self.folder, ignore_errors=True)
        (self.folder / "tiles").mkdir(parents=True)
        config = self.module.get_config(tile_extract="", tile_dir=str(self.folder / "tiles"), verbose=False)
        for database in ("tile_extract", "traffic_extract", "admin", "timezone", "landmarks"):
            config["mjolnir"].pop(database, None)
        config["service_limits"]["auto"]["max_matrix_location_pairs"] = 1_000_000
        path = self.folder / "valhalla.json"
        path.write_text(json.dumps(config))
        tool = Path(self.module.__file__).parent / "bin/valhalla_build_tiles"
        build = run_tool([tool, "-j", "1", "-c", path, pbf], self.folder)
        self.actor = self.module.Actor(str(path))
        return {"cpu_s": {"valhalla_build_tiles": {"median": build.cpu_s, "minimum": build.cpu_s, "runs": 1}}}

    def tasks(self, points) -> dict:
        """Task -> variant -> calls; requests are text made beforehand, answers stay text."""
        rounds = [points[start : start + PER_ROUND] for start in range(0, len(points), PER_ROUND)]
        return {
            "column": {"whole call": [self._matrix(r[1:], r[:1]) for r in rounds]},
            "square": {"whole call": [self._matrix([r[1] for r in rounds], [r[0] for r in rounds])]},
            "route": {"whole call": [self._route(r[1], r[0]) for r in rounds]},
            "snap": {"whole call": [self._locate(r[0]) for r in rounds]},
        }

    def _matrix(self, sources, targets):
        request = json.dumps(
            {
                "sources": [_place(p) for p in sources],
                "targets": [_place(p) for p in targets],
                "costing": "auto",
                "verbose": False,
                "shape_format": "no_shape",
            }
        )
        return lambda: self.actor.matrix(request)

    def _route(self, start, end):
        request = json.dumps(
            {"locations": [_place(start), _place(end)], "costing": "auto", "directions_type": "none"}
        )
        return lambda: self.actor.route(request)

    def _locate(self, point):
        request = json.dumps({"locations": [_place(point)], "costing": "auto", "verbose": False})
        return lambda: self.actor.locate(request)

    def check(self, tasks: dict) -> dict:
        rows = [row for call in tasks["column"]["whole call"] for row in json.loads(call())["sources_to_targets"]["durations"]]
        times = [row[0] for row in rows]
        return {"unreached": sum(time is None for time in times), "of": len(times), "column_s": times}


def _place(point) -> dict:
    return {"lat": point.lat, "lon": point.lng}
