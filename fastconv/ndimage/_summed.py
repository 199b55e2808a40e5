"""Derivatives along every axis, put together."""

import numpy as np

from ._arguments import axes_of, each, output_of


def summed(input, derivative, output, mode, axes):
    """The sum over `axes` of what ``derivative(axis, output, mode)`` gives."""
    return _total(input, derivative, output, mode, axes, None)


def magnitude(input, derivative, output, mode, axes):
    """The root of the sum of squares of the derivatives."""
    output = _total(input, derivative, output, mode, axes, np.multiply)
    if axes_of(axes, input.ndim):
        _root(output)
    return output


def _root(x):
    """The square root, in place; of small integers from a table of them all."""
    if x.dtype.itemsize > 1 or x.dtype == bool:
        np.sqrt(x, x, casting="unsafe")
        return
    table = np.arange(256, dtype=np.uint8).view(x.dtype)
    with np.errstate(invalid="ignore" if x.min(initial=0) >= 0 else None):
        np.sqrt(table, table, casting="unsafe")
    x[...] = table[x.view(np.uint8)]


def _total(input, derivative, output, mode, axes, square):
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
        if square:
            np.multiply(part, part, part)
        if number:
            total += part
    if total is not output:
        output[...] = total
    return output
