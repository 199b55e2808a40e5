"""Bursts and rounds: how a time is taken, and what is made of many of them."""

from math import exp, log
from time import monotonic, perf_counter_ns, sleep
from typing import NamedTuple

# One reading of the clock costs about 50 ns; a sample this long makes that vanish.
_SAMPLE = 20e-6

# Thread pools spin after their work: OpenBLAS for a tenth of a second, others less.
_LONGEST_SPIN = 0.3
_LOOK = 0.003
_LOOKS = 2  # a spinning thread may have been off its processor during one
_ASLEEP = 0.05  # of one processor


class Burst(NamedTuple):
    """Seconds per call over one short uninterrupted run of calls."""

    minimum: float
    quartile: float  # of its samples, the lower one
    calls: int


class Timing(NamedTuple):
    """Seconds per call over all rounds."""

    minimum: float  # the fastest sample of all
    quartile: float  # the lower quartile over rounds of each burst's lower quartile
    rounds: int


def lower_quartile(values):
    """The value that a quarter of `values` does not exceed.

    What disturbs a call makes it longer, and on a shared machine that may meet every second burst:
    the median would tell of the neighbours, the minimum of luck.
    """
    ordered = sorted(values)
    return ordered[(len(ordered) - 1) // 4]


def burst(call, seconds):
    """Call again and again for about `seconds`, at least once, after warming up.

    The caches hold another contender's data when a burst begins, and the clock may have dropped:
    a tenth of the time, and at least one call, goes unmeasured.
    """
    once = _warm(call, seconds / 10)
    inner = max(1, int(_SAMPLE / max(once, 1e-9)))
    samples, calls = [], range(inner)
    end = perf_counter_ns() + int(seconds * 1e9)
    while True:
        start = perf_counter_ns()
        for _ in calls:
            call()
        stop = perf_counter_ns()
        samples.append(1e-9 * (stop - start) / inner)
        if stop >= end:
            return Burst(min(samples), lower_quartile(samples), inner * len(samples))


def calls(call, count, seconds):
    """Seconds of every one of `count` calls, after one to warm up; of fewer in `seconds`."""
    found, end = [], perf_counter_ns() + int(seconds * 1e9)
    call()
    while len(found) < count and perf_counter_ns() < end:
        start = perf_counter_ns()
        call()
        found.append(1e-9 * (perf_counter_ns() - start))
    return found


def _warm(call, seconds):
    """Call for `seconds`; the shortest call seen."""
    shortest, end = float("inf"), perf_counter_ns() + int(seconds * 1e9)
    while True:
        start = perf_counter_ns()
        call()
        stop = perf_counter_ns()
        shortest = min(shortest, 1e-9 * (stop - start))
        if stop >= end:
            return shortest


def rest(used):
    """Return when threads that have done their work have stopped to spin for more.

    `used` tells the processor time of their process. Whoever is measured next would share the
    processors with them.
    """
    deadline, quiet, now = monotonic() + _LONGEST_SPIN, 0, used()
    while quiet < _LOOKS and monotonic() < deadline:
        sleep(_LOOK)
        before, now = now, used()
        quiet = quiet + 1 if now - before < _ASLEEP * _LOOK else 0


def combine(bursts):
    """The Timing of the bursts of one contender."""
    return Timing(min(b.minimum for b in bursts), lower_quartile(b.quartile for b in bursts), len(bursts))


def geometric_mean(ratios):
    """The mean that treats 2x and 1/2x as opposites."""
    ratios = list(ratios)
    return exp(sum(map(log, ratios)) / len(ratios))


class Summary(NamedTuple):
    """Ratios of one comparison over the problems of a set."""

    mean: float  # geometric
    minimum: float
    wins: int
    problems: int


def summarise(ratios):
    """The Summary of `ratios` (above one is a win), or None of none."""
    ratios = list(ratios)
    if not ratios:
        return None
    wins = sum(ratio > 1 for ratio in ratios)
    return Summary(geometric_mean(ratios), min(ratios), wins, len(ratios))
