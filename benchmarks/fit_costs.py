"""Fit the prices of the cost model on this machine: ``python -m benchmarks.fit_costs``.

Every room is timed on problems of the benchmark sets, with weights packed before and packed in the
call, on one and two threads. Its `estimate` says how much of what it does there, and the profile in force
what the units cost; non-negative least squares finds the prices that make the relative errors small. The
result goes into the data file of the planner, under the active level: other levels are kept. So that
prices travel, the profile must be that of this machine: `python -m fastconv calibrate` comes first.
"""

from . import serial_blas  # noqa: F401, isort: skip

import argparse
import datetime
import json
import sys
import time
from pathlib import Path

import numpy as np
from scipy.optimize import nnls

from fastconv._algorithms import registry
from fastconv._core.problem import Problem
from fastconv._core.processor import processor
from fastconv._kernels import isa
from fastconv._planner import machine, planner, profile
from fastconv.config import current

from . import problem_sets

SETS = ("resnet50", "vgg19", "alexnet", "googlenet", "mobilenet", "mobilenet_dw", "wavenet",
        "unet3d", "segnet", "images", "fir", "small", "first", "depthwise_edges")  # fmt: skip
DATA = Path(machine.__file__).with_name("costs.json")
LAYOUTS = ("channels_first", "channels_last")
# Rooms predicted to need longer than this are not timed: their prices follow from smaller problems.
LONGEST = 0.02
ROUNDS = 3
FLOAT32, CLOCK_SECONDS = 0, 0.002
MOST_FLOPS = 1.5e9
# A room within this factor of the fastest is one of those between which prices decide.
NEAR = 1.5
FEWEST_RIVALS = 20
_REFITS = 8


class Counts:
    """Stands in for a Machine; `seconds` gives what each count would take in nanoseconds at a price of one."""

    def __init__(self, real):
        self.threads, self.level, self.wide = real.threads, real.level, real.wide
        self.costs = {
            unit: 1e9 * cost for unit, cost in real.profile.costs(real.level, real.threads).items()
        }

    def seconds(self, room, *, flops=0, **counts):
        units = machine.units_of()
        row = {what: count / self.threads * self.costs[units[what]] for what, count in counts.items()}
        row["flops"] = flops * self.wide / self.threads * self.costs["flop"]
        return {"call": self.costs["cycle"], **row}


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=0.006, help="per timing (default 0.006)")
    parser.add_argument("--sets", default=",".join(SETS), help="problem sets, comma-separated")
    parser.add_argument("--rooms", help="store the prices of these rooms only, comma-separated")
    options = parser.parse_args(arguments)
    samples = collect(options.sets.split(","), options.seconds)
    best = {}
    for rows in samples.values():
        for run, _, measured in rows:
            best[run] = min(best.get(run, np.inf), measured)
    wanted = options.rooms.split(",") if options.rooms else samples
    store({name: fit(name, samples[name], best) for name in wanted})


def collect(sets, seconds):
    """Room name -> list of (run, counts, measured nanoseconds); rooms share the same runs.

    Where the clock changes from case to case, times are brought to its fastest.
    """
    samples, fastest = {}, 0.0
    cases = [case for name in sets for case in problem_sets.cases(name) if case.op == "conv"]
    for number, case in enumerate(cases):
        print(f"\r{number + 1}/{len(cases)} {case.name:40}", end="", file=sys.stderr, flush=True)
        for layout in LAYOUTS:
            if case.flops > MOST_FLOPS:
                continue
            problem = Problem.parse(case.spelling(layout))
            for threads in (1, 2):
                clock = isa.measure_peak(FLOAT32, CLOCK_SECONDS)
                fastest = max(fastest, clock)
                for name, prepacked, counts, measured in measure(case, problem, threads, seconds):
                    run = (case.name, layout, threads, prepacked)
                    samples.setdefault(name, []).append((run, counts, measured * clock))
    print(file=sys.stderr)
    return {
        name: [(run, counts, ticks / fastest) for run, counts, ticks in rows]
        for name, rows in samples.items()
    }


