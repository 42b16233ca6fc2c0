"""The Markdown table of one run, ready for docs/PERFORMANCE.md.

Separate because words and columns change more often than what is measured.
"""

import statistics

WHOLE, DIRECTED, ONE_PAIR = "whole call", "whole call, direction of travel given", "one pair of the same points"
SEARCH = "search alone (the whole less the snapping)"
PEERS = ("OSRM CH", "OSRM MLD", "Valhalla")
DRIVERS = 20


def name(kind: str, peer: str, variant: str) -> str:
    """The name of one contender at one task, as in roads.json."""
    return f"{kind} / {peer} / {variant}"


def add_searches(seen: dict, pickups: int) -> dict:
    """Adds what is derived: a point's snapping within a call, and what remains of the call without it.

    Each round is reckoned by itself, so that what the machine did in that round is on both sides of the difference.
    """
    derived = {}
    for peer in PEERS[:2]:
        if name("column", peer, WHOLE) not in seen:
            continue
        rounds = {key: seen[name(*key)]["rounds_us"] for key in _derived_from(peer)}
        pair = rounds["pair", peer, WHOLE]
        for kind, points in (("column", DRIVERS + 1), ("square", 2 * pickups)):
            whole, one_pair = rounds[kind, peer, WHOLE], rounds[kind, peer, ONE_PAIR]
            point = [(many - two) / (points - 2) for many, two in zip(one_pair, pair)]
            derived[name(kind, peer, SEARCH)] = [t - points * p for t, p in zip(whole, point)]
            if kind == "column":
                derived[name("snap", peer, "a point within a table")] = point
                route = rounds["route", peer, WHOLE]
                derived[name("route", peer, SEARCH)] = [t - 2 * p for t, p in zip(route, point)]
    return {
        key: {"median_us": statistics.median(times), "rounds_us": times}
        for key, times in derived.items()
    }


def _derived_from(peer: str):
    return [
        ("pair", peer, WHOLE),
        ("route", peer, WHOLE),
        ("column", peer, WHOLE),
        ("column", peer, ONE_PAIR),
        ("square", peer, WHOLE),
        ("square", peer, ONE_PAIR),
    ]


def markdown(result: dict, pickups: int) -> str:
    return "\n".join([queries(result, pickups), preparation(result), notes(result)])


def queries(result: dict, pickups: int) -> str:
    ours, seen = result["ours"] or {}, result["seen"] | result["derived"]
    lines = [
        "| median (minimum) | 20 drivers × 1 pickup | "
        f"{pickups} × {pickups}, a pair | route, no geometry | snap one point |",
        "|---|---|---|---|---|",
    ]
    keys = (("column", "column_us", 1), ("square", "pair_us", pickups**2), ("route", "route_us", 1), ("snap", "snap_us", 1))
    if pickups != 100:
        # Our bench has its square of 100, and a pair of a smaller one costs more.
        compared["pair_us"] = None
    for row in ours.get("rows", []):
        lines.append(f"| {row['name']} | {' | '.join(_time(row.get(key)) for _, key, _ in keys)} |")
    compared = {key: next((row[key] for row in ours.get("rows", []) if row.get(key)), None) for _, key, _ in keys}
    for peer in PEERS:
        for variant in (WHOLE, DIRECTED, SEARCH):
            cells = []
            for kind, key, share in keys:
                label = "a point within a table" if (kind, variant) == ("snap", SEARCH) else variant
                times = seen.get(name(kind, peer, label))
                cells.append(_cell(times, share, compared.get(key)) if times else "")
            if any(cells):
                lines.append(f"| {peer}, {variant} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cell(times: dict, share: int, ours_us) -> str:
    median = times["median_us"] / share
    # A difference has no minimum that means anything.
    minimum = f" ({_time(times['minimum_us'] / share)})" if "minimum_us" in times else ""
    ratio = f", **{_ratio(median / ours_us)}×**" if ours_us else ""
    return f"{_time(median)}{minimum}{ratio}"


def _time(us) -> str:
    if us is None:
        return ""
    if us >= 1e6:
        return f"{us / 1e6:.3g} s"
    if us >= 1e3:
        return f"{us / 1e3:.3g} ms"
    return f"{us:.3g} µs"


def _ratio(value: float) -> str:
    if value < 10:
        return f"{value:.1f}"
    # Two figures of a large one are all that a shared machine can say.
    digits = max(len(str(round(value))) - 2, 0)
    return f"{round(value, -digits):,.0f}"


def preparation(result: dict) -> str:
    customize_us = (result["ours"] or {}).get("customize_us")
    lines = ["| preparation, CPU of the process | median (minimum) | runs |", "|---|---|---|"]
    for row in (result["ours"] or {}).get("prepared", []):
        lines.append(f"| {row['name']} | {_time(row['us'])} | |")
    for peer in result["prepared"].values():
        for step, times in peer["cpu_s"].items():
            compared = customize_us if "customize" in step or "contract" in step else None
            lines.append(_prepared(step, times, compared))
    return "\n".join(lines) + "\n"


def _prepared(step: str, seconds: dict, ours_us) -> str:
    times = {"median_us": seconds["median"] * 1e6, "minimum_us": seconds["minimum"] * 1e6}
    return f"| {step} | {_cell(times, 1, ours_us)} | {seconds['runs']} |"


def notes(result: dict) -> str:
    machine, checked = result["machine"], result["checked"]
    versions = ", ".join(f"{package} {version}" for package, version in machine["versions"].items() if version)
    lines = [
        f"- {machine['at']}, {machine['processor']} ({machine['processors']} processors), Linux {machine['kernel']}; load "
        f"{result['load_before'][0]:.1f} before, {result['load_after'][0]:.1f} after; {versions}.",
        f"- Map `{result['map']}`, points of seed {result['seed']}; a call of nothing costs "
        f"{result['seen']['nothing']['median_us']:.2f} µs, not taken off.",
    ]
    ours = (result["ours"] or {}).get("graph")
    if ours:
        lines.append("- Ours: {junctions:,} junctions, {arcs:,} arcs, {turns:,} turns.".format(**ours))
    if "osrm" in checked:
        osrm, graph = checked["osrm"], result["prepared"]["osrm"]["turn_graph"]
        lines.append(
            f"- OSRM: turn graph of {graph['vertices']:,} vertices and {graph['edges']:,} edges; points snapped at most "
            f"{osrm['snapped_away_m_max']:.2f} m away; {osrm['unreached']} of {osrm['of']} pairs without a route; CH and "
            f"MLD differ in {osrm['ch_and_mld_differ']}."
        )
    if "valhalla" in checked:
        valhalla = checked["valhalla"]
        line = f"- Valhalla: {valhalla['unreached']} of {valhalla['of']} pairs without a route"
        if "osrm" in checked:
            line += "; its times are {:.2f} of OSRM's (median; 5 % to 95 %: {:.2f} to {:.2f})".format(
                *_ratios(valhalla["column_s"], checked["osrm"]["column_s"])
            )
        lines.append(line + ".")
    return "\n".join(lines) + "\n"


def _ratios(one, other):
    ratios = sorted(a / b for a, b in zip(one, other) if a and b)
    return ratios[len(ratios) // 2], ratios[len(ratios) // 20], ratios[-1 - len(ratios) // 20]
