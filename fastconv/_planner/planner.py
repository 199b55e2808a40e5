"""Choosing a room for a problem, and running it."""

import os
import random
import warnings
from contextlib import contextmanager
from threading import RLock
from typing import NamedTuple

import numpy as np

from .._algorithms import registry
from .._core.team import flush_denormals, set_control
from .._kernels import isa
from . import measure, wisdom
from .machine import machine_for

# A choice is a few hundred bytes; this many are kept, then the cache starts anew.
CACHE_SIZE = 4096
# A room that the model thinks so many times slower than the best is neither measured nor, should
# wisdom name it, believed.
HOPELESS = 5.0
# Seconds for rooms to be measured in when tuning="measure" meets a new problem.
FIRST_SIGHT = 0.1

_choices = {}
_generation = 0  # counts how often choices may have changed
_on_change = [_choices.clear]
_seed = None
# Two measurements at once would measure each other.
_measuring = RLock()  # again by a thread that reports its progress


class Candidate(NamedTuple):
    """What the planner knows of one room for one problem."""

    room: object
    seconds: float | None  # predicted; None if refused
    refusal: str | None


class Executable(NamedTuple):
    """A problem with the room that runs it."""

    problem: object
    room: object
    state: object  # what the room compiled the problem into
    threads: int
    reason: str  # "forced", "sole candidate", "model", "wisdom", "measured" or "random"
    reserve: object  # the Executable for data that this room cannot do, or None

    @property
    def workspace(self):
        """Bytes of scratch memory that `run` takes at most."""
        own = self.room.workspace(self.problem, self.threads)
        return own if self.reserve is None else max(own, self.reserve.workspace)

    def prepare(self, weight):
        """Packed weights for `run`."""
        return self.room.prepare(self.state, weight, self.threads)

    def run(self, weight, packed, inputs, outputs):
        """Compute; `packed` as prepared from `weight`, or None to pack now."""
        if packed is None and weight is not None:
            packed = self.room.prepare(self.state, weight, self.threads)
        stands = self.room.run(self.state, packed, inputs, outputs, self.threads)
        if self.reserve is None:
            return
        # A room that mixes distant inputs spreads a NaN or an overflow: let another one redo it.
        if stands is None:
            stands = np.isfinite(outputs[0]).all()
        if not stands:
            self.reserve.run(weight, None, inputs, outputs)


class FlushingExecutable(Executable):
    """One that takes denormal numbers for zeros."""

    __slots__ = ()

    def prepare(self, weight):
        """As `Executable.prepare`."""
        before = flush_denormals()
        try:
            return super().prepare(weight)
        finally:
            set_control(before)

    def run(self, weight, packed, inputs, outputs):
        """As `Executable.run`."""
        before = flush_denormals()
        try:
            super().run(weight, packed, inputs, outputs)
        finally:
            set_control(before)


def candidates(problem, settings, *, prepacked=False, exchanged=False):
    """Every room of the problem's kind, the refused ones with their reason.

    `exchanged` says that filters and channels of the weight have changed places in memory.
    """
    machine = machine_for(problem, settings.threads)
    found = []
    for room in registry.rooms_for(problem.kind):
        refusal = room.supports(problem)
        if refusal is None and exchanged and not prepacked and settings.algorithm != room.name:
            if getattr(room, "in_order", False):
                refusal = "reads filters as they lie, and these have changed places with channels"
        if refusal is None and settings.max_workspace is not None:
            need = room.workspace(problem, machine.threads)
            if need > settings.max_workspace:
                limit = settings.max_workspace
                refusal = f"needs {need} bytes of workspace, max_workspace is {limit}"
        seconds = None if refusal else room.estimate(problem, machine, prepacked)
        found.append(Candidate(room, seconds, refusal))
    return found


def able_candidates(problem, settings, *, prepacked=False, exchanged=False):
    """The candidates that may be chosen; ValueError if there is none."""
    found = candidates(problem, settings, prepacked=prepacked, exchanged=exchanged)
    algorithm = settings.algorithm
    if algorithm is not None:
        found = [c for c in found if registry.matches(c.room, algorithm)]
        if not found:
            raise ValueError(f"algorithm {algorithm!r} does not do {problem.kind}: {problem}")
    able = [c for c in found if c.refusal is None]
    if not able:
        reasons = "; ".join(f"{c.room.name}: {c.refusal}" for c in found)
        raise ValueError(f"no algorithm for {problem}: {reasons}")
    return able


def choose(problem, settings, *, prepacked=False, exchanged=False):
    """The Executable for `problem` under `settings`.

    What is forced, or alone, is taken. Otherwise the fastest as remembered; with
    ``tuning="measure"`` as measured now; and if nothing is known, or `deterministic`, as predicted.
    """
    key = (problem, settings, prepacked, exchanged, isa.active())
    try:
        return _choices[key]
    except KeyError:
        pass
    generation = _generation
    choice = _choose(problem, settings, prepacked, exchanged)
    if len(_choices) >= CACHE_SIZE:
        _choices.clear()
    if generation == _generation:
        _choices[key] = choice
    return choice


def tune(problem, settings, *, prepacked, seconds, report=None, again=True):
    """Measure the rooms for `problem` and remember their times; what is known survives Ctrl-C.

    Nothing is measured if a room is alone, or all others are hopeless, or, unless `again`, if
    another thread has done it meanwhile. Raises MemoryError if the operands are too large.
    """
    able = able_candidates(problem, settings, prepacked=prepacked)
    rivals = _comparable(_worth_trying(able), machine_for(problem, settings.threads).threads)
    if len(rivals) < 2:
        return
    with _measuring:
        if not again and _remembered(problem, settings, prepacked, rivals):
            return
        race = race_of(problem, settings, rivals, prepacked=prepacked)
        try:
            race.run(seconds, report)
        finally:
            known = race.seconds()
            if len(known) > 1:
                threads = machine_for(problem, settings.threads).threads
                wisdom.remember(problem, threads, prepacked, known)
                forget()


