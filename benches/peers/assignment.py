"""Our assignment beside scipy's: the same costs, and how long each takes, in turns on the same matrices. See README.md."""

import argparse
import os
import shlex
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy
import scipy
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csr_array
from scipy.sparse.csgraph import min_weight_full_bipartite_matching

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
FOLDER = ROOT / "target/peers"
GOLDEN = HERE / "assignment_golden.txt"
# Riders, drivers, edges of a rider.
SIZES = [(100, 300, 20), (1000, 3000, 20), (2000, 6000, 20), (500, 500, 500)]


def main():
    arguments = read_arguments()
    FOLDER.mkdir(parents=True, exist_ok=True)
    bench = shlex.split(arguments.bench)
    if arguments.golden:
        with_costs(bench, 200, 8, GOLDEN)
        say(f"written: {GOLDEN}")
        return
    batches = FOLDER / "batches.txt"
    count = with_costs(bench, arguments.batches, arguments.size_max, batches)
    say(f"{count} batches have their costs by scipy {scipy.__version__}; now ours")
    subprocess.run([*bench, "check", str(batches)], cwd=ROOT, check=True)
    for size in SIZES:
        beside(bench, size, arguments.rounds)


def read_arguments():
    parser = argparse.ArgumentParser(prog="assignment.sh", description=__doc__)
    parser.add_argument("--batches", type=int, default=10_000, help="random batches to compare (%(default)s)")
    parser.add_argument("--size-max", type=int, default=40, help="rows and columns of a batch at most (%(default)s)")
    parser.add_argument("--rounds", type=int, default=21, help="rounds in which contenders take turns (%(default)s)")
    parser.add_argument("--golden", action="store_true", help="write the small batches of the test, and stop")
    parser.add_argument(
        "--bench", default="cargo bench --quiet --bench matching --", help="how our bench is run (%(default)s)"
    )
    return parser.parse_args()


def say(what):
    print(f"assignment: {what}", file=sys.stderr)


def with_costs(bench, count, size_max, path):
    """Has the bench write batches, and adds to each what it costs by scipy."""
    subprocess.run([*bench, "write", str(path), str(count), str(size_max)], cwd=ROOT, check=True)
    lines = iter(path.read_text().splitlines())
    written = ["# Written by benches/peers/assignment.sh: random batches, and what they cost by scipy's linear_sum_assignment."]
    batches = 0
    for heading in lines:
        _, rows, columns = heading.split(" ")
        body = [next(lines) for _ in range(int(rows))]
        written += [f"{heading} {cost_of(body, int(columns))}", *body]
        batches += 1
    path.write_text("\n".join(written) + "\n")
    return batches


def cost_of(body, columns):
    """One column more for each row, in which only that row may stay out; pairs that cannot be are infinite."""
    matrix = numpy.full((len(body), columns + len(body)), numpy.inf)
    for row, line in enumerate(body):
        unassigned, *edges = line.split(" ")
        matrix[row, columns + row] = int(unassigned)
        for edge in edges:
            column, cost = edge.split(":")
            matrix[row, int(column)] = int(cost)
    chosen = linear_sum_assignment(matrix)
    return int(matrix[chosen].sum())


def beside(bench, size, rounds):
    """Times ours, scipy dense and scipy sparse on the same places, in turns."""
    riders, drivers, k = size
    path = FOLDER / f"places-{riders}x{drivers}.txt"
    subprocess.run([*bench, "places", str(path), str(riders), str(drivers)], cwd=ROOT, check=True)
    places = numpy.loadtxt(path, skiprows=1, dtype=numpy.int64)
    dense = costs_between(places[:riders], places[riders:])
    nearest = numpy.argsort(dense, axis=1, kind="stable")[:, :k]
    # The sparse one takes no zeros for edges; one more for each rider changes nothing.
    values = numpy.take_along_axis(dense, nearest, axis=1).ravel() + 1
    sparse = csr_array((values, nearest.ravel(), numpy.arange(riders + 1) * k), shape=(riders, drivers))
    command = [*bench, "serve", str(path), str(k)]
    times = {"boda": [], "scipy dense": [], "scipy sparse": []}
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as ours:
        for _ in range(rounds):
            print("solve", file=ours.stdin, flush=True)
            microseconds, cost, left_out = ours.stdout.readline().split(" ")
            times["boda"].append(float(microseconds) / 1e3)
            taken, chosen = timed(lambda: linear_sum_assignment(dense))
            times["scipy dense"].append(taken)
            dense_cost = int(dense[chosen].sum())
            try:
                taken, chosen = timed(lambda: min_weight_full_bipartite_matching(sparse))
                times["scipy sparse"].append(taken)
                sparse_cost = int(sparse[chosen].sum()) - riders
            except ValueError:
                sparse_cost = None
        ours.stdin.close()
    left_out, cost = int(left_out), int(cost)
    # With few edges not everybody may be served; then the dense one, which has them all, is another problem.
    if left_out == 0 and sparse_cost is not None:
        assert cost == sparse_cost, f"{riders} x {drivers}: ours costs {cost}, scipy's sparse {sparse_cost}"
    medians = {name: statistics.median(all) for name, all in times.items() if all}
    parts = ", ".join(f"{name} {medians[name]:.3f} ms (best {min(times[name]):.3f})" for name in medians)
    ratio = medians["scipy dense"] / medians["boda"]
    same = "the same cost" if cost == dense_cost else f"costs {cost}, dense {dense_cost}"
    print(f"M2 {riders} x {drivers}, k = {k}: {parts}; scipy dense takes {ratio:.1f} x as long; {same}", flush=True)


def costs_between(riders, drivers):
    """Milliseconds at 6 m/s between places in decimetres; as the bench reckons."""
    squared = ((riders[:, None, :] - drivers[None, :, :]) ** 2).sum(axis=2)
    return numpy.floor(numpy.sqrt(squared.astype(numpy.float64)) * 100.0 / 6.0).astype(numpy.int64)


def timed(work):
    """In milliseconds of processor time: scipy's solvers have one thread."""
    begin = time.thread_time()
    done = work()
    return (time.thread_time() - begin) * 1e3, done


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
