"""Padding modes: what an input shows beyond its ends; padded copies, and gradients folded back.

In a mode of MODES, elements of the padding are copies of elements of the input; the gradient of an
element is then the sum of those of its copies.
"""

import numpy as np

# torch's names -> NumPy's
MODES = {"reflect": "reflect", "symmetric": "symmetric", "replicate": "edge", "circular": "wrap"}


def pad(problem, x, sizes=None):
    """Channels-first `x` with its padding: what the windows touch, or as many elements as `sizes`."""
    p = problem
    for i in range(p.ndim):
        size = (p.output[i] - 1) * p.stride[i] + p.extent[i] if sizes is None else sizes[i]
        before, after = p.pad_begin[i], size - p.pad_begin[i] - p.input[i]
        if p.padding_mode in MODES:
            if before > 0 or after > 0:
                x = x.take(origin(p.input[i], before, after, p.padding_mode), 2 + i)
                continue
        elif before > 0 or after > 0:
            grow = [(0, 0)] * x.ndim
            grow[2 + i] = max(before, 0), max(after, 0)
            value = p.padding_value if p.padding_mode == "constant" else 0
            x = np.pad(x, grow, constant_values=value)
        start = max(-before, 0)
        x = x[(slice(None),) * (2 + i) + (slice(start, start + size),)]
    return x


def fold(padded, shape, pads, spatial, mode):
    """The gradient of an input of `shape` from that of its padding along the `spatial` axes."""
    for axis, (before, after) in zip(spatial, pads):
        size = shape[axis]
        sources = origin(size, before, after, mode)
        total = np.zeros((*padded.shape[:axis], size, *padded.shape[axis + 1 :]), padded.dtype)
        at = (slice(None),) * axis
        # The input itself is one run of them.
        count = len(sources)
        start = min(max(before, 0), count)
        stop = max(min(before + size, count), start)
        if start < stop:
            total[(*at, slice(start - before, stop - before))] = padded[(*at, slice(start, stop))]
        for i in (*range(start), *range(stop, count)):
            if sources[i] >= 0:
                total[(*at, sources[i])] += padded[(*at, i)]
        padded = total
    return padded


def origin(size, before, after, mode):
    """Which element of an axis of `size` every padded one is a copy of; -1 for none."""
    at = np.arange(-before, max(size + after, -before))
    if mode == "constant":
        return np.where((at >= 0) & (at < size), at, -1)
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
