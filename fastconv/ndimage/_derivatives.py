"""Differences between neighbours."""

from functools import cache

import numpy as np

from .._scipy import REAL, unmasked
from ._arguments import axes_of, axis_of, each, mode_of, output_of
from ._correlation import correlate, correlate1d
from ._passes import in_passes
from ._summed import summed


def sobel(input, axis=-1, output=None, mode="reflect", cval=0.0):
    """First differences along one axis, smoothed by (1, 2, 1) along the others, as `scipy.ndimage.sobel`.

    Parameters
    ----------
    input, axis, output, cval
        As in `correlate1d`.
    mode : str or sequence of str
        As there, for all axes or one for each.

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
    >>> ndimage.sobel(np.array([[0, 0, 9, 9]] * 3))
    array([[ 0, 36, 36,  0],
           [ 0, 36, 36,  0],
           [ 0, 36, 36,  0]])
    """
    return _smoothed("sobel", input, axis, output, mode, cval, _SOBEL)


def prewitt(input, axis=-1, output=None, mode="reflect", cval=0.0):
    """First differences along one axis, sums of three along the others, as `scipy.ndimage.prewitt`.

    Parameters, results and errors are those of `sobel`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv import ndimage
    >>> ndimage.prewitt(np.array([[0, 0, 9, 9]] * 3))
    array([[ 0, 27, 27,  0],
           [ 0, 27, 27,  0],
           [ 0, 27, 27,  0]])
    """
    return _smoothed("prewitt", input, axis, output, mode, cval, _PREWITT)


def laplace(input, output=None, mode="reflect", cval=0.0, *, axes=None):
    """Sum of second differences along `axes`, by default all, as `scipy.ndimage.laplace`.

    Parameters, results and errors are those of `sobel`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv import ndimage
    >>> ndimage.laplace(np.array([[0, 0, 9, 0, 0]] * 3))
    array([[  0,   9, -18,   9,   0],
           [  0,   9, -18,   9,   0],
           [  0,   9, -18,   9,   0]])
    """
    (input,) = unmasked("laplace", input)
    along = axes_of(axes, input.ndim)
    modes = each(mode, len(along))
    if input.dtype.char in REAL and 1 < len(along) <= 3 and len(set(modes)) == 1:
        return correlate(input, _stencil(len(along)), output, modes[0], cval, axes=along)

    def derivative(axis, output, mode):
        return correlate1d(input, [1, -2, 1], axis, output, mode, cval, 0)

    return summed(input, derivative, output, mode, axes)


@cache
def _stencil(ndim):
    """(1, -2, 1) along every axis, added up."""
    stencil = np.zeros((3,) * ndim)
    for axis in range(ndim):
        stencil[(1,) * axis + (slice(None),) + (1,) * (ndim - axis - 1)] += (1, -2, 1)
    return stencil


_DIFFERENCE = np.array([-1.0, 0, 1])
_SOBEL = np.array([1.0, 2, 1])
_PREWITT = np.array([1.0, 1, 1])


def _smoothed(op, input, axis, output, mode, cval, smoothing):
    (input,) = unmasked(op, input)
    axis = axis_of(axis, input.ndim)
    output = output_of(output, input)
    modes = [mode_of(m) for m in each(mode, input.ndim)]
    others = (i for i in range(input.ndim) if i != axis)
    passes = [(axis, _DIFFERENCE, modes[axis], 0), *((i, smoothing, modes[i], 0) for i in others)]
    return in_passes(input, output, passes, cval)
