"""Calibration: this machine's own profile for the cost model.

Which algorithm is taken for a problem that was never tuned is decided by a cost model: what each
algorithm needs, at the prices of a *profile*. Profiles of some processors come with fastconv; for
others one is derived from the clock and the instruction sets. `calibrate` measures one, in less than a
minute, and keeps it for all later processes.
"""

import json
from pathlib import Path
from time import perf_counter, strftime
from typing import NamedTuple

import numpy as np

from . import ceiling
from ._core import threads as _threads
from ._core.problem import Problem
from ._core.processor import identity, processor
from ._core.settings import current
from ._kernels import isa
from ._planner import machine, planner, profile
from ._planner.profile import UNITS, Profile
from ._terminal import reporter

__all__ = ["Calibration", "calibrate"]

# Problems between whose algorithms prices decide, of every kind; in both layouts where that is told by {}.
_PROBES = (
    "conv2d f32 {} c64 k64 i56x56 f3x3 p1x1", "conv2d f32 {} c256 k256 i14x14 f3x3 p1x1",
    "conv2d f32 {} c512 k512 i7x7 f3x3 p1x1", "conv2d f32 {} c16 k16 i96x96 f3x3 p1x1",
    "conv2d f32 {} c64 k128 i28x28 f3x3 s2x2 p1x1", "conv2d f32 {} c3 k32 i96x96 f7x7 s2x2 p3x3",
    "conv2d f32 {} c3 k16 i64x64 f3x3 p1x1", "conv2d f32 {} c64 k256 i28x28 f1x1",
    "conv2d f32 {} c512 k128 i28x28 f1x1", "conv2d f32 {} c256 k512 i14x14 f1x1 s2x2",
    "conv2d f32 {} c1024 k256 i7x7 f1x1", "conv2d f32 {} c48 k24 i20x20 f5x5 p2x2",
    "conv2d f32 {} c64 k32 i7x7 f7x7 p3x3", "conv2d f32 {} c32 k1 i48x48 f5x5 p2x2",
    "conv2d f32 {} c96 k96 g96 i56x56 f3x3 p1x1", "conv2d f32 {} c192 k192 g192 i28x28 f3x3 s2x2 p1x1",
    "conv2d f32 {} c64 k64 g64 i40x40 f7x7 p3x3", "conv2d f32 {} c32 k32 g32 i32x32 f15x15 p7x7",
    "conv2d f32 {} c64 k64 g4 i28x28 f3x3 p1x1", "conv2d f32 cf c1 k1 i512x512 f3x3 p1x1",
    "conv2d f32 cf c1 k1 i256x256 f9x9 p4x4", "conv2d f32 cf c1 k8 i128x128 f5x5 p2x2",
    "conv2d f32 cf c1 k1 i256x256 f31x31 p15x15", "conv2d f64 {} c16 k32 i32x32 f3x3 p1x1",
    "conv1d f32 {} c64 k64 i50 f3 p1", "conv1d f32 {} c16 k8 i200 f7 p3", "conv2d f32 {} c8 k8 i12x12 f3x3 p1x1",
    "conv1d f32 {} c32 k64 i1000 f9 p4", "conv1d f32 {} c128 k64 i400 f1", "conv1d f32 cf c1 k1 i100000 f31 p15",
    "conv1d f32 cf c1 k1 i50000 f301 p150", "conv1d f64 cf c1 k1 i30000 f1001 p500",
    "conv3d f32 {} c16 k16 i12x24x24 f3x3x3 p1x1x1", "conv3d f32 cf c1 k1 i32x64x64 f3x3x3 p1x1x1",
    "max_pool2d f32 {} c64 k64 g64 i56x56 f3x3 s2x2 p1x1", "max_pool2d f32 {} c16 k16 g16 i64x64 f13x13 p6x6",
    "avg_pool2d f32 {} c64 k64 g64 i56x56 f2x2 s2x2", "avg_pool2d f32 {} c16 k16 g16 i64x64 f13x13 p6x6",
)  # fmt: skip
_CEILING_PART = 0.1  # of the time
_LEAST_SECONDS = 0.03  # for a choice
# Algorithms predicted to take so many times as long as the fastest are not timed.
_FAR_BEHIND = 5.0
# As if so many timings had said that the prices are right.
_FAITH = 2.0
_REFITS = 6
# Over all rooms; what does not lose so much less is not worth it.
_SWEEPS = 4
_BETTER = 0.99
# What an algorithm that is told to be too fast counts, beside what choices lose.
_HOPE = 0.03
# What a room's factors count, by their logarithm.
_CHANGE = 0.01
_STEPS = (0.7, 0.87, 1.15, 1.43)
_GOOD = 1.15


