"""Operands for a problem, and rooms raced against each other on them."""

from math import prod
from time import perf_counter, sleep

import numpy as np

from .._core.dtypes import TABLE, code_dtype
from .._core.problem import POOLINGS
from .._core.processor import memory

# A turn is so many stretches, of which the median counts, and each is so long that reading the
# clock does not matter. Of a call that takes longer than a whole turn one is enough.
_STRETCHES = 5
_STRETCH = 4e-5
_MOST_CALLS = 200
# After so many turns the order of the rooms no longer changes.
_TURNS = 30
# Out of the race: at first only what is far behind, after some turns all but the close ones.
_TRUSTED_TURNS = 3
_FEWEST_TURNS = 2
_FAR_BEHIND = 3.0
_BEHIND = 1.25
# Random numbers are drawn once and repeated: more of them would tell nothing, only take time.
_DRAWN = 1 << 16


def operands(problem):
    """Random (weight, inputs, outputs) of the sizes and dtype of `problem`, as its rooms take them.

    The weight is None where the problem has none. Raises MemoryError for sizes that this machine
    cannot hold.
    """
    shapes = [problem.input_shape, problem.output_shape]
    if problem.kind in ("conv", "separable", "grad_weight"):
        shapes.append(problem.weight_shape)
    elif problem.kind not in POOLINGS:
        raise ValueError(f"problems of kind {problem.kind!r} cannot be measured: {problem}")
    dtype = np.dtype(problem.dtype)
    need = sum(prod(shape) for shape in shapes) * dtype.itemsize
    if need > memory() / 2:
        raise MemoryError(f"{need} bytes of operands are too many to measure {problem}")
    x, y, *weights = (_random(shape, dtype) for shape in shapes)
    if problem.kind == "argmax_pool":
        return None, (x,), (y, np.zeros(y.shape, code_dtype(problem.taps)))
    if problem.kind == "grad_max_pool":
        return None, (y, np.zeros(y.shape, code_dtype(problem.taps))), (x,)
    if problem.kind == "grad_avg_pool":
        return None, (y,), (x,)
    if not weights:
        return None, (x,), (y,)
    if problem.kind == "grad_weight":
        return None, (x, y), (weights[0],)
    bias = _random((problem.out_channels,), dtype) if problem.bias else None
    weight = weights[0]
    if problem.kind == "separable":
        weight = tuple(_random((problem.out_channels, taps), dtype) for taps in problem.kernel[-2:])
    return weight, (x, bias), (y,)


def _random(shape, dtype):
    """Standard normal numbers, or for integers a few small ones."""
    random, count = np.random.default_rng(0), min(prod(shape), _DRAWN)
    if TABLE[dtype.name].family == "integer":
        drawn = random.integers(0, 100, count)
    else:
        drawn = random.standard_normal(count)
    return np.resize(drawn.astype(dtype), shape)


def others_running():
    """How many threads beside this one want a processor now, as far as the system tells."""
    counts = []
    for _ in range(3):  # one that runs for an instant does no harm
        try:
            with open("/proc/loadavg") as load:
                counts.append(int(load.read().split()[3].partition("/")[0]) - 1)
        except (OSError, ValueError, IndexError):
            return 0
        sleep(0.002)
    return min(counts)


class Race:
    """Rooms that take turns on the same operands, until losers are known or time is up.

    Taking turns lets a change of clock or load meet all alike. A room's first call, which may
    import, allocate or fault pages in, counts only if there is no other.

    Parameters
    ----------
    calls : dict of str to callable
        By room, in the order of their prospects: if time is short the last ones are not called.
    drop : bool
        Whether those who fall behind stop early.
    """

    def __init__(self, calls, *, drop=True):
        self._calls = dict(calls)
        self._drop = drop
        self._first = {}
        self._turns = {name: [] for name in calls}

    def run(self, seconds, report=None):
        """Race for about `seconds`; `report` is called with (leader, its seconds) after each round.

        The first room gets its turn whatever it takes. A room that raises is out.
        """
        end = perf_counter() + seconds
        running = []
        for name in self._calls:
            if self._first and perf_counter() >= end:
                return
            if self._attempt(self._first_call, name):
                running.append(name)
            self._tell(report)
        while running and min(len(self._turns[name]) for name in running) < _TURNS:
            # Neighbours change, so that nobody always follows the same one.
            running.reverse()
            # A call that the time does not suffice for is not begun.
            in_time = [n for n in running if perf_counter() + self._first[n] / 2 < end]
            if not in_time:
                return
            failed = [name for name in in_time if not self._attempt(self._turn, name)]
            running = [name for name in running if name not in failed and self._keeps_up(name)]
            self._tell(report)

    def seconds(self):
        """Seconds per call of every room that has been called.

        That of its second best turn: the best may be luck, the average is another's load.
        """
        known = {}
        for name, first in self._first.items():
            best = sorted(self._turns[name])[:2]
            known[name] = best[-1] if best else first
        return known

    def _attempt(self, act, name):
        """Whether `act` succeeds; whatever is wrong with a room that raises, it has not won."""
        try:
            act(name)
        except Exception:
            self._first.pop(name, None)
            self._turns[name] = []
            return False
        return True

    def _first_call(self, name):
        self._first[name] = self._timed(name, 1)

    def _turn(self, name):
        last = (self._turns[name] or [self._first[name]])[-1]
        if last > _STRETCHES * _STRETCH:
            return self._turns[name].append(self._timed(name, 1))
        calls = max(1, min(_MOST_CALLS, int(_STRETCH / max(last, 1e-9))))
        self._calls[name]()  # the caches hold another room's data
        stretches = [self._timed(name, calls) for _ in range(_STRETCHES)]
        self._turns[name].append(float(np.median(stretches)))

    def _timed(self, name, calls):
        call, start = self._calls[name], perf_counter()
        for _ in range(calls):
            call()
        return (perf_counter() - start) / calls

    def _keeps_up(self, name):
        turns = self._turns[name]
        if not self._drop or len(turns) < _FEWEST_TURNS:
            return True
        best = min(min(others) for others in self._turns.values() if others)
        return min(turns) <= best * (_BEHIND if len(turns) >= _TRUSTED_TURNS else _FAR_BEHIND)

    def _tell(self, report):
        known = self.seconds()
        if report is not None and known:
            leader = min(known, key=known.get)
            report(leader, known[leader])
