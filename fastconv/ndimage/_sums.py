"""Weighted sums of windows: by convolution of floats, and otherwise in SciPy's own order.

Floats of 32 and 64 bits, real or complex, are convolved; their sums may differ from SciPy's by rounding.
Where integers go in or come out, sums are those of SciPy to the last bit.
"""

from functools import lru_cache

import numpy as np

from .. import conv
from .._core.padding import origin as origin_of
from .._core.settings import current
from .._operations.convolution import convolve_factors
from .._scipy import COMPLEX, INTEGERS, REAL, tell, tell_choice
from . import _ordered
from ._folding import fold

_OURS = REAL + COMPLEX + INTEGERS + "?"
_SMALL = "bBhH"
# What SciPy leaves out of a kernel of two axes and more.
_NOTHING = np.finfo(np.float64).eps
# Kernels of so many weights have their sum kept, to within so much of it.
_SUMMED = 512
_LITTLE = 1e-11
_CONV = (None, conv.conv1d, conv.conv2d, conv.conv3d)


def is_ours(*dtypes):
    """Whether the engine takes arrays of these dtypes."""
    return all(dtype.char in _OURS for dtype in dtypes)


def correlate(x, y, weights, mode, around, befores):
    """Set `y` to the sums over windows of `x`; False if it has too many axes.

    `weights` have the axes of `x`; `befores` say for each how many of them lie before an element.
    """
    axes = tuple(i for i, n in enumerate(weights.shape) if n > 1)
    if not axes:
        axes = (x.ndim - 1,)
    folded = fold(x.shape, axes)
    if folded is None:
        return False
    kernel = folded.spread([weights.shape[i] for i in axes], 1)
    weights = weights.reshape(kernel)
    befores = folded.spread([befores[i] for i in axes], 0)
    if not _is_convolved(x, y):
        _sum_kept(x, y, folded, kernel, weights, mode, around, befores)
        return True
    holes = y.dtype.kind == "f" and (np.abs(weights) <= _NOTHING).any()
    if holes and np.may_share_memory(x, y):
        x = x.copy()  # which is read once more
    _convolve(x, y, folded, weights, mode, around, befores)
    if holes and not _is_finite(y):
        # Zeros are no part of the kernel, whatever they meet.
        _sum_kept(x, y, folded, kernel, weights, mode, around, befores)
    return True


def _is_finite(y):
    """Whether all numbers are finite; their sum says so, or that they are large."""
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(y.sum()))


def _sum_kept(x, y, folded, kernel, weights, mode, around, befores):
    """In order, over the weights that are not zero."""
    keep = np.argwhere(np.abs(weights) > _NOTHING)
    if not len(keep):
        keep = np.zeros((1, weights.ndim), int)
    _in_order(x, y, folded, kernel, keep, keep, weights[tuple(keep.T)], 0, mode, around, befores)


def correlate1d(x, y, weights, axis, mode, around, before):
    """Set `y` to the sums over windows along one axis of `x`."""
    folded = fold(x.shape, (axis,))
    kernel, befores = (folded.spread([n], fill) for n, fill in ((len(weights), 1), (before, 0)))
    if _is_convolved(x, y):
        _convolve(x, y, folded, weights.reshape(kernel), mode, around, befores)
        return
    first, second, values, pairs = _terms(weights)
    # Offsets along the axis as offsets of all three.
    first, second = (np.array([folded.spread([t], 0) for t in offsets]) for offsets in (first, second))
    _in_order(x, y, folded, kernel, first, second, values, pairs, mode, around, befores)


