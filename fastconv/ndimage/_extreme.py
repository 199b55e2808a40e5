"""Maxima and minima over boxes and other windows."""

import numpy as np

from .._core.padding import origin as origin_of
from .._core.settings import current
from .._scipy import tell
from . import _extrema
from ._folding import fold
from ._sums import in_turn


def of_boxes(x, y, each, around, minimum):
    """Over boxes; `each` is (axis, size, mode, origin)."""
    if x.dtype != y.dtype and len(each) > 1:
        # As SciPy has it, what is between two passes is of the result's dtype.
        between = np.empty(x.shape, y.dtype)
        _of_box(x, between, each[:1], around, minimum)
        x, each = between, each[1:]
    each = sorted(each)
    # Two axes together, the last ones; slices of a box would each be read for many outputs.
    first = len(each) % 2
    parts = [each[:first]] * first + [each[i : i + 2] for i in range(first, len(each), 2)]
    in_turn(x, y, parts, lambda x, y, *part: _of_box(x, y, part, around, minimum))


def _of_box(x, y, each, around, minimum):
    axes, sizes, modes, origins = zip(*each)
    folded = fold(x.shape, axes)
    if folded is None:
        in_turn(x, y, each, lambda x, y, *one: _of_box(x, y, [one], around, minimum))
        return
    # In each direction as far as there is something new: in every mode two lengths of an axis show it all.
    most = [2 * x.shape[axis] for axis in axes]
    befores = [min(size // 2 + origin, n) for size, origin, n in zip(sizes, origins, most)]
    afters = [min(size - 1 - size // 2 - origin, n) for size, origin, n in zip(sizes, origins, most)]
    reach = folded.spread([b + a + 1 for b, a in zip(befores, afters)], 1)
    befores = folded.spread(befores, 0)
    runs = np.array([[0, 0, 0, reach[-1]]])
    tell(lambda: f"{'minima' if minimum else 'maxima'} over {' x '.join(map(str, reach))}, of {x.dtype}")
    _compute(
        x, y, folded, reach, reach, runs, folded.spread(modes, "constant"), befores, around, minimum
    )


def of_windows(x, y, footprint, mode, around, origins, minimum):
    """Over windows of any form, with the axes of `x`; False if they have too many of them."""
    axes = tuple(i for i, n in enumerate(footprint.shape) if n > 1)
    folded = fold(x.shape, axes or (x.ndim - 1,))
    if folded is None:
        return False
    reach = folded.spread([footprint.shape[i] for i in axes], 1)
    befores = folded.spread([footprint.shape[i] // 2 + origins[i] for i in axes], 0)
    runs = _runs(footprint.reshape(reach))
    tell(
        lambda: f"{'minima' if minimum else 'maxima'} over {len(runs)} runs of neighbours, of {x.dtype}"
    )
    _compute(x, y, folded, reach, (), runs, [mode] * folded.ndim, befores, around, minimum)
    return True


def _runs(footprint):
    """(slice, row, first, length) of all runs along the last axis, by their lengths."""
    edges = np.diff(np.pad(footprint.astype(np.int8), [(0, 0)] * (footprint.ndim - 1) + [(1, 1)]))
    first, last = np.argwhere(edges > 0), np.argwhere(edges < 0)
    runs = np.hstack([first, last[:, -1:] - first[:, -1:]])
    runs = np.hstack([np.zeros((len(runs), 4 - runs.shape[1]), int), runs])
    return runs[np.argsort(runs[:, -1], kind="stable")]


def _compute(x, y, folded, reach, slide, runs, modes, befores, around, minimum):
    wanted = y
    if x.dtype != y.dtype or not y.dtype.isnative or not y.flags.aligned or np.may_share_memory(x, y):
        y = np.empty(x.shape, x.dtype.newbyteorder("="))
    if not x.dtype.isnative or not x.flags.aligned:
        x = x.astype(y.dtype)
    if x.dtype == bool:
        x, around = x.view(np.uint8), around != 0
    source = folded.boxed(x)
    target = folded.boxed(y.view(x.dtype))
    direct = np.may_share_memory(target, y)
    if not direct:
        target = np.empty(target.shape, x.dtype)
    grow = 3 - folded.ndim
    reach, befores = (*(1,) * grow, *reach), (*(0,) * grow, *befores)
    modes = ["constant"] * grow + modes
    slide = (1,) * (3 - len(slide)) + tuple(slide) if slide else (1, 1, 1)
    shown = [
        origin_of(n, b, k - 1 - b, m) for n, b, k, m in zip(source.shape[1:], befores, reach, modes)
    ]
    _extrema.extrema(
        source, target, minimum, reach, slide[:2], runs, shown, befores[2], around, current().threads
    )
    if not direct:
        y.view(x.dtype)[...] = folded.unboxed(target).reshape(y.shape)
    if y is not wanted:
        with np.errstate(all="ignore"):
            wanted[...] = y
