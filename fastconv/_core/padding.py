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
    for axis, (before, after) in zip(spatial, pads):
        _refuse_empty(op, x.shape[axis], before, after, axis, mode)
        if min(before, after) < 0:
            x = x.take(_origin(x.shape[axis], before, after, mode), axis)
        else:
            grow[axis] = before, after
    return np.pad(x, grow, mode=MODES[mode]) if any(map(any, grow)) else x


def fold(op, padded, shape, pads, spatial, mode):
    """The adjoint of `materialise`: the gradient of an input of `shape` from that of its padding."""
    for axis, (before, after) in zip(spatial, pads):
        size = shape[axis]
        _refuse_empty(op, size, before, after, axis, mode)
        origin = _origin(size, before, after, mode)
        total = np.zeros((*padded.shape[:axis], size, *padded.shape[axis + 1 :]), padded.dtype)
        at = (slice(None),) * axis
        # The input itself is one run of them.
        count = len(origin)
        start = min(max(before, 0), count)
        stop = max(min(before + size, count), start)
        if start < stop:
            total[(*at, slice(start - before, stop - before))] = padded[(*at, slice(start, stop))]
        for i in (*range(start), *range(stop, count)):
            total[(*at, origin[i])] += padded[(*at, i)]
        padded = total
    return padded


def _origin(size, before, after, mode):
    """Which element of an axis of `size` every padded one is a copy of."""
    at = np.arange(-before, max(size + after, -before))
    if not size:
        return at
    if mode == "replicate":
        return at.clip(0, size - 1)
    if mode == "circular":
        return at % size
    # Mirrored at an element, which comes once, or beside it, so that it comes twice.
    twice = 1 if mode == "symmetric" else 0
    at %= max(2 * (size - 1 + twice), 1)
    return np.minimum(at, 2 * (size - 1) + twice - at)


def _refuse_empty(op, size, before, after, axis, mode):
    if (before > 0 or after > 0) and size == 0:
        raise ValueError(f"{op}: cannot pad the empty axis {axis} in mode {mode!r}")
