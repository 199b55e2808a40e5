"""Filters that are passes along the axes, one after the other."""

from scipy.ndimage import correlate1d as scipy_correlate1d

from .._scipy import hand_over
from . import _sums
from ._arguments import NAMES, check_kinds, value_of
from ._correlation import in_parts


def in_passes(input, output, passes, cval):
    """`output`, from `input` by correlation along some axes: `passes` are (axis, weights, mode, origin).

    Modes are ours. As in SciPy, what is between two passes is of the dtype of `output`.
    """
    if not passes:
        output[...] = input
        return output
    check_kinds(input, passes[0][1], output)
    around = value_of(cval, input)
    if not _sums.is_ours(input.dtype, output.dtype):
        return _by_scipy(input, output, passes, cval)
    if input.dtype.kind == "c" or output.dtype.kind == "c":

        def run(x, y, axis, weights, mode, origin):
            in_parts(
                lambda x, y, w, value: _sums.correlate1d(x, y, w, axis, mode, value, len(w) // 2 + origin),
                x, y, weights, around if x.dtype.kind == "c" else value_of(cval, x),
            )  # fmt: skip

        if input.size:
            _sums.in_turn(input, output, passes, run)
    elif input.size:
        _sums.passes(input, output, passes, around)
    return output


def _by_scipy(input, output, passes, cval):
    for axis, weights, mode, origin in passes:
        hand_over(
            scipy_correlate1d, f"arrays of {input.dtype} to {output.dtype}", input, weights, axis,
            output, NAMES[mode], cval, origin,
        )  # fmt: skip
        input = output
    return output