def rooms_of(problem):
    """The rooms of the problem's kind."""
    return registry.rooms_for(problem.kind)


def times(problem, settings, *, prepacked, seconds, within):
    """Measured seconds of the rooms predicted to take no more than `within` times the fastest; none is remembered.

    Rooms whose threads are not ours alone are left out.
    """
    able = able_candidates(problem, settings, prepacked=prepacked)
    limit = within * min(c.seconds for c in able)
    rivals = [c for c in able if c.seconds <= limit and not getattr(c.room, "spins", False)]
    if len(rivals) < 2:
        return {}
    with _measuring:
        race = race_of(problem, settings, rivals, prepacked=prepacked)
        race.run(seconds)
    return race.seconds()


def race_of(problem, settings, rivals, *, prepacked, drop=True):
    """A `measure.Race` of candidates on random operands; the one of best prospects begins."""
    weight, inputs, outputs = measure.operands(problem)

    def call(executable):
        # Packed in any case: a room may import what it needs.
        packed = None if weight is None else executable.prepare(weight)
        return lambda: executable.run(weight, packed if prepacked else None, inputs, outputs)

    calls = {}
    for rival in sorted(rivals, key=lambda c: c.seconds):
        executable = _executable(problem, settings, rival.room, "measured")
        calls[rival.room.name] = call(executable)
    return measure.Race(calls, drop=drop)


def on_change(callback):
    """Have `callback` called whenever choices may have changed: caches of them empty themselves."""
    _on_change.append(callback)


def forget():
    """Forget all choices: wisdom or the way of choosing has changed."""
    global _generation
    _generation += 1
    for callback in _on_change:
        callback()


@contextmanager
def random_choices(seed):
    """Within the block, choose any able room at random, by `seed` and problem (for tests)."""
    global _seed
    before, _seed = _seed, seed
    forget()
    try:
        yield
    finally:
        _seed = before
        forget()


def _choose(problem, settings, prepacked, exchanged):
    able = able_candidates(problem, settings, prepacked=prepacked, exchanged=exchanged)
    best, reason = _best(problem, settings, prepacked, able)
    if settings.algorithm is not None:
        reason = "forced"
    return _executable(problem, settings, best.room, reason)


def _best(problem, settings, prepacked, able):
    """The candidate to take, and why."""
    if len(able) == 1:
        return able[0], "sole candidate"
    if _seed is not None:
        return random.Random(f"{_seed} {problem} {prepacked}").choice(able), "random"
    # The references are to compare with, and for what nothing else can do.
    rivals = _worth_trying([c for c in able if not c.room.name.startswith("reference")] or able)
    if not settings.deterministic and len(rivals) > 1:
        entry = _known(problem, settings, prepacked, rivals)
        if entry is not None:
            known = [c for c in rivals if c.room.name in entry.seconds]
            best = min(known, key=lambda c: entry.seconds[c.room.name])
            return best, "measured" if entry.fresh else "wisdom"
        if settings.tuning == "wisdom":
            warnings.warn(
                f"fastconv: tuning='wisdom', but nothing is known of {problem}; the cost model "
                "chooses. fastconv.tune would measure it",
                RuntimeWarning,
                stacklevel=2,
            )
    return _favourite(rivals), "model"


def _known(problem, settings, prepacked, rivals):
    """The remembered Entry; with ``tuning="measure"`` it is made where there is none."""
    entry = _remembered(problem, settings, prepacked, rivals)
    if entry is None and settings.tuning == "measure":
        try:
            tune(problem, settings, prepacked=prepacked, seconds=FIRST_SIGHT, again=False)
        except MemoryError:
            return None
        entry = _remembered(problem, settings, prepacked, rivals)
    return entry


def _remembered(problem, settings, prepacked, rivals):
    """The Entry that ranks `rivals`, or None.

    Times without that of the model's favourite were taken under other settings: they do not tell
    what is best under these.
    """
    threads = machine_for(problem, settings.threads).threads
    entry = wisdom.find(problem, threads, prepacked)
    timed = _comparable(rivals, threads) or rivals
    if entry is None or _favourite(timed).room.name not in entry.seconds:
        return None
    return entry


def _favourite(able):
    return min(able, key=lambda c: c.seconds)


def _worth_trying(able):
    limit = HOPELESS * min(c.seconds for c in able)
    return [c for c in able if c.seconds <= limit]


def _comparable(rivals, threads):
    """The candidates that can be timed in turns without slowing each other."""
    return [c for c in rivals if threads == 1 or not getattr(c.room, "spins", False)]


def _executable(problem, settings, room, reason):
    threads = machine_for(problem, settings.threads).threads
    reserve = None
    if not room.local:
        # A limit on workspace gives way where no room keeps it: the result must not be lost.
        for limits in settings, settings._replace(max_workspace=None):
            found = candidates(problem, limits)
            others = [c for c in found if c.refusal is None and c.room.local]
            if others:
                break
        if others:
            second = _favourite(others).room
            reserve = _executable(problem, settings, second, "reserve for non-finite data")
    kind = FlushingExecutable if settings.denormals == "flush" else Executable
    return kind(problem, room, room.compile(problem), threads, reason, reserve)


def _after_fork_in_child():
    global _measuring
    _measuring = RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
