"""The machine as estimates see it: what a profile says it takes, and what each room's prices need."""

import json
from functools import cache
from pathlib import Path
from typing import NamedTuple

from .._kernels import isa
from . import profile
from .profile import UNITS, Profile

# A thread is worth starting for this many multiply-adds (a fork and join costs microseconds), and an
# element that is read or written costs about as much as some of them.
MACS_PER_THREAD = 200_000
MACS_PER_ELEMENT = 4


class Machine(NamedTuple):
    """What a room's estimate is made with."""

    threads: int
    level: str
    wide: int  # float32 numbers in the place of one of the problem's
    profile: Profile

    def seconds(self, room, **counts):
        """Predicted time of a room that has so much of everything to do, on all threads together."""
        return self.profile.seconds(room, self.amounts(room, **counts), self.level, self.threads)

    def amounts(self, room, *, flops=0, **counts):
        """How much of each unit a thread needs."""
        prices, units = prices_at(self.level, self.profile.twice)[room], units_of()
        amounts = dict.fromkeys(UNITS, 0.0)
        amounts["flop"] = prices["flops"] * flops * self.wide / self.threads
        amounts["cycle"] = prices["call"]  # what every call pays once
        for what, count in counts.items():
            amounts[units[what]] += prices[what] * count / self.threads
        return amounts


def machine_for(problem, threads):
    """This machine for `problem`, with no more threads than its work repays."""
    work = problem.macs + MACS_PER_ELEMENT * problem.elements
    threads = max(1, min(threads, work // MACS_PER_THREAD))
    wide = 2 if problem.dtype == "float64" else 1
    return Machine(threads, isa.active(), wide, profile.active())


@cache
def prices_at(level, twice):
    """Prices of every room at a level; for each those of the nearest level below that has some."""
    prices = {}
    for name in isa.LEVELS[: isa.LEVELS.index(level) + 1]:
        prices.update(_costs()["prices"].get(name, {}))
        if twice:
            prices.update(_costs()["prices"].get(f"{name}-twice", {}))
    return prices


@cache
def units_of():
    """What is counted -> the unit that its price is paid in."""
    return {what: unit for what, (unit, _) in _costs()["counts"].items()}


@cache
def _costs():
    return json.loads((Path(__file__).parent / "costs.json").read_text())
