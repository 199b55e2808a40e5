# Pooling in plain NumPy: one pass over the output per kernel tap, touching only the windows where
# that tap meets an element. Slow, small, and right: the oracle for every other pooling room.

import numpy as np

from .._core.dtypes import TABLE, lowest

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
    for code, outputs, inputs in _taps(problem):
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
    for _, outputs, inputs in _taps(problem):
        total[outputs] += x[inputs].astype(wide, copy=False)
    counts = problem.divisor or np.maximum(_counts(problem), 1)
    divisor = np.asarray(counts, total.real.dtype)
    total.real /= divisor
    if total.dtype.kind == "c":
        total.imag /= divisor
    y[...] = total


def _taps(problem):
    """For each tap in row-major order: its code, the outputs where it is inside, its inputs."""
    p = problem
    for code, tap in enumerate(np.ndindex(*p.kernel)):
        outputs, inputs = [...], [...]
        for i, t in enumerate(tap):
            offset = t * p.dilation[i] - p.pad_begin[i]
            end = p.input[i] + min(p.pad_end[i], 0)
            start = max(0, -(offset // p.stride[i]))
            stop = max(start, min(p.output[i], -((offset - end) // p.stride[i])))
            outputs.append(slice(start, stop))
            first = start * p.stride[i] + offset
            inputs.append(slice(first, first + (stop - start) * p.stride[i], p.stride[i]))
            if start == stop:
                break
        else:
            yield code, tuple(outputs), tuple(inputs)


def _counts(problem):
    """How many taps of each window an average divides by; padding counts if the problem says so."""
    p = problem
    counts = np.ones(p.output, np.int64)
    for i in range(p.ndim):
        starts = np.arange(p.output[i]) * p.stride[i] - p.pad_begin[i]
        taps = starts[:, None] + np.arange(p.kernel[i]) * p.dilation[i]
        # Behind the padding there is nothing: with ceil_mode a window may hang over its end.
        inside = taps < p.input[i] + (p.pad_end[i] if p.count_include_pad else min(p.pad_end[i], 0))
        if not p.count_include_pad:
            inside &= taps >= 0
        counts *= inside.sum(axis=1).reshape(-1, *(1,) * (p.ndim - 1 - i))
    return counts
