"""Correlation and convolution with any kernel."""

from collections.abc import Iterable

import numpy as np
from scipy.ndimage import correlate as scipy_correlate, correlate1d as scipy_correlate1d

from .._scipy import hand_over, unmasked
from . import _sums
from ._arguments import axes_of, axis_of, check_kinds, check_origin, each, mode_of, output_of, value_of


def correlate1d(input, weights, axis=-1, output=None, mode="reflect", cval=0.0, origin=0):
    """Correlation along one axis, as `scipy.ndimage.correlate1d`.

    Parameters
    ----------
    input : array_like
        Of any number of axes and any numeric dtype.
    weights : array_like of one axis
        The kernel; a complex one is conjugated.
    axis : int
    output : array or dtype, optional
        Where to write the result, or of which dtype it is; by default that of `input`.
    mode : {"reflect", "constant", "nearest", "mirror", "wrap", "grid-mirror", "grid-constant", "grid-wrap"}
        What is beyond the border.
    cval : number
        For ``mode="constant"``.
    origin : int
        Moves the kernel; positive to the left.

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
    >>> ndimage.correlate1d(np.array([2, 8, 0, 4, 1, 9, 9, 0]), weights=[1, 3])
    array([ 8, 26,  8, 12,  7, 28, 36,  9])
    """
    input, weights = unmasked("correlate1d", input, weights)
    return _correlate1d(input, weights, axis, output, mode, cval, origin)


def _correlate1d(input, weights, axis, output, mode, cval, origin):
    is_complex = "c" in (input.dtype.kind, weights.dtype.kind)
    given, output = output, output_of(output, input, is_complex)
    check_kinds(input, weights, output)
    around = value_of(cval, input, weights)
    if weights.dtype.kind == "c":
        weights = weights.conj()
    weights = _real(weights)
    if weights.ndim != 1 or not len(weights):
        raise RuntimeError("no filter weights given")
    axis = axis_of(axis, input.ndim)
    check_origin(origin, len(weights), "len(weights)")
    given_mode, mode = mode, mode_of(mode)
    if not _sums.is_ours(input.dtype, output.dtype):
        return _not_ours(
            scipy_correlate1d,
            given,
            output,
            input,
            weights,
            axis,
            mode=given_mode,
            cval=cval,
            origin=origin,
        )
    before = len(weights) // 2 + origin

    def run(x, y, weights, around):
        _sums.correlate1d(x, y, weights, axis, mode, around, before)

    return in_parts(run, input, output, weights, around)


def convolve1d(input, weights, axis=-1, output=None, mode="reflect", cval=0.0, origin=0):
    """Convolution along one axis, as `scipy.ndimage.convolve1d`: `correlate1d` with the kernel reversed.

    Parameters, results and errors are those of `correlate1d`; complex kernels are not conjugated.

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv import ndimage
    >>> ndimage.convolve1d(np.array([2, 8, 0, 4, 1, 9, 9, 0]), weights=[1, 3])
    array([14, 24,  4, 13, 12, 36, 27,  0])
    """
    input, weights = unmasked("convolve1d", input, weights)
    weights = weights[::-1]
    origin = -origin
    if not weights.shape[0] & 1:
        origin -= 1
    if weights.dtype.kind == "c":
        weights = weights.conj()
    return _correlate1d(input, weights, axis, output, mode, cval, origin)


def correlate(input, weights, output=None, mode="reflect", cval=0.0, origin=0, *, axes=None):
    """Correlation with a kernel of as many axes, as `scipy.ndimage.correlate`.

    Parameters
    ----------
    input, output, mode, cval
        As in `correlate1d`.
    weights : array_like
        With an axis for each of `axes`; a complex one is conjugated.
    origin : int or sequence of int
        Moves the kernel, along all axes or along each one.
    axes : int or tuple of int, optional
        Those that the kernel lies along; by default all.

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
    >>> ndimage.correlate(np.eye(3), np.ones((3, 3)), mode="constant")
    array([[2., 2., 1.],
           [2., 3., 2.],
           [1., 2., 2.]])
    """
    input, weights = unmasked("correlate", input, weights)
    if weights.dtype.kind == "c":
        weights = weights.conj()
    return _correlate(input, weights, output, mode, cval, origin, False, axes)


