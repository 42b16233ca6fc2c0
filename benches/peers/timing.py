"""Processor time: of calls within this process, and of tools as processes of their own.

Separate because every contender is timed by the same two functions. It is CPU time, not the clock on the wall, because
the machine does other things too; even so it moves with the caches and the clock rate that others leave, so contenders
take turns and medians are compared.
"""

import os
import statistics
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

SLOW_US = 2_000_000
SLOW_ROUNDS = 3


@dataclass
class Seen:
    """Times of one contender at one task: a mean for each round, in microseconds of CPU."""

    rounds_us: list[float] = field(default_factory=list)
    calls_us: list[float] = field(default_factory=list)

    def summary(self) -> dict:
        return {
            "median_us": statistics.median(self.rounds_us),
            "minimum_us": min(self.rounds_us),
            "maximum_us": max(self.rounds_us),
            "call_p50_us": statistics.median(self.calls_us),
            "rounds": len(self.rounds_us),
            "calls": len(self.calls_us),
            "rounds_us": self.rounds_us,
        }


def take_turns(tasks: dict, rounds: int) -> dict:
    """Times `tasks` (name -> list of calls without arguments) in `rounds` rounds; each round runs all calls of each.

    The order turns with each round, so that nobody always comes after the same other. What takes seconds a round is
    timed in three only: it is far from everybody else, and the machine is shared.
    """
    seen = {name: Seen() for name in tasks}
    names = list(tasks)
    for calls in tasks.values():
        for call in calls:
            call()
    for number in range(rounds):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            if len(seen[name].rounds_us) >= SLOW_ROUNDS and seen[name].rounds_us[-1] * len(tasks[name]) > SLOW_US:
                continue
            times = [_cpu_us(call) for call in tasks[name]]
            seen[name].calls_us += times
            seen[name].rounds_us.append(statistics.fmean(times))
    return seen


def _cpu_us(call) -> float:
    before = time.process_time_ns()
    call()
    return (time.process_time_ns() - before) / 1_000


@dataclass
class Run:
    """A tool's run: CPU seconds of its process, seconds on the wall, and what it said."""

    cpu_s: float
    wall_s: float
    log: str


def run_tool(command: list, folder: Path) -> Run:
    """Runs a tool in `folder`; raises `RuntimeError` with its last words where it fails."""
    before = time.monotonic()
    with (folder / "tool.log").open("w+") as log:
        process = subprocess.Popen([str(word) for word in command], cwd=folder, stdout=log, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        log.seek(0)
        text = log.read()
    if process.returncode != 0:
        raise RuntimeError(f"{command[0]} ended with {process.returncode}: {text[-500:]}")
    return Run(usage.ru_utime + usage.ru_stime, time.monotonic() - before, text)
