"""What the fuzzer compares with: which element each tap sees, in NumPy alone, gathered and scattered.

Sums are in float64 or complex128, where those of small integers are exact. Nothing here is fastconv's.
"""

import numpy as np

PAD_MODES = {"reflect": "reflect", "symmetric": "symmetric", "replicate": "edge", "circular": "wrap"}
FILLED, BEYOND = -1, -2  # in place of an element: one of the padding; one behind it


def axis_map(size, kernel, stride, dilation, pads, mode="zeros", ceil=False):
    """(outputs, kernel) array of the elements along one axis; None where no window fits."""
    before, after = pads
    at = np.arange(size)
    grow = [(max(before, 0), max(after, 0))]
    if mode in PAD_MODES:
        at = np.pad(at, grow, mode=PAD_MODES[mode])
    else:
        at = np.pad(at, grow, constant_values=FILLED)
    at = at[max(-before, 0) : len(at) - max(-after, 0)]
    room = len(at) - dilation * (kernel - 1) - 1
    count = room // stride + 1
    if ceil and room % stride and count * stride < size + before + min(after, 0):
        count += 1
    if count < 1 or (room < 0 and not ceil):
        return None
    at = np.append(at, np.full(stride + dilation * kernel, BEYOND))
    return at[np.arange(count)[:, None] * stride + np.arange(kernel) * dilation]


def part_map(size, parts):
    """The same where `parts` windows part the axis evenly."""
    starts = [i * size // parts for i in range(parts)]
    stops = [-(-(i + 1) * size // parts) for i in range(parts)]
    longest = max(stop - start for start, stop in zip(starts, stops))
    return np.array(
        [
            [i if i < stop else BEYOND for i in range(start, start + longest)]
            for start, stop in zip(starts, stops)
        ]
    )


def spread(maps):
    """Index arrays, of one map per axis, with axes (*outputs, *kernel)."""
    n = len(maps)
    for i, at in enumerate(maps):
        shape = [1] * (2 * n)
        shape[i], shape[n + i] = at.shape
        yield at.reshape(shape)


def inside(maps, lowest=0):
    """Where taps meet elements; with ``lowest=FILLED``, padding too."""
    return np.logical_and.reduce(np.broadcast_arrays(*(at >= lowest for at in spread(maps))))


def gather(x, maps, fill=0):
    """What the taps of (N, C, *spatial) see: (N, C, *outputs, *kernel)."""
    x = np.pad(x, [(0, 0)] * 2 + [(0, 1)] * len(maps), constant_values=fill)
    return x[(slice(None), slice(None), *(np.where(at < 0, -1, at) for at in spread(maps)))]


def scatter(values, maps, sizes):
    """The adjoint: sums of what each element got."""
    total = np.zeros((*values.shape[:2], *(size + 1 for size in sizes)), values.dtype)
    np.add.at(
        total, (slice(None), slice(None), *(np.where(at < 0, -1, at) for at in spread(maps))), values
    )
    return total[(slice(None), slice(None), *(slice(size) for size in sizes))]


def counts(maps):
    """(outputs, kernel), each a tuple."""
    return tuple(len(at) for at in maps), tuple(at.shape[1] for at in maps)


def grouped(a, groups, axis=1):
    """`a` with the channels of each group together."""
    return a.reshape(*a.shape[:axis], groups, a.shape[axis] // groups, *a.shape[axis + 1 :])


def columns(x, maps, groups, fill=0):
    """Windows as (N, groups, channels, outputs, taps)."""
    outputs, kernel = counts(maps)
    seen = gather(x, maps, fill).reshape(*x.shape[:2], int(np.prod(outputs)), int(np.prod(kernel)))
    return grouped(seen, groups)


def rows(w, groups):
    """Filters as (groups, filters, channels, taps)."""
    return w.reshape(groups, w.shape[0] // groups, w.shape[1], int(np.prod(w.shape[2:])))


def conv(x, w, maps, groups, fill=0):
    y = np.einsum("ngcpt,gkct->ngkp", columns(x, maps, groups, fill), rows(w, groups), optimize=True)
    return y.reshape(len(x), len(w), *counts(maps)[0])


def back(g, w, maps, groups, sizes):
    """Gradient to the input; a transposed convolution."""
    flat = grouped(g.reshape(*g.shape[:2], int(np.prod(g.shape[2:]))), groups)
    values = np.einsum("ngkp,gkct->ngcpt", flat, rows(w, groups), optimize=True)
    outputs, kernel = counts(maps)
    return scatter(values.reshape(len(g), groups * w.shape[1], *outputs, *kernel), maps, sizes)


def weight_gradient(x, g, maps, groups, fill=0):
    flat = grouped(g.reshape(*g.shape[:2], int(np.prod(g.shape[2:]))), groups)
    total = np.einsum("ngkp,ngcpt->gkct", flat, columns(x, maps, groups, fill), optimize=True)
    return total.reshape(g.shape[1], x.shape[1] // groups, *counts(maps)[1])


def local(x, w, maps):
    """`w` is (*outputs, filters, channels, *kernel)."""
    outputs, kernel = counts(maps)
    flat = w.reshape(
        int(np.prod(outputs)), *w.shape[len(outputs) : len(outputs) + 2], int(np.prod(kernel))
    )
    y = np.einsum("ncpt,pkct->nkp", columns(x, maps, 1)[:, 0], flat)
    return y.reshape(*y.shape[:2], *outputs)


def local_gradients(x, w, g, maps):
    outputs, kernel = counts(maps)
    flat = w.reshape(
        int(np.prod(outputs)), *w.shape[len(outputs) : len(outputs) + 2], int(np.prod(kernel))
    )
    lines = g.reshape(*g.shape[:2], int(np.prod(outputs)))
    to_x = np.einsum("nkp,pkct->ncpt", lines, flat).reshape(*x.shape[:2], *outputs, *kernel)
    to_w = np.einsum("nkp,ncpt->pkct", lines, columns(x, maps, 1)[:, 0]).reshape(w.shape)
    return scatter(to_x, maps, x.shape[2:]), to_w, g.sum(axis=0)


def largest(x, maps, lowest):
    """(maxima, their positions in the plane): the first of equals, NaN before all, -1 where nothing is."""
    outputs, kernel = counts(maps)
    taps = int(np.prod(kernel))
    there = inside(maps).reshape(*outputs, taps)
    place = np.ravel_multi_index(
        tuple(np.maximum(at, 0) for at in np.broadcast_arrays(*spread(maps))), x.shape[2:]
    ).reshape(*outputs, taps)
    seen = gather(x, maps, lowest).reshape(*x.shape[:2], *outputs, taps)
    rank = np.where(there, seen, lowest)
    nan = np.isnan(rank) if x.dtype.kind == "f" else np.zeros(rank.shape, bool)
    # Elements that are as low as nothing still come before it.
    best = np.where(
        nan.any(-1), nan.argmax(-1), ((rank == rank.max(-1, keepdims=True)) & there).argmax(-1)
    )
    index = np.take_along_axis(np.broadcast_to(place, rank.shape), best[..., None], -1)[..., 0]
    value = np.take_along_axis(rank, best[..., None], -1)[..., 0]
    return value, np.where(there.any(-1), index, -1)


def divisors(maps, include_pad, override):
    if override:
        return override
    return np.maximum(inside(maps, FILLED if include_pad else 0).sum(tuple(range(-len(maps), 0))), 1)


def over_windows(x, maps):
    """Sums of what windows see."""
    return gather(x, maps).sum(tuple(range(-len(maps), 0)))
