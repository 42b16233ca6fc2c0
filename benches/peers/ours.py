"""Our own figures: what `cargo bench --bench road` prints, as numbers in microseconds.

Separate because this is the one place that knows how that bench words its lines. A line that it no longer finds is said,
so that a change of words there does not silently empty the table.
"""

import re
import subprocess
import sys
from pathlib import Path

# The time to build it included; a slower machine runs the bench by itself and hands over the output by `--ours`.
BENCH_S_MAX = 900

US = {"ns": 1e-3, "us": 1.0, "µs": 1.0, "ms": 1e3, "s": 1e6}
TIME = r"([\d.]+) (ns|us|µs|ms|s)\b"

# Line of the bench -> the figures in it, in order.
LINES = {
    "router": (rf"^R1 router, with turns: 20 to 1 in {TIME}, with kept labels {TIME}; .*?{TIME}", ("cold", "kept", "route")),
    "turns": (rf"^R1 with turns: 20 to 1 in {TIME}, with kept labels {TIME}; RoutingKit {TIME}", ("cold", "kept", "rival")),
    "junctions": (rf"^R1 by junctions: 20 to 1 in {TIME}, with kept labels {TIME}; RoutingKit {TIME}", ("cold", "kept", "rival")),
    "turns_square": (rf"^R2 with turns: a pair of 100 x 100 in {TIME}, RoutingKit {TIME}", ("pair", "rival")),
    "junctions_square": (rf"^R2 by junctions: a pair of 100 x 100 in {TIME}, RoutingKit {TIME}", ("pair", "rival")),
    "turns_customized": (rf"^R3 with turns: customized in {TIME}, RoutingKit {TIME}", ("whole", "rival")),
    "junctions_customized": (rf"^R3 by junctions: customized in {TIME}, RoutingKit {TIME}", ("whole", "rival")),
}


def run(command: list[str], root: Path, folder: Path) -> str:
    """Runs the bench and returns what it printed, kept in `ours.txt` line by line.

    A bench that fails or does not end is said and ended, and what it had printed by then is taken.
    """
    path = folder / "ours.txt"
    with path.open("w") as file:
        bench = subprocess.Popen(command, cwd=root, stdout=file)
        try:
            code = bench.wait(timeout=BENCH_S_MAX)
        except subprocess.TimeoutExpired:
            bench.kill()
            bench.wait()
            code = f"killed after {BENCH_S_MAX} s"
    if code != 0:
        print(f"roads: the bench did not end well ({code}); taking what it printed until then", file=sys.stderr)
    return path.read_text()


def read(text: str) -> dict:
    """Rows of the table, and the customizations. The peers are set beside the first row that has a figure."""
    seen = {line: _figures(line, text) for line in LINES}
    router, turns, junctions = seen["router"], seen["turns"], seen["junctions"]
    square, by_junctions = seen["turns_square"], seen["junctions_square"]
    rows = [
        _row("**ours**: router, with turns", router.get("cold"), route_us=router.get("route")),
        _row("**ours**: the same, drivers' labels kept", router.get("kept")),
        _row("**ours**: hierarchy with turns, street to street", turns.get("cold"), square.get("pair")),
        _row("**ours**: hierarchy without turns, junction to junction", junctions.get("cold"), by_junctions.get("pair")),
        _row("RoutingKit with turns, the same graph, its own order", turns.get("rival"), square.get("rival")),
        _row("RoutingKit without turns, the same graph, its own order", junctions.get("rival"), by_junctions.get("rival")),
    ]
    whole = "whole re-customization, within the process"
    prepared = [
        {"name": f"{who}: {whole}, {graph} turns", "us": seen[line].get(figure)}
        for graph, line in (("with", "turns_customized"), ("without", "junctions_customized"))
        for who, figure in (("**ours**", "whole"), ("RoutingKit", "rival"))
    ]
    size = re.search(r"^(\d+) junctions, (\d+) arcs, (\d+) turns", text, re.MULTILINE)
    return {
        "rows": rows,
        "customize_us": seen["turns_customized"].get("whole"),
        "prepared": prepared,
        "graph": dict(zip(("junctions", "arcs", "turns"), map(int, size.groups()))) if size else None,
        "lines": seen,
    }


def _figures(line: str, text: str) -> dict:
    pattern, names = LINES[line]
    found = re.search(pattern, text, re.MULTILINE)
    if not found:
        print(f"roads: the bench printed no line like {pattern}", file=sys.stderr)
        return {}
    numbers = found.groups()
    return {name: float(numbers[2 * n]) * US[numbers[2 * n + 1]] for n, name in enumerate(names)}


def _row(name: str, column_us, pair_us=None, route_us=None) -> dict:
    return {"name": name, "column_us": column_us, "pair_us": pair_us, "route_us": route_us}
