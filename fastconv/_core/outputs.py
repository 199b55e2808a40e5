"""The caller's ``out``: checked, and replaced by a temporary where writing to it would be wrong."""

import numpy as np


def prepare_out(op, out, shape, dtype, inputs):
    """(what the caller gets, what is written to): different arrays if `out` overlaps an input."""
    if not isinstance(out, np.ndarray):
        raise TypeError(f"{op}: out must be an ndarray, got {type(out).__name__}")
    if out.shape != shape:
        raise ValueError(f"{op}: out has shape {out.shape}, the result has {shape}")
    if out.dtype.newbyteorder("=") != dtype:
        raise TypeError(f"{op}: out has dtype {out.dtype}, the result has {dtype}")
    if not out.flags.writeable:
        raise ValueError(f"{op}: out of shape {shape} is read-only")
    plain = out.dtype.isnative and out.flags.aligned and not _overlaps_itself(out)
    if plain and not any(np.may_share_memory(out, array) for array in inputs):
        return out, out
    return out, np.empty(shape, dtype)


def _overlaps_itself(out):
    return any(stride == 0 and n > 1 for stride, n in zip(out.strides, out.shape))
