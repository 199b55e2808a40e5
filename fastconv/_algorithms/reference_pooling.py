# Pooling in plain NumPy: one pass over the output per kernel tap, touching only the windows where
# that tap meets an element. Slow, small, and right: the oracle for every other pooling room.

import numpy as np

from .._core.dtypes import TABLE, lowest
from .._core.windows_of import counts_of, taps_of

name = "reference"
kinds = ("max_pool", "argmax_pool", "avg_pool")
local = True


def supports(problem):
    family = TABLE[problem.dtype].family
    if problem.kind != "avg_pool" and family == "complex":
        return "complex numbers have no order"
    if problem.kind == "avg_pool" and family == "integer":
        return "averages of integers are not integers"
    return None


def estimate(problem, machine, prepacked):
    return machine.seconds("reference_pooling", moved=problem.macs)


def workspace(problem, threads):
    return 0


def compile(problem):
    return problem


def prepare(problem, weight, threads):
    return None


def run(problem, packed, inputs, outputs, threads):
    (x,) = inputs
    arrays = [x, *(array for array in outputs if array is not None)]
    if problem.layout == "channels_last":
        arrays = [np.moveaxis(array, -1, 1) for array in arrays]
    pool = _average if problem.kind == "avg_pool" else _maximum
    pool(problem, *arrays)


def _maximum(problem, x, y, codes=None):
    best = np.full(y.shape, lowest(y.dtype), y.dtype)
    first = np.zeros(y.shape, np.int64)
    seen = np.zeros(y.shape, bool)
    for code, outputs, inputs in taps_of(problem):
        value, held = x[inputs], best[outputs]
        # The first NaN wins over everything, then the first of the largest elements.
        wins = ~seen[outputs] | (value > held) | ((value != value) & (held == held))
        best[outputs] = np.where(wins, value, held)
        first[outputs] = np.where(wins, code, first[outputs])
        seen[outputs] = True
    y[...] = best
    if codes is not None:
        codes[...] = first


def _average(problem, x, y):
    wide = np.float32 if TABLE[problem.dtype].family == "half" else y.dtype
    total = np.zeros(y.shape, wide)
    for _, outputs, inputs in taps_of(problem):
        total[outputs] += x[inputs].astype(wide, copy=False)
    counts = problem.divisor or np.maximum(counts_of(problem), 1)
    divisor = np.asarray(counts, total.real.dtype)
    total.real /= divisor
    if total.dtype.kind == "c":
        total.imag /= divisor
    y[...] = total
