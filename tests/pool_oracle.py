"""What tests of pooling share: problems, comparison, and an oracle of Python loops."""

import itertools
import json
import math
from pathlib import Path

import numpy as np
import pytest

from fastconv._core.problem import LAYOUTS as LAYOUTS, Problem
from fastconv._core.winners import indices as indices_of

NATIVE = ("float32", "float64")
INTEGERS = tuple(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))
FOLDER = Path(__file__).parents[1] / "benchmarks" / "problems"
LARGEST = 150_000  # elements; larger problems are cut down to fewer images

both_rooms = pytest.mark.parametrize("algorithm", ["reference", "direct", "direct_pooling"])


def records():
    """The pooling problems of the data file, large batches cut down."""
    chosen = json.loads((FOLDER / "pool.json").read_text())["problems"]
    for record in chosen:
        image = record["C"] * math.prod(record["in"])
        record["N"] = max(1, min(record["N"], LARGEST // image))
    return chosen


def label(record):
    """A readable test id."""
    sizes = "x".join(map(str, record["in"])) + "_f" + "x".join(map(str, record["kernel"]))
    return f"{record['set']}:{record['name']}:c{record['C']}i{sizes}"


def to_layout(array, layout):
    """Channels-first `array` in a layout, contiguous."""
    return array if layout == "channels_first" else np.ascontiguousarray(np.moveaxis(array, 1, -1))


def from_layout(array, layout):
    return array if layout == "channels_first" else np.moveaxis(array, -1, 1)


def same(actual, expected):
    """Whether two arrays hold the same values, NaN included, in the same dtype."""
    assert actual.dtype == expected.dtype
    if actual.dtype.name == "bfloat16":  # whose NaN the comparison does not know
        actual, expected = actual.astype(np.float32), expected.astype(np.float32)
    np.testing.assert_array_equal(actual, expected)


def pose(kind, x, kernel, stride, pads, dilation, output, layout="channels_first", **options):
    """The Problem of pooling channels-first `x`."""
    channels = x.shape[1]
    return Problem(
        kind, x.dtype.name, layout, len(x), channels, channels, channels, x.shape[2:],
        tuple(kernel), tuple(stride), tuple(dilation),
        tuple(b for b, _ in pads), tuple(a for _, a in pads), tuple(output), **options,
    )  # fmt: skip


def run_room(room, problem, x, threads, argmax=True):
    """Channels-first results of a room, from outputs that held nonsense before."""
    assert room.supports(problem) is None
    shape = problem.output_shape
    y = np.full(shape, np.nan if x.dtype.kind == "f" else 77, x.dtype)
    codes = np.full(shape, 0xFFFF, np.uint16) if argmax and problem.kind == "max_pool" else None
    outputs = (y,) if problem.kind == "avg_pool" else (y, codes)
    room.run(room.compile(problem), None, (to_layout(x, problem.layout),), outputs, threads)
    found = [from_layout(y, problem.layout)]
    if codes is not None:
        found.append(from_layout(indices_of(problem, codes, threads), problem.layout))
    return found


def read_only(x):
    x = x.copy()
    x.flags.writeable = False
    return x


def starts(size, kernel, stride, dilation, pads, ceil_mode):
    """Where the windows along one axis start: those that fit, and with `ceil_mode` one more

    if the last one does not reach the end and the next still starts before it.
    """
    before, after = pads
    extent = dilation * (kernel - 1) + 1
    end = size + after
    found = []
    for start in itertools.count(-before, stride):
        fits = start + extent <= end
        hangs_over = found and found[-1] + extent < end and start < size + min(after, 0)
        if not fits and not (ceil_mode and hangs_over):
            return found
        found.append(start)


def pool(x, kernel, stride, pads, dilation, ceil_mode, include_pad=True, divisor=None):
    """Channels-first `x` pooled: (maxima, indices, averages), Python loops throughout."""
    spatial = x.shape[2:]
    axes = range(len(spatial))
    windows = [
        starts(spatial[i], kernel[i], stride[i], dilation[i], pads[i], ceil_mode) for i in axes
    ]
    shape = (*x.shape[:2], *map(len, windows))
    maxima = np.empty(shape, x.dtype)
    indices = np.empty(shape, np.int64)
    averages = np.empty(shape, x.dtype)
    inexact = x.dtype.kind not in "iu"
    lowest = -math.inf if inexact else np.iinfo(x.dtype).min
    for place in np.ndindex(*shape):
        plane = x[place[:2]]
        best, where, total, count = lowest, -1, x.dtype.type(0), 0
        for tap in np.ndindex(*kernel):
            at = [windows[i][place[2 + i]] + tap[i] * dilation[i] for i in axes]
            if all(at[i] < spatial[i] + pads[i][1] for i in axes):
                real = all(0 <= at[i] < spatial[i] for i in axes)
                count += real or include_pad
                if real:
                    value = plane[tuple(at)]
                    total = total + value if inexact else total
                    better = value > best or (value != value and best == best)
                    if where == -1 or better:
                        best, where = value, int(np.ravel_multi_index(at, spatial))
        maxima[place], indices[place] = best, where
        if inexact:
            averages[place] = total / x.dtype.type(divisor or max(count, 1))
    return maxima, indices, averages