def passes(x, y, each, around):
    """Set `y` to what passes along some axes leave of `x`: `each` is (axis, weights, mode, origin)."""
    axes, weights, modes, origins = zip(*each)
    same = len(set(modes)) == 1 and (modes[0] != "constant" or around == 0)
    if same and len(each) > 1 and x.dtype == y.dtype and x.dtype.char in REAL:
        order = sorted(range(len(axes)), key=axes.__getitem__)
        folded = fold(x.shape, tuple(sorted(axes)))
        if folded is not None and _together(
            x, y, folded, [weights[i] for i in order], modes[0],
            [len(weights[i]) // 2 + origins[i] for i in order],
        ):  # fmt: skip
            return
    in_turn(x, y, each, lambda x, y, axis, weights, mode, origin: correlate1d(
        x, y, weights, axis, mode, around, len(weights) // 2 + origin))  # fmt: skip


def in_turn(x, y, each, run):
    """``run(x, y, *one)`` for each one, from result to result; the last is `y`."""
    for number, one in enumerate(each, 1):
        last = number == len(each) and not np.may_share_memory(x, y)
        target = y if last else np.empty(x.shape, y.dtype)
        run(x, target, *one)
        x = target
    if x is not y:
        y[...] = x


def _is_convolved(x, y):
    if y.dtype.kind != x.dtype.kind and y.dtype.kind != "c":
        return False
    return x.dtype.char in REAL + COMPLEX and y.dtype.char in REAL + COMPLEX


def _together(x, y, folded, weights, mode, befores):
    """All passes as one convolution with their outer product; False if that is no good idea."""
    ones = np.ones(1)
    factors = folded.spread(weights, ones)
    befores = folded.spread(befores, 0)
    pads = tuple((b, len(f) - 1 - b) for b, f in zip(befores, factors))
    filters = tuple(_repeated(_narrowed(f, x.dtype), folded.channels) for f in factors)
    mode = "zeros" if mode == "constant" else mode
    out = folded.batched(y)
    direct = np.may_share_memory(out, y)
    result = convolve_factors(
        folded.ndim, folded.batched(x), filters, pads, mode, folded.layout, out if direct else None
    )
    if result is None:
        return False
    tell(lambda: f"passes of {' x '.join(str(len(f)) for f in factors)} in one convolution")
    if not direct:
        y[...] = result.reshape(y.shape)
    return True


def _convolve(x, y, folded, weights, mode, around, befores):
    """By `fastconv.conv1d`, `conv2d` or `conv3d`."""
    work = np.promote_types(x.dtype, y.dtype)
    if weights.dtype.kind != "c":
        work = x.dtype if y.dtype.itemsize <= x.dtype.itemsize else work
        work = np.promote_types(work, x.dtype)
    x = x if x.dtype.kind != work.kind or x.dtype == work else x.astype(work)
    narrow = work if weights.dtype.kind == "c" else np.zeros(0, work).real.dtype
    weights = _narrowed(weights, narrow)
    weights = _repeated(weights[None], folded.channels)
    pads = tuple((b, n - 1 - b) for b, n in zip(befores, weights.shape[2:]))
    options = dict(
        padding=pads, groups=folded.channels, data_format=folded.layout,
        dtype=None if x.dtype == work else work, padding_mode=mode,
    )  # fmt: skip
    if mode == "constant":
        options["padding_value"] = around
    run = _CONV[folded.ndim]
    seen = folded.batched(x)
    tell_choice(run, seen, weights, options)
    out = folded.batched(y) if y.dtype == work else None
    if out is not None and np.may_share_memory(out, y):
        run(seen, weights, out=out, **options)
    else:
        with np.errstate(over="ignore"):
            y[...] = run(seen, weights, **options).reshape(y.shape)


def _repeated(array, count):
    """`array` `count` times, along a new first axis."""
    return array[None] if count == 1 else np.broadcast_to(array, (count, *array.shape))


def _narrowed(weights, dtype):
    """`weights` in a dtype; in float32 with the sum that they had, or means would be off."""
    with np.errstate(over="ignore"):
        narrow = weights.astype(dtype, copy=False)
    if dtype != np.float32 or weights.size > _SUMMED:
        return narrow
    return _kept_sum(weights.tobytes(), weights.shape)


@lru_cache(maxsize=64)
def _kept_sum(data, shape):
    weights = np.frombuffer(data)
    with np.errstate(over="ignore", invalid="ignore"):
        narrow, wanted = weights.astype(np.float32), weights.sum()
        # The rounding of what a large one takes over is left to smaller ones, which hold it.
        for i in np.argsort(-np.abs(weights), kind="stable"):
            missing = wanted - narrow.sum(dtype=np.float64)
            if not abs(missing) > _LITTLE * abs(wanted):
                break
            narrow[i] += missing
    return narrow.reshape(shape)


def _in_order(x, y, folded, kernel, first, second, values, pairs, mode, around, befores):
    """In SciPy's order, in float64."""
    x, y = (a.view(np.uint8) if a.dtype == bool else a for a in (x, y))
    if not x.dtype.isnative or not x.flags.aligned:
        x = x.astype(x.dtype.newbyteorder("="))
    modular = _is_modular(x, y, values, around)
    how = "modulo 2**16" if modular else "in float64, in SciPy's order"
    tell(lambda: f"sums of {len(values)} products {how}, of {x.dtype} to {y.dtype}")
    grow = (0,) * (3 - folded.ndim)
    kernel, befores = (*(1 for _ in grow), *kernel), (*grow, *befores)
    source, target = folded.boxed(x), folded.boxed(y)
    direct = np.may_share_memory(target, y) and y.dtype.isnative and y.flags.aligned
    if not direct or np.may_share_memory(x, y):
        target = np.empty(target.shape, y.dtype.newbyteorder("="))
        direct = False
    shown = [
        origin_of(n, b, k - 1 - b, mode) for n, b, k in zip(source.shape[1:], befores, kernel)
    ]  # fmt: skip
    first, second = (np.hstack([np.zeros((len(a), len(grow)), int), a]) for a in (first, second))
    _ordered.correlate(
        source, target, kernel, shown, befores[2], first, second, values, pairs, around,
        modular, current().threads,
    )  # fmt: skip
    if not direct:
        y[...] = folded.unboxed(target).reshape(y.shape)


def _is_modular(x, y, weights, around):
    """Whether sums are whole numbers that a conversion to the result's dtype would wrap anyway."""
    if x.dtype.char not in _SMALL or y.dtype.char not in _SMALL or not float(around).is_integer():
        return False
    largest = max(2 ** (8 * x.itemsize), abs(around))
    return bool(np.abs(weights).sum() * largest < 2**31 and not (weights % 1).any())


def _terms(weights):
    """(first, second, weights, pairs): the terms of a line's sums, in the order of SciPy."""
    size = len(weights)
    half = size // 2
    if size % 2:
        after, before = weights[half + 1 :], weights[:half][::-1]
        pairs = 0
        if (np.abs(after - before) <= _NOTHING).all():
            pairs = 1
        elif (np.abs(after + before) <= _NOTHING).all():
            pairs = -1
        if pairs:
            first = np.array([half, *range(half)])
            return first, size - 1 - first, weights[first], pairs
    last = size - 1
    first = np.array([last, *range(last)])
    return first, first, weights[first], 0
