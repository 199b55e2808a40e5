"""Exact integer arithmetic on machine types: bounds on sums, and results that fit or raise."""

import numpy as np

from .dtypes import EXACT_UP_TO


def bound(x, weight, bias=None, around=0):
    """An upper bound on the magnitude of every partial sum of a convolution, as a float.

    `around` is the value that `x` is padded with.
    """
    filters = np.abs(weight.astype(np.float64)).reshape(len(weight), -1).sum(axis=1)
    largest = filters.max(initial=0.0) * max(_magnitude(x), abs(around))
    # Sums of 2**53 terms at most: far more than the rounding of the sum above can amount to.
    return (largest + (_magnitude(bias) if bias is not None else 0.0)) * (1 + 1e-6)


def carrier(limit):
    """The smallest native dtype that holds every integer up to `limit` exactly, or None."""
    return next((name for name, exact in EXACT_UP_TO.items() if limit <= exact), None)


def accumulator(limit):
    """The integer dtype for sums up to `limit`: int64, or Python's own integers."""
    return np.int64 if limit < 2.0**63 else object


def store(total, y):
    """Write integral `total` (of any dtype) into the integer array `y`, if it fits."""
    if total.size:
        low, high, info = total.min(), total.max(), np.iinfo(y.dtype)
        if int(low) < info.min or int(high) > info.max:
            raise OverflowError(
                f"the result does not fit {y.dtype}: it spans {int(low)} to {int(high)}; "
                "convert the input to a wider dtype"
            )
    y[...] = total


def _magnitude(array):
    if not array.size:
        return 0.0
    return float(max(abs(int(array.max())), abs(int(array.min()))))
