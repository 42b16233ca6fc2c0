"""Points on streets, the same for every contender, and new speeds for the re-weighting.

Separate because our own bench (`cargo bench --bench road`) reads the same file, `points.csv`: one "lat,lng" a line, in
rounds of 21 lines, first the pickup, then 20 drivers. A point lies within a street, never on a junction, so that every
router snaps it to the same street; and only on streets from which every other one can be reached and the other way
round. `bearings.csv` has the direction of travel of each point, a legal one, in degrees.
"""

import math
import random
from dataclasses import dataclass
from pathlib import Path

DRIVERS = 20
PER_ROUND = 1 + DRIVERS
SEED = 20_261_125

# Streets that cars and motorcycles may both use in all three routers. Service ways and tracks are left out, because the
# profiles differ about them.
CLASSES = {
    name + link
    for name in ("motorway", "trunk", "primary", "secondary", "tertiary")
    for link in ("", "_link")
} | {"unclassified", "residential", "living_street"}
NOT_OPEN = {"no", "private", "delivery", "customers", "agricultural", "forestry", "destination", "permit"}
ACCESS_KEYS = ("access", "vehicle", "motor_vehicle", "motorcar", "motorcycle")
SEGMENT_M_MIN = 8.0


@dataclass(frozen=True)
class Segment:
    """Two neighbouring nodes of a street, in a direction that may be ridden."""

    from_node: int
    to_node: int
    two_way: bool


@dataclass(frozen=True)
class Point:
    lat: float
    lng: float
    bearing_deg: int


def streets(pbf: Path):
    """All segments of open streets, in the order of the file, and the places (lat, lng) of their nodes."""
    import osmium

    segments, places = [], {}
    for way in osmium.FileProcessor(str(pbf)).with_locations():
        if not way.is_way() or not _is_open(way.tags):
            continue
        nodes = [node for node in way.nodes if node.location.valid()]
        one_way = _one_way(way.tags)
        if one_way == "against":
            nodes.reverse()
        for node in nodes:
            places[node.ref] = (node.location.lat, node.location.lon)
        segments += [Segment(a.ref, b.ref, one_way == "no") for a, b in zip(nodes, nodes[1:])]
    return segments, places


def _is_open(tags) -> bool:
    return (
        tags.get("highway") in CLASSES
        and tags.get("area") != "yes"
        and not any(tags.get(key) in NOT_OPEN for key in ACCESS_KEYS)
    )


def _one_way(tags) -> str:
    value = tags.get("oneway", "")
    if value in ("-1", "reverse"):
        return "against"
    if value in ("yes", "true", "1"):
        return "along"
    implied = tags.get("junction") in ("roundabout", "circular") or tags.get("highway") == "motorway"
    return "along" if implied and value != "no" else "no"


def largest_component(segments) -> set[int]:
    """The nodes of the largest strongly connected component, by Kosaraju's two searches, without recursion."""
    forward, backward = {}, {}
    for segment in segments:
        for a, b in _directions(segment):
            forward.setdefault(a, []).append(b)
            backward.setdefault(b, []).append(a)
    finished, seen = [], set()
    for root in sorted(set(forward) | set(backward)):
        if root in seen:
            continue
        seen.add(root)
        stack = [(root, iter(forward.get(root, ())))]
        while stack:
            node, heads = stack[-1]
            head = next((head for head in heads if head not in seen), None)
            if head is None:
                finished.append(node)
                stack.pop()
            else:
                seen.add(head)
                stack.append((head, iter(forward.get(head, ()))))
    largest, seen = set(), set()
    for root in reversed(finished):
        if root in seen:
            continue
        component, stack = {root}, [root]
        seen.add(root)
        while stack:
            for tail in backward.get(stack.pop(), ()):
                if tail not in seen:
                    seen.add(tail)
                    component.add(tail)
                    stack.append(tail)
        if len(component) > len(largest):
            largest = component
    return largest


def _directions(segment: Segment):
    yield segment.from_node, segment.to_node
    if segment.two_way:
        yield segment.to_node, segment.from_node


def draw(segments, places, count: int) -> list[Point]:
    """`count` points, uniform by length of street. The same map, count and seed give the same points."""
    inner = largest_component(segments)
    candidates = [s for s in segments if s.from_node in inner and s.to_node in inner]
    lengths = [_length_m(places[s.from_node], places[s.to_node]) for s in candidates]
    lengths = [length if length >= SEGMENT_M_MIN else 0.0 for length in lengths]
    rng = random.Random(SEED)
    points = []
    for segment in rng.choices(candidates, weights=lengths, k=count):
        along, turned = rng.uniform(0.3, 0.7), segment.two_way and rng.random() < 0.5
        a, b = places[segment.from_node], places[segment.to_node]
        lat, lng = (a[0] + along * (b[0] - a[0]), a[1] + along * (b[1] - a[1]))
        bearing = _bearing_deg(b, a) if turned else _bearing_deg(a, b)
        points.append(Point(round(lat, 6), round(lng, 6), bearing))
    return points


def _length_m(a, b) -> float:
    east, north = _east_north_m(a, b)
    return math.hypot(east, north)


def _bearing_deg(a, b) -> int:
    return round(math.degrees(math.atan2(*_east_north_m(a, b)))) % 360


def _east_north_m(a, b):
    metres_per_degree = 111_195.0
    return (b[1] - a[1]) * metres_per_degree * math.cos(math.radians(a[0])), (b[0] - a[0]) * metres_per_degree


def write(points, folder: Path):
    (folder / "points.csv").write_text("".join(f"{p.lat:.6f},{p.lng:.6f}\n" for p in points))
    (folder / "bearings.csv").write_text("".join(f"{p.bearing_deg}\n" for p in points))


def write_speeds(segments, path: Path):
    """A speed for each direction of each street, as OSRM's tools read them: traffic on the whole town."""
    rng = random.Random(SEED)
    with path.open("w") as file:
        for a, b in sorted({pair for segment in segments for pair in _directions(segment)}):
            file.write(f"{a},{b},{rng.randint(8, 60)}\n")
