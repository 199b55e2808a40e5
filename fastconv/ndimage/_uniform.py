"""Means over boxes."""

from math import prod

import numpy as np
from scipy.ndimage import uniform_filter as scipy_uniform_filter

from .._core.padding import origin as origin_of
from .._core.settings import current
from .._scipy import hand_over, tell, unmasked
from . import _ordered, _sums
from ._arguments import NAMES, axes_of, axis_of, check_kinds, each, mode_of, output_of


def uniform_filter1d(input, size, axis=-1, output=None, mode="reflect", cval=0.0, origin=0):
    """Means of `size` neighbours along one axis, as `scipy.ndimage.uniform_filter1d`.

    Parameters
    ----------
    input, axis, output, mode, cval, origin
        As in `correlate1d`.
    size : int
        Elements of a window.

    Returns
    -------
    ndarray of the shape of `input`

    Raises
    ------
    RuntimeError, ValueError, TypeError
        As SciPy does; TypeError for an array with masked elements.

    Notes
    -----
    A running mean in float64, in SciPy's order: results are equal to the last bit. The time does not depend
    on `size`. As in SciPy, NaN and Inf reach all that follows them in their line.

    Examples
    --------
    >>> from fastconv import ndimage
    >>> ndimage.uniform_filter1d([2, 8, 0, 4, 1, 9, 9, 0], size=3)
    array([4, 3, 4, 1, 4, 6, 6, 3])
    """
    (input,) = unmasked("uniform_filter1d", input)
    axis = axis_of(axis, input.ndim)
    if size < 1:
        raise RuntimeError("incorrect filter size")
    output = output_of(output, input, input.dtype.kind == "c")
    _check(size, origin)
    return _means(input, output, [(axis, size, origin, mode)], cval)


def uniform_filter(input, size=3, output=None, mode="reflect", cval=0.0, origin=0, *, axes=None):
    """Means over boxes, as `scipy.ndimage.uniform_filter`.

    Parameters
    ----------
    input, output, cval
        As in `correlate1d`.
    size, origin, mode
        As in `uniform_filter1d`, for all axes or one for each.
    axes : int or tuple of int, optional
        Those to filter along; by default all.

    Returns
    -------
    ndarray of the shape of `input`

    Raises
    ------
    RuntimeError, ValueError, TypeError
        As SciPy does; TypeError for an array with masked elements.

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv import ndimage
    >>> ndimage.uniform_filter(9 * np.eye(3), 3)
    array([[5., 3., 1.],
           [3., 3., 3.],
           [1., 3., 5.]])
    """
    (input,) = unmasked("uniform_filter", input)
    output = output_of(output, input, input.dtype.kind == "c")
    axes = axes_of(axes, input.ndim)
    sizes, origins, modes = (each(o, len(axes)) for o in (size, origin, mode))
    passes = [one for one in zip(axes, sizes, origins, modes) if one[1] > 1]
    for _, n, o, _ in passes:
        _check(int(n), o)
    return _means(input, output, passes, cval)


def _check(size, origin):
    if not 0 <= size // 2 + origin < size:
        raise ValueError("invalid origin")


def _means(input, output, passes, cval):
    passes = [(axis, int(size), origin, mode_of(mode)) for axis, size, origin, mode in passes]
    if not passes:
        output[...] = input
        return output
    check_kinds(input, input, output)
    if not input.size:
        return output
    if not _sums.is_ours(input.dtype, output.dtype):
        axes, sizes, origins, modes = zip(*passes)
        modes = [NAMES[m] for m in modes]
        return hand_over(
            scipy_uniform_filter, f"arrays of {input.dtype} to {output.dtype}", input, sizes, output,
            modes, cval, origins, axes=axes,
        )  # fmt: skip
    if output.dtype.kind == "c":
        parts = [(input.real, output.real, np.real(cval))]
        if input.dtype.kind == "c":
            parts.append((input.imag, output.imag, np.imag(cval)))
        else:
            output.imag[...] = 0
        for x, y, value in parts:
            _sums.in_turn(x, y, passes, _pass(float(value)))
    else:
        _sums.in_turn(input, output, passes, _pass(float(cval)))
    return output


def _pass(around):
    """A pass along one axis."""

    def run(x, y, axis, size, origin, mode):
        tell(lambda: f"running means of {size} along axis {axis}, in float64, of {x.dtype} to {y.dtype}")
        rows = (x.shape[:axis], x.shape[axis], x.shape[axis + 1 :])
        shape = (prod(rows[0]), rows[1], prod(rows[2]))
        x, y = (a.view(np.uint8) if a.dtype == bool else a for a in (x, y))
        if not x.dtype.isnative or not x.flags.aligned:
            x = x.astype(x.dtype.newbyteorder("="))
        target = y.reshape(shape)
        direct = np.may_share_memory(target, y) and y.dtype.isnative and y.flags.aligned
        if not direct:
            target = np.empty(shape, y.dtype.newbyteorder("="))
        before = size // 2 + origin
        shown = origin_of(shape[1], before, size - 1 - before, mode)
        _ordered.means(x.reshape(shape), target, shown, before, size, around, current().threads)
        if not direct:
            y[...] = target.reshape(y.shape)

    return run
