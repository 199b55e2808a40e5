"""Choosing a room for a problem, and running it."""

from typing import NamedTuple

import numpy as np

from .._algorithms import registry
from .._kernels import isa
from .machine import machine_for

# A choice is a few hundred bytes; this many are kept, then the cache starts anew.
CACHE_SIZE = 4096
_choices = {}


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
    reason: str  # "forced", "sole candidate" or "model"
    reserve: object  # the Executable for data that this room would spread NaN over, or None

    def prepare(self, weight):
        """Packed weights for `run`."""
        return self.room.prepare(self.state, weight, self.threads)

    def run(self, weight, packed, inputs, outputs):
        """Compute; `packed` as prepared from `weight`, or None to pack now."""
        if packed is None and weight is not None:
            packed = self.room.prepare(self.state, weight, self.threads)
        self.room.run(self.state, packed, inputs, outputs, self.threads)
        # A room that mixes distant inputs spreads a NaN or an overflow: let another one redo it.
        if self.reserve is not None and not np.isfinite(outputs[0]).all():
            self.reserve.run(weight, None, inputs, outputs)


def candidates(problem, settings, *, prepacked=False):
    """Every room of the problem's kind, the refused ones with their reason."""
    machine = machine_for(problem, settings.threads)
    found = []
    for room in registry.rooms_for(problem.kind):
        refusal = room.supports(problem)
        if refusal is None and settings.max_workspace is not None:
            need = room.workspace(problem, machine.threads)
            if need > settings.max_workspace:
                refusal = f"needs {need} bytes of workspace, max_workspace is {settings.max_workspace}"
        seconds = None if refusal else room.estimate(problem, machine, prepacked)
        found.append(Candidate(room, seconds, refusal))
    return found


def choose(problem, settings, *, prepacked=False):
    """The Executable for `problem` under `settings`."""
    key = (problem, settings, prepacked, isa.active())
    try:
        return _choices[key]
    except KeyError:
        pass
    if len(_choices) >= CACHE_SIZE:
        _choices.clear()
    _choices[key] = choice = _choose(problem, settings, prepacked)
    return choice


def _choose(problem, settings, prepacked):
    found = candidates(problem, settings, prepacked=prepacked)
    algorithm = settings.algorithm
    if algorithm is not None:
        found = [c for c in found if registry.matches(c.room, algorithm)]
        if not found:
            raise ValueError(f"algorithm {algorithm!r} does not do {problem.kind}: {problem}")
    able = [c for c in found if c.refusal is None]
    if not able:
        reasons = "; ".join(f"{c.room.name}: {c.refusal}" for c in found)
        raise ValueError(f"no algorithm for {problem}: {reasons}")
    best = min(able, key=lambda c: c.seconds)
    reason = "forced" if algorithm else "sole candidate" if len(able) == 1 else "model"
    reserve = None
    if not best.room.local:
        others = [c for c in candidates(problem, settings) if c.refusal is None and c.room.local]
        if others:
            room = min(others, key=lambda c: c.seconds).room
            reserve = _executable(problem, settings, room, "reserve for non-finite data", None)
    return _executable(problem, settings, best.room, reason, reserve)


def _executable(problem, settings, room, reason, reserve):
    threads = machine_for(problem, settings.threads).threads
    return Executable(problem, room, room.compile(problem), threads, reason, reserve)

