"""The machine as estimates see it: its nominal speed, and what each room's work costs on it."""

import json
from functools import cache
from pathlib import Path
from typing import NamedTuple

from .._kernels import isa

# A thread is worth starting for this many multiply-adds (a fork and join costs microseconds), and an
# element that is read or written costs about as much as some of them.
MACS_PER_THREAD = 200_000
MACS_PER_ELEMENT = 4


class Machine(NamedTuple):
    """What a room's estimate is made with."""

    threads: int
    flops: float  # multiply-adds counted twice, per second, in the problem's dtype, all threads
    level: str

    def seconds(self, room, *, flops=0, **counts):
        """Predicted time of a room that does so many `flops`, and so much of everything else.

        The price of each count is in nanoseconds, fitted on the machine named in the data file;
        ``flops`` is a factor on the nominal time, ``call`` what every call pays once.
        """
        prices = prices_at(self.level)[room]
        work = prices["flops"] * flops / self.flops
        work += sum(prices[what] * count for what, count in counts.items()) * 1e-9 / self.threads
        return prices["call"] * 1e-9 + work


def machine_for(problem, threads):
    """This machine for `problem`, with no more threads than its work repays."""
    work = problem.macs + MACS_PER_ELEMENT * problem.elements
    threads = max(1, min(threads, work // MACS_PER_THREAD))
    wide = 2 if problem.dtype == "float64" else 1
    return Machine(threads, isa.nominal_flops() / wide * threads, isa.active())


@cache
def prices_at(level):
    """Prices of every room at a level; for each those of the nearest level below that has some."""
    levels = json.loads((Path(__file__).parent / "costs.json").read_text())["levels"]
    prices = {}
    for name in isa.LEVELS[: isa.LEVELS.index(level) + 1]:
        for variant in dict.fromkeys((name, isa.variant(name))):
            prices.update(levels.get(variant, {}))
    return prices