def convolve(input, weights, output=None, mode="reflect", cval=0.0, origin=0, *, axes=None):
    """Convolution with a kernel of as many axes, as `scipy.ndimage.convolve`: the kernel is reversed.

    Parameters, results and errors are those of `correlate`; complex kernels are not conjugated.

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv import ndimage
    >>> ndimage.convolve(np.eye(3), np.arange(4.0).reshape(2, 2), mode="constant")
    array([[3., 1., 0.],
           [2., 3., 1.],
           [0., 2., 3.]])
    """
    input, weights = unmasked("convolve", input, weights)
    return _correlate(input, weights, output, mode, cval, origin, True, axes)


def _correlate(input, weights, output, mode, cval, origin, reverse, axes):
    is_complex = "c" in (input.dtype.kind, weights.dtype.kind)
    around = value_of(cval, input, weights)
    axes = axes_of(axes, input.ndim)
    weights = _real(weights)
    origins = expanded_origin(input.ndim, axes, origin)
    weights = expanded(input.ndim, axes, weights, "weights")
    if 0 in weights.shape or weights.ndim != input.ndim:
        count = sum(n > 0 for n in weights.shape)
        raise RuntimeError(f"weights.ndim ({count}) must match len(axes) ({len(axes)})")
    if reverse:
        weights = weights[(slice(None, None, -1),) * weights.ndim]
        origins = [-o - (not n & 1) for o, n in zip(origins, weights.shape)]
    for o, n in zip(origins, weights.shape):
        check_origin(o, n, "weights.shape[k]")
    if not isinstance(mode, str) and isinstance(mode, Iterable):
        raise RuntimeError("A sequence of modes is not supported")
    given, output = output, output_of(output, input, is_complex)
    check_kinds(input, weights, output)
    ours = mode_of(mode)
    befores = [n // 2 + o for n, o in zip(weights.shape, origins)]
    if _sums.is_ours(input.dtype, output.dtype) and input.ndim:

        def run(x, y, weights, around):
            return _sums.correlate(x, y, weights, ours, around, befores)

        done = in_parts(run, input, output, weights, around)
        if done is not None:
            return done
    weights = weights.conj()  # which SciPy will do
    return _not_ours(
        scipy_correlate, given, output, input, weights, mode=mode, cval=cval, origin=origins
    )


def _real(weights):
    """A kernel in float64, or complex."""
    return weights.astype(np.complex128 if weights.dtype.kind == "c" else np.float64)


def expanded(ndim, axes, window, name):
    """`window`, that has an axis for each of `axes` in ascending order, with one for each of `ndim`."""
    if len(axes) < ndim:
        if window.ndim != len(axes):
            raise RuntimeError(f"{name}.ndim ({window.ndim}) must match len(axes) ({len(axes)})")
        window = np.expand_dims(window, tuple(a for a in range(ndim) if a not in axes))
    return window


def expanded_origin(ndim, axes, origin):
    """An origin for each of `ndim` axes."""
    origins = [0] * ndim
    for axis, one in zip(axes, each(origin, len(axes))):
        origins[axis] = one
    return origins


def in_parts(run, x, y, weights, around):
    """`y`, after ``run(x, y, weights, around)``; of integers with complex numbers, part by part.

    None if that says False.
    """
    if not x.size:
        return y
    if y.dtype.kind != "c":
        return None if run(x, y, weights, around) is False else y
    if all(d.kind in "fc" for d in (x.dtype, y.dtype)) and (
        x.dtype.kind == "c" or y.dtype.itemsize == 2 * x.dtype.itemsize
    ):
        return None if run(x, y, weights, around) is False else y
    real, imaginary = np.empty((2, *x.shape), y.real.dtype)
    total = np.zeros(x.shape, y.dtype)
    for factor, part, value in ((1, x.real, np.real(around)), (1j, x.imag, np.imag(around))):
        if factor == 1j and x.dtype.kind != "c":
            break
        for result, kernel in ((real, weights.real), (imaginary, weights.imag)):
            if run(np.ascontiguousarray(part), result, np.ascontiguousarray(kernel), value) is False:
                return None
        total += factor * (real + 1j * imaginary)
    y[...] = total
    return y


def _not_ours(function, given, output, *args, **kwargs):
    kwargs["output"] = given if given is None or isinstance(given, (type, np.dtype, str)) else output
    return hand_over(
        function,
        "a dtype, or more axes than three with windows, that the engine has no way for",
        *args,
        **kwargs,
    )
