"""Timing one operation beside SciPy's, in turn, and comparing what the two give."""

from time import perf_counter
from typing import NamedTuple

import numpy as np

# Seconds that one operation may take, both ways together, after the first warm round. Long enough
# to outlast a burst of other work on the machine.
BUDGET = 1.2
MOST_ROUNDS = 500
FEWEST_ROUNDS = 2
# Float32 sums of a few hundred products, in any order or through an FFT.
TOLERANCE = 1e-5


class Outcome(NamedTuple):
    """An operation's result and how it was reached."""

    title: str
    algorithm: str
    result: np.ndarray
    seconds: float  # the best of all rounds
    scipy_seconds: float
    error: float  # largest difference from SciPy, relative to the largest magnitude

    @property
    def agrees(self):
        return self.error <= TOLERANCE


def run(operation):
    """Both ways of `operation` once to warm up and compare, then in turn; the best time of each."""
    result = operation.ours()
    expected = operation.scipys()
    best = scipy_best = np.inf
    started = perf_counter()
    for done in range(MOST_ROUNDS):
        if done >= FEWEST_ROUNDS and perf_counter() - started > BUDGET:
            break
        best = min(best, _seconds(operation.ours))
        scipy_best = min(scipy_best, _seconds(operation.scipys))
    return Outcome(
        operation.title,
        operation.algorithm,
        result,
        best,
        scipy_best,
        relative_error(result, expected),
    )


def relative_error(result, expected):
    """Largest difference, relative to the largest magnitude; infinite if the shapes differ."""
    if result.shape != expected.shape:
        return np.inf
    return float(np.abs(result - expected).max() / max(np.abs(expected).max(), 1e-30))


def _seconds(function):
    started = perf_counter()
    function()
    return perf_counter() - started