class Calibration(NamedTuple):
    """What `calibrate` found.

    Attributes
    ----------
    profile : Profile
        The measured speeds, and how much each algorithm differs from what was expected.
    choices : int
        How many choices were timed.
    before, after : float
        The part of them within 15 % of the fastest algorithm, by the profile in force before, and now.
    worst_before, worst_after : float
        The largest time of a choice over that of the fastest algorithm.
    saved : pathlib.Path or None
        The file; None if there is none, or none could be written.
    """

    profile: Profile
    choices: int
    before: float
    after: float
    worst_before: float
    worst_after: float
    saved: Path | None

    def __repr__(self) -> str:
        here = self.profile
        rates = ", ".join(f"{level} {rate / 1e9:.0f} GFLOP/s" for level, rate in here.flops.items())
        far = ", ".join(f"{rate / 1e9:.0f} on {n}" for n, rate in here.far.items())
        regions = ", ".join(f"{seconds * 1e6:.2f} us on {n}" for n, seconds in here.region.items())
        lines = [
            f"{here.name}, {here.source}",
            f"one thread      {rates}",
            f"copies          {here.near / 1e9:.0f} GB/s within a core's caches; in memory {far}",
            f"parallel loop   {regions}",
            f"{self.choices} choices   {self.before:.0%} within 15 % of the fastest before, {self.after:.0%} now",
            f"the worst       {self.worst_before:.2f} times the fastest before, {self.worst_after:.2f} now",
            f"saved in {self.saved}" if self.saved else "not saved in a file",
        ]
        return "\n".join(lines)


class Timing(NamedTuple):
    """One algorithm on one problem."""

    room: str
    expected: float  # seconds, by the profile in force
    amounts: dict  # by unit, what prices say that a thread needs
    level: str
    threads: int
    seconds: float

    def predicted(self, by):
        """Seconds by a profile."""
        return by.seconds(self.room, self.amounts, self.level, self.threads)


def calibrate(seconds=50.0, progress=None, *, report=None):
    """Measure this machine for the cost model, and use what was found from now on.

    Ceilings are measured first, then the algorithms on some fifty problems. The profile is kept in
    ``profile.json`` beside the file of `fastconv.wisdom`, for this version of fastconv and this kind of
    processor. Stopping it loses nothing: the profile in force stays.

    Parameters
    ----------
    seconds : float
        Time for everything together.
    progress : callable or bool, optional
        Called with (done, total, what) again and again; True for a line on the terminal. By default a line if
        standard error is a terminal.
    report : path, optional
        A file to write besides, with all that a profile to be shipped with fastconv needs.

    Returns
    -------
    Calibration

    Raises
    ------
    ValueError
        If `seconds` is no time.
    OSError
        If the `report` cannot be written.

    Examples
    --------
    >>> import fastconv
    >>> found = fastconv.calibrate()                # doctest: +SKIP
    >>> found.profile.clock                         # doctest: +SKIP
    3640000000.0
    """
    if not isinstance(seconds, (int, float)) or not 0 < seconds < 1e6:
        raise ValueError(f"calibrate: seconds must be a time, got {seconds!r}")
    progress, line = reporter(progress, _spelled)
    if progress is None:
        progress = _in_silence
    try:
        progress(0, 1, "ceilings of this machine")
        measured = _rates(seconds * _CEILING_PART)
        runs = _timed(measured, seconds * (1 - _CEILING_PART), progress)
        if not runs:
            raise ValueError(f"calibrate: {seconds} seconds are too short a time to compare algorithms")
        fitted = measured._replace(rooms=_factors(runs, measured))
    finally:
        if line is not None:
            line.close()
    old, new = _lost(runs), _lost(runs, fitted)
    if report is not None:
        facts = profile.fields_of(fitted) | {"identity": list(identity())}
        Path(report).write_text(json.dumps(facts, indent=1) + "\n")
    saved = profile.save(fitted)
    profile.use(fitted)
    planner.forget()
    return Calibration(
        fitted, len(new), *(float(np.mean(one <= _GOOD)) for one in (old, new)), old.max(), new.max(), saved
    )  # fmt: skip


