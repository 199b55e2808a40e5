"""The caller's ``out`` where results cannot be written straight to it: refused, or stood in for."""

import numpy as np


def stand_in(op, out, shape, dtype):
    """A new array, whose elements are to be copied to `out` at last; raises if `out` is wrong."""
    if not isinstance(out, np.ndarray):
        raise TypeError(f"{op}: out must be an ndarray, got {type(out).__name__}")
    if out.shape != shape:
        raise ValueError(f"{op}: out has shape {out.shape}, the result has {shape}")
    if out.dtype.newbyteorder("=") != dtype:
        raise TypeError(f"{op}: out has dtype {out.dtype}, the result has {dtype}")
    if not out.flags.writeable:
        raise ValueError(f"{op}: out of shape {shape} is read-only")
    return np.empty(shape, dtype)
