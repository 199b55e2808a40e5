"""Padding modes other than zeros: the padded input is materialised before a problem is posed."""

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
        if (before > 0 or after > 0) and size == 0:
            raise ValueError(f"{op}: cannot pad the empty axis {axis} in mode {mode!r}")
        grow[axis] = (max(before, 0), max(after, 0))
        stop = size + grow[axis][0] + grow[axis][1] + min(after, 0)
        crop[axis] = slice(max(-before, 0), max(stop, 0))
    return np.pad(x, grow, mode=MODES[mode])[tuple(crop)]