def _rates(seconds):
    """A profile of measured rates, without factors of rooms."""
    table = ceiling.table_of(seconds, refresh=True)
    counts = sorted(map(int, table["copy"]))
    flops = {level: by[str(counts[-1])]["float32"] / counts[-1] for level, by in table["flops"].items()}
    level, twice = isa.active(), isa.passes_twice()
    clock = table["flops"][level]["1"]["float32"] / isa.flops_per_cycle(level, twice)
    return Profile(
        processor(), "calibrated", strftime("%Y-%m-%d"), twice, clock, flops, table["copy"]["1"][0][1],
        {n: table["copy"][str(n)][-1][1] for n in counts},
        {n: table["region"][str(n)] for n in counts if n > 1} or {2: 1e-6}, {},
    )  # fmt: skip


def _timed(measured, seconds, progress):
    """Lists of Timing, one for each choice."""
    end = perf_counter() + seconds
    tasks = [
        (Problem.parse(probe.format(layout)), threads, prepacked)
        for probe in _PROBES
        for layout in (("cf", "cl") if "{}" in probe else ("",))
        for threads in sorted({1, _threads.available()})
        for prepacked in ((False, True) if probe.startswith("conv") else (False,))
    ]
    # In a short time fewer of them, rather than none long enough.
    tasks = tasks[:: max(1, round(len(tasks) * _LEAST_SECONDS / max(seconds, _LEAST_SECONDS)))]
    runs = []
    for done, (problem, threads, prepacked) in enumerate(tasks):
        progress(done, len(tasks), str(problem))
        share = max(end - perf_counter(), 0.0) / (len(tasks) - done)
        settings = current()._replace(threads=threads, tuning="estimate", algorithm=None, max_workspace=None)
        times = planner.times(problem, settings, prepacked=prepacked, seconds=share, within=_FAR_BEHIND)
        here = machine.machine_for(problem, threads)
        counting = _Counting(here._replace(profile=measured))
        runs.append([
            Timing(
                room.name, room.estimate(problem, here, prepacked), room.estimate(problem, counting, prepacked),
                here.level, here.threads, times[room.name],
            )
            for room in planner.rooms_of(problem) if room.name in times
        ])  # fmt: skip
    return [run for run in runs if len(run) > 1]


class _Counting:
    """Stands in for a Machine; `seconds` gives the amounts of each unit."""

    def __init__(self, real):
        self._real = real
        self.threads, self.level = real.threads, real.level

    def seconds(self, room, **counts):
        return self._real.amounts(room, **counts)