def measure(case, problem, threads, seconds):
    """Time every room on one problem, in turns."""
    x, weight, bias = case.operands(problem.layout)
    y = np.empty(problem.output_shape, np.float32)
    settings = current()._replace(threads=threads)
    real = machine.machine_for(problem, threads)
    runs = []
    for room in registry.rooms_for("conv"):
        if room.supports(problem) or room.estimate(problem, real, True) > LONGEST:
            continue
        forced = planner.choose(problem, settings._replace(algorithm=room.name))
        packed = forced.prepare(weight)
        for given in (packed, None):
            counts = room.estimate(problem, Counts(real), given is not None)
            runs.append((room.name, counts, forced, given, [np.inf]))
    for _ in range(ROUNDS):
        for _, _, forced, packed, best in runs:
            start, calls = time.perf_counter(), 0
            while calls == 0 or time.perf_counter() - start < seconds / ROUNDS:
                before = time.perf_counter()
                forced.room.run(
                    forced.state,
                    forced.prepare(weight) if packed is None else packed,
                    (x, bias), (y,), forced.threads,
                )  # fmt: skip
                best[0] = min(best[0], time.perf_counter() - before)
                calls += 1
    return [(name, packed is not None, counts, best[0] * 1e9) for name, counts, _, packed, best in runs]


def fit(name, rows, best):
    """Prices of one room, and on stderr how well they tell its times; `best` of all rooms by run."""
    features = sorted({what for _, counts, _ in rows for what in counts})
    measured = np.array([time for _, _, time in rows])
    table = np.array([[counts.get(what, 0.0) for what in features] for _, counts, _ in rows])
    fastest = np.array([best[run] for run, _, _ in rows])
    rivals = measured < NEAR * fastest
    if np.count_nonzero(rivals) < FEWEST_RIVALS:  # never chosen but alone
        fastest = measured
        rivals[:] = True
    weights = fastest / measured
    for _ in range(_REFITS):
        prices, _ = nnls(table / measured[:, None] * weights[:, None], weights)
        told = np.maximum(table @ prices, 1)
        misfit = np.abs(np.log(told / measured))
        # What is fast, or wrongly told to be, matters; the misfits of outliers weigh less each time.
        weights = np.minimum(fastest / np.minimum(measured, told), 1) / np.maximum(misfit, 0.1)
    errors = np.exp(misfit[rivals])
    print(
        f"{name:18} {len(rows):5} timings, {np.count_nonzero(rivals):4} of them near the fastest: off by "
        f"a factor of {np.median(errors):.2f} (median), {np.quantile(errors, 0.9):.2f} (90 %)",
        file=sys.stderr,
    )
    call = features.index("call")
    if prices[call] == 0:  # lost among so much else, yet no call is shorter than the shortest seen
        prices[call] = 0.8 * measured.min() / table[0, call]
    # What is badly predicted must win clearly to be chosen.
    prices *= np.quantile(errors, 0.75)
    return {what: float(f"{price:.4g}") for what, price in zip(features, prices)}


def store(prices):
    """Write the prices of the active level on this kind of processor, keeping all others."""
    data = json.loads(DATA.read_text())
    twice = profile.active().twice
    level = (
        f"{isa.active()}-twice" if twice and f"{isa.active()}-twice" in data["prices"] else isa.active()
    )
    data["fitted"][level] = {"machine": processor(), "date": datetime.date.today().isoformat()}
    data["prices"][level] = machine.prices_at(isa.active(), twice) | prices
    DATA.write_text(text(data))


def text(data):
    """The data file: a line for each count, and for each room."""
    counts = list(data["counts"])
    told = {
        level: {
            room: {what: prices[what] for what in counts if what in prices}
            for room, prices in rooms.items()
        }
        for level, rooms in data["prices"].items()
    }
    parts = [f'"about": {json.dumps(data["about"])}', _table("units", data["units"])]
    parts += [_table("counts", data["counts"]), _table("fitted", data["fitted"])]
    parts += [f'"set_by_hand": {json.dumps(data["set_by_hand"])}']
    levels = ",\n  ".join(_table(level, rooms, 3) for level, rooms in told.items())
    parts += [f'"prices": {{\n  {levels}\n }}']
    return "{\n " + ",\n ".join(parts) + "\n}\n"


def _table(name, rows, indent=2):
    space = " " * indent
    lines = ",\n".join(f"{space}{json.dumps(key)}: {json.dumps(value)}" for key, value in rows.items())
    return f'"{name}": {{\n{lines}\n{space[1:]}}}'


if __name__ == "__main__":
    main()
