"""The convolution of two arrays of the same number of axes, or a part of it, by the engine.

Of the axes that are not convolved, those of the first array alone are a batch, those of the second alone are
filters, and those of both are groups.
"""

from math import prod

import numpy as np

from .. import conv
from .._scipy import COMPLEX, INTEGERS, REAL, tell_choice

_CONV = (None, conv.conv1d, conv.conv2d, conv.conv3d)
_REAL_OF = {"F": np.dtype("f"), "D": np.dtype("d")}
# Of integers: what sums are computed in, exactly.
_WIDE = np.int64
_EXACT = "?bBhHiIlq"
FLOATS = REAL + COMPLEX
# The engine's algorithms by SciPy's names of methods.
_METHODS = {"auto": None, "direct": "direct", "fft": "fft"}


def result_type(a, b):
    """The dtype of a product, if the engine has it; else None."""
    first, second = a.dtype.char, b.dtype.char
    if first in FLOATS or second in FLOATS:
        known = FLOATS + INTEGERS + "?"
        dtype = np.result_type(a, b)
        return dtype if first in known and second in known and dtype.char in FLOATS else None
    return np.result_type(a, b) if first in _EXACT and second in _EXACT else None


def as_parts(dtype, *arrays):
    """The arrays in `dtype`; those that are real, if that is complex, in that of its parts."""
    real = _REAL_OF.get(dtype.char, dtype)
    return [a.astype(dtype if a.dtype.kind == "c" else real, copy=False) for a in arrays]


def product(x, h, starts, sizes, axes, method="auto", mode="zeros", value=0):
    """Elements from `starts` on, `sizes` of them, of the full convolution along `axes` of `x` and `h`.

    None if they have more axes than the engine takes. Beyond its border `x` is as `mode` says.
    """
    options = dict(flip=True, algorithm=_METHODS[method], padding_mode=mode)
    if mode == "constant":
        options["padding_value"] = value
    if x.ndim == 1 and mode == "zeros":
        if len(h) > len(x):
            x, h = h, x
        options["padding"] = (_padding(x, h, 0, starts, sizes),)
        x, h = x[None, None], h[None, None]
        tell_choice(conv.conv1d, x, h, options)
        y = _run(conv.conv1d, x, h, options)
        return None if y is None else y[0, 0]
    axes = [a for a in axes if x.shape[a] > 1 or h.shape[a] > 1] or list(axes)[-1:]
    swap = mode == "zeros" and _turns(x, h, axes)
    if swap:
        x, h = h, x
    if not 1 <= len(axes) <= 3:
        return None
    rest = [a for a in range(x.ndim) if a not in axes]
    groups = [a for a in rest if x.shape[a] > 1 and h.shape[a] > 1]
    filters = [a for a in rest if x.shape[a] == 1 and h.shape[a] > 1]
    batch = [a for a in rest if a not in groups and a not in filters]
    count = {name: prod(x.shape[a] for a in these) for name, these in (("g", groups), ("b", batch))}
    several = prod(h.shape[a] for a in filters)
    seen = x.transpose(*batch, *groups, *filters, *axes)
    seen = seen.reshape(count["b"], count["g"], *(x.shape[a] for a in axes))
    weight = h.transpose(*batch, *groups, *filters, *axes)
    weight = weight.reshape(count["g"] * several, 1, *(h.shape[a] for a in axes))
    options["padding"] = tuple(_padding(x, h, a, starts, sizes) for a in axes)
    options["groups"] = count["g"]
    run = _CONV[len(axes)]
    tell_choice(run, seen, weight, options)
    y = _run(run, seen, weight, options)
    if y is None:
        return None
    # Back to the order that the axes had.
    order = [*batch, *groups, *filters, *axes]
    shape = [
        *(x.shape[a] for a in (*batch, *groups)), *(h.shape[a] for a in filters), *(sizes[a] for a in axes)
    ]  # fmt: skip
    return y.reshape(shape).transpose(np.argsort(order))


def region(mode, n, k):
    """(start, size) of what a mode keeps of the full convolution of `n` elements and `k`."""
    return {"full": (0, n + k - 1), "same": ((k - 1) // 2, n), "valid": (k - 1, n - k + 1)}[mode]


def _padding(x, h, axis, starts, sizes):
    """(before, after) for results from a start on; negative where inputs reach none of them."""
    n, k = x.shape[axis], h.shape[axis]
    before = k - 1 - starts[axis]
    return before, sizes[axis] + k - 1 - n - before


def _run(run, x, weight, options):
    if x.dtype.kind in "iub":
        # These sums are exact, which no transform is.
        options = {**options, "algorithm": None}
        x, weight = (a.view(np.uint8) if a.dtype == bool else a for a in (x, weight))
        try:
            return run(x, weight, dtype=_WIDE, **options)
        except OverflowError:
            return None  # beyond 64 bits
    if x.dtype.kind != "c" and weight.dtype.kind == "c":
        options["dtype"] = weight.dtype
    try:
        return run(x, weight, **options)
    except ValueError:
        if options["algorithm"] is None:
            raise
        # Another than asked for does what that cannot.
        return run(x, weight, **{**options, "algorithm": None})


def _turns(x, h, axes):
    """Whether `h` is the longer one, and `x` the better kernel."""
    return prod(h.shape[a] for a in axes) > prod(x.shape[a] for a in axes)