def _factors(runs, measured):
    """Room -> unit -> factor on its prices.

    What prices are for is choosing: of no factors, one for all units, those that fit best, and half of these, a
    room gets what loses the choices least time, the other rooms being what they are.
    """
    rooms = sorted({timing.room for run in runs for timing in run})
    offers = {room: list(_offers(runs, room, measured)) for room in rooms}
    best, least = measured, _loss(runs, measured)
    for sweep in range(_SWEEPS):
        for room in rooms:
            for offer in offers[room] if sweep == 0 else _steps(best.rooms.get(room, {}), offers[room][1]):
                tried = best._replace(rooms={**best.rooms, room: offer})
                loss = _loss(runs, tried)
                if loss < least * _BETTER:
                    best, least = tried, loss
    return {room: factors for room, factors in best.rooms.items() if factors}


def _loss(runs, by):
    """What choices by a profile lose, how much faster an algorithm is told to be beside the fastest than it is, and
    how far its factors are from one.

    The second does no harm here, where it is not chosen, and would on other problems; prices were fitted to more
    problems than are timed here.
    """
    hopes = []
    for run in runs:
        told = np.log([timing.seconds / timing.predicted(by) for timing in run])
        hopes.append(np.mean(np.maximum(told - told[np.argmin([timing.seconds for timing in run])], 0.0)))
    changes = [np.mean(np.abs(np.log(list(factors.values())))) for factors in by.rooms.values() if factors]
    return np.mean(np.log(_lost(runs, by))) + _HOPE * np.mean(hopes) + _CHANGE * sum(changes)


def _steps(factors, used):
    """Factors a step away: of all units that are `used`, and of each."""
    for units in (tuple(used), *((unit,) for unit in used)):
        for step in _STEPS:
            yield factors | {
                unit: float(
                    np.clip(float(f"{factors.get(unit, 1.0) * step:.3g}"), profile.LEAST, profile.MOST)
                )
                for unit in units
            }


def _offers(runs, room, measured):
    """Factors for one room that it may have."""
    rows = [(t, min(o.seconds for o in run) / t.seconds) for run in runs for t in run if t.room == room]
    costs = [measured.costs(t.level, t.threads) for t, _ in rows]
    table = np.array([
        [t.amounts[unit] * cost[unit] / t.seconds for unit in UNITS] for (t, _), cost in zip(rows, costs)
    ])  # fmt: skip
    near = np.array([fastest for _, fastest in rows])
    order = np.argsort(table.sum(axis=1))
    middle = order[np.searchsorted(np.cumsum(near[order]), near.sum() / 2)]
    common = np.clip(1 / max(table[middle].sum(), 1e-9), profile.LEAST, profile.MOST)
    fitted, used = _fitted(table, near), table.any(axis=0)
    for factors in (np.ones(len(UNITS)), np.full(len(UNITS), common), fitted, np.sqrt(fitted)):
        yield {unit: float(f"{f:.3g}") for unit, f, some in zip(UNITS, factors, used) if some}


def _fitted(table, near):
    """Factors by least squares, with some faith in the prices; `near` is how near to the fastest a row was."""
    used, weights = table.any(axis=0), near
    for _ in range(_REFITS):
        faith = np.diag(np.where(used, np.sqrt(_FAITH * weights.mean()), 1.0))
        system = np.vstack([table * weights[:, None], faith])
        found = np.linalg.lstsq(system, np.concatenate([weights, faith.sum(axis=1)]), rcond=None)[0]
        found = np.clip(found, profile.LEAST, profile.MOST)
        told = np.maximum(table @ found, 1e-3)
        # What is fast, or wrongly told to be, matters; the misfits of outliers weigh less each time.
        weights = np.minimum(near / np.minimum(told, 1) / np.maximum(np.abs(np.log(told)), 0.1), 10.0)
    return found


def _lost(runs, by=None):
    """Of every choice by a profile, or by the one in force, its time over that of the fastest algorithm."""

    def told(timing):
        return timing.expected if by is None else timing.predicted(by)

    return np.array([min(run, key=told).seconds / min(timing.seconds for timing in run) for run in runs])


def _in_silence(done, total, what):
    """Progress that nobody asked for."""


def _spelled(done, total, what):
    return f"calibrating {done}/{total}: {what}"
