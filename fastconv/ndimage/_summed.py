"""Derivatives along every axis, put together."""

import numpy as np

from ._arguments import axes_of, each, output_of

# Elements that are worked on while they are in a cache.
_PIECE = 1 << 14


def summed(input, derivative, output, mode, axes):
    """The sum over `axes` of what ``derivative(axis, output, mode)`` gives."""
    return _total(input, derivative, output, mode, axes, False)


def magnitude(input, derivative, output, mode, axes):
    """The root of the sum of squares of the derivatives."""
    return _total(input, derivative, output, mode, axes, True)


def _total(input, derivative, output, mode, axes, squares):
    output = output_of(output, input)
    axes = axes_of(axes, input.ndim)
    if not axes:
        output[...] = input
        return output
    modes = each(mode, len(axes))
    # What is at `output` may be what is still to be derived.
    total = np.empty(output.shape, output.dtype) if np.may_share_memory(input, output) else output
    for number, (axis, one) in enumerate(zip(axes, modes)):
        part = derivative(axis, output.dtype if number else total, one)
        if squares or number:
            last = number + 1 == len(axes)
            for to, more in zip(_pieces(total), _pieces(part)):
                _put(to, more, bool(number), squares, squares and last)
    if total is not output:
        output[...] = total
    return output


def _put(total, part, adds, squares, root):
    """One piece: the square of `part`, or itself, set or added to `total`, and maybe the root of that."""
    if squares:
        np.multiply(part, part, part)
    if adds:
        total += part
    if root:
        _root(total)


def _pieces(x):
    """Views of `x` that together are all of it; small ones if it is contiguous."""
    if not x.flags.c_contiguous:
        return [x]
    flat = x.reshape(-1)
    return [flat[i : i + _PIECE] for i in range(0, x.size, _PIECE)]


def _root(x):
    """The square root, in place; of small integers from a table of them all."""
    if x.dtype.itemsize > 1 or x.dtype == bool:
        np.sqrt(x, x, casting="unsafe")
        return
    table = np.arange(256, dtype=np.uint8).view(x.dtype)
    with np.errstate(invalid="ignore" if x.min(initial=0) >= 0 else None):
        np.sqrt(table, table, casting="unsafe")
    x[...] = table[x.view(np.uint8)]
