# Gradients of pooling in plain NumPy: one pass over the gradient per kernel tap, that adds what windows
# pass to the elements that the tap meets. Slow, small, and right: the oracle for other rooms.

import numpy as np

from .._core.dtypes import TABLE
from .._core.windows_of import taps_of

name = "reference"
kinds = ("grad_max_pool", "grad_avg_pool")
local = True


def supports(problem):
    if problem.kind == "grad_max_pool" and TABLE[problem.dtype].family == "complex":
        return "complex numbers have no order"
    return None


def estimate(problem, machine, prepacked):
    return machine.seconds("reference_pool_gradients", moved=problem.macs)


def workspace(problem, threads):
    return 0


def compile(problem):
    return problem


def prepare(problem, weight, threads):
    return None


def run(problem, packed, inputs, outputs, threads):
    (x,) = outputs
    arrays = [*inputs, x]
    if problem.layout == "channels_last":
        arrays = [np.moveaxis(array, -1, 1) for array in arrays]
    *inputs, x = arrays
    y = inputs[0]
    total = np.zeros(x.shape, np.float32 if TABLE[problem.dtype].family == "half" else x.dtype)
    for code, outputs, elements in taps_of(problem):
        passed = y[outputs]
        if problem.kind == "grad_max_pool":
            passed = np.where(inputs[1][outputs] == code, passed, passed.dtype.type(0))
        # No two windows meet one element with the same tap, but parts of an input that are smaller.
        if problem.adaptive:
            np.add.at(total, (slice(None), slice(None), *elements[1:]), passed)
        else:
            total[elements] += passed
    if problem.kind == "grad_avg_pool" and problem.divisor > 1:
        total /= problem.divisor
    x[...] = total
