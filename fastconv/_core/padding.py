"""Padding modes other than zeros: the padded input is materialised before a problem is posed.

Its gradient is folded back: what several padded elements were copied from gets their sum.
"""

import numpy as np

# torch's names -> NumPy's
MODES = {"reflect": "reflect", "symmetric": "symmetric", "replicate": "edge", "circular": "wrap"}


def materialise(op, x, pads, spatial, mode):
    """`x` padded (and, for negative values, cropped) along its `spatial` axes.

    Cropping comes after padding, as if the whole padded array had been made first.
    """
    grow = [(0, 0)] * x.ndim
    crop = [slice(None)] * x.ndim
    for axis, (before, after) in zip(spatial, pads):
        size = x.shape[axis]
        _refuse_empty(op, size, before, after, axis, mode)
        grow[axis] = (max(before, 0), max(after, 0))
        stop = size + grow[axis][0] + grow[axis][1] + min(after, 0)
        crop[axis] = slice(max(-before, 0), max(stop, 0))
    return np.pad(x, grow, mode=MODES[mode])[tuple(crop)]


def fold(op, padded, shape, pads, spatial, mode):
    """The adjoint of `materialise`: the gradient of an input of `shape` from that of its padding."""
    for axis, (before, after) in zip(spatial, pads):
        size, crop = shape[axis], max(-before, 0)
        _refuse_empty(op, size, before, after, axis, mode)
        grow = (max(before, 0), max(after, 0))
        # Which element every padded one was copied from.
        origin = np.pad(np.arange(size), grow, mode=MODES[mode])
        origin = origin[crop : max(len(origin) + min(after, 0), 0)]
        total = np.zeros((*padded.shape[:axis], size, *padded.shape[axis + 1 :]), padded.dtype)
        at = (slice(None),) * axis
        # The input itself is one run of them.
        shift, count = grow[0] - crop, len(origin)
        start = min(max(shift, 0), count)
        stop = max(min(shift + size, count), start)
        if start < stop:
            total[(*at, slice(start - shift, stop - shift))] = padded[(*at, slice(start, stop))]
        for i in (*range(start), *range(stop, count)):
            total[(*at, origin[i])] += padded[(*at, i)]
        padded = total
    return padded


def _refuse_empty(op, size, before, after, axis, mode):
    if (before > 0 or after > 0) and size == 0:
        raise ValueError(f"{op}: cannot pad the empty axis {axis} in mode {mode!r}")
