"""Convolution and correlation of arrays of any number of axes."""

import operator

import numpy as np
from scipy.signal import (
    choose_conv_method as scipy_choose_conv_method,
    convolve as scipy_convolve,
    correlate as scipy_correlate,
    fftconvolve as scipy_fftconvolve,
    oaconvolve as scipy_oaconvolve,
)

from .._scipy import hand_over, tell, unmasked
from ._engine import as_parts, product, region, result_type

_MODES = ("valid", "same", "full")
# Products of so few numbers of one axis are NumPy's.
_FEW = 16384
_OTHER = "dtypes, or more axes than three, that the engine has no way for"


def convolve(in1, in2, mode="full", method="auto"):
    """Convolution of two arrays, as `scipy.signal.convolve`.

    Parameters
    ----------
    in1, in2 : array_like
        Of the same number of axes.
    mode : {"full", "valid", "same"}
        All of it; where the smaller lies in the larger; or the middle, of the size of `in1`.
    method : {"auto", "direct", "fft"}
        By sums or by transforms; by default the faster one.

    Returns
    -------
    ndarray
        Of the common dtype. Integers are exact, also by transforms, and wrap.

    Raises
    ------
    ValueError
        As SciPy does.
    TypeError
        For an array with masked elements.

    Examples
    --------
    >>> from fastconv import signal
    >>> signal.convolve([1, 2, 3], [0, 1, 0.5])
    array([0. , 1. , 2.5, 4. , 1.5])
    """
    in1, in2 = unmasked("convolve", in1, in2)
    if in1.ndim != in2.ndim:
        raise ValueError("volume and kernel should have the same dimensionality")
    if not in1.ndim:
        return in1 * in2
    in1, in2 = _in_order(in1, in2, mode)
    if method not in ("auto", "direct", "fft"):
        raise ValueError("Acceptable method flags are 'auto', 'direct', or 'fft'.")
    return _convolved(scipy_convolve, in1, in2, in2, mode, method)


def correlate(in1, in2, mode="full", method="auto"):
    """Correlation of two arrays, as `scipy.signal.correlate`; a complex `in2` is conjugated.

    Parameters, results and errors are those of `convolve`.

    Examples
    --------
    >>> from fastconv import signal
    >>> signal.correlate([1, 2, 3], [0, 1, 0.5])
    array([0.5, 2. , 3.5, 3. , 0. ])
    """
    in1, in2 = unmasked("correlate", in1, in2)
    if in1.ndim != in2.ndim:
        raise ValueError("in1 and in2 should have the same dimensionality")
    if not in1.ndim:
        return in1 * in2.conj()
    if mode not in _MODES:
        raise ValueError("Acceptable mode flags are 'valid', 'same', or 'full'.")
    if method not in ("auto", "direct", "fft"):
        raise ValueError("Acceptable method flags are 'auto', 'direct', or 'fft'.")
    reversed_ = in2[(slice(None, None, -1),) * in2.ndim]
    reversed_ = reversed_.conj() if reversed_.dtype.kind == "c" else reversed_
    return _convolved(scipy_correlate, *_in_order(in1, reversed_, mode), in2, mode, method, in1)


def fftconvolve(in1, in2, mode="full", axes=None):
    """Convolution of floats, as `scipy.signal.fftconvolve`; by transforms only where these are faster.

    Parameters
    ----------
    in1, in2, mode
        As in `convolve`.
    axes : int or sequence of int, optional
        Those to convolve along, by default all; along the others, arrays are broadcast.

    Returns
    -------
    ndarray of float32, float64, complex64 or complex128

    Raises
    ------
    ValueError
        As SciPy does.
    TypeError
        For an array with masked elements.

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv import signal
    >>> signal.fftconvolve(np.ones((2, 3)), np.ones((1, 2)), axes=1)
    array([[1., 2., 2., 1.],
           [1., 2., 2., 1.]])
    """
    return _along("fftconvolve", scipy_fftconvolve, in1, in2, mode, axes)


def oaconvolve(in1, in2, mode="full", axes=None):
    """Convolution of a long array with a short one, as `scipy.signal.oaconvolve`.

    Parameters, results and errors are those of `fftconvolve`, of which this is another name here: the
    engine cuts what it transforms into blocks anyway.

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv import signal
    >>> signal.oaconvolve(np.arange(5.0), [1, -1], mode="valid")
    array([1., 1., 1., 1.])
    """
    return _along("oaconvolve", scipy_oaconvolve, in1, in2, mode, axes)


def choose_conv_method(in1, in2, mode="full", measure=False):
    """The `method` of SciPy's `convolve` that is faster there, as `scipy.signal.choose_conv_method`.

    ``method="auto"`` does not use it here: the engine chooses among more than two.
    ``fastconv.explain(fastconv.signal.convolve, in1, in2)`` tells what it takes.

    Parameters
    ----------
    in1, in2, mode
        As in `convolve`.
    measure : bool
        Time both.

    Returns
    -------
    {"direct", "fft"}
        With `measure`, and a dict of times in seconds.

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv import signal
    >>> signal.choose_conv_method(np.ones(100), np.ones(5))
    'direct'
    """
    return hand_over(scipy_choose_conv_method, "it is about SciPy's methods", in1, in2, mode, measure)


def _in_order(in1, in2, mode):
    """Both arrays, the larger one first if the mode is "valid"."""
    if mode == "valid":
        if all(n >= k for n, k in zip(in1.shape, in2.shape)):
            return in1, in2
        if all(k >= n for n, k in zip(in1.shape, in2.shape)):
            return in2, in1
        raise ValueError(
            "For 'valid' mode, one must be at least as large as the other in every dimension"
        )
    return in1, in2


def _convolved(theirs, x, h, given, mode, method, other=None):
    """The convolution of `x` and `h`; SciPy's function is for what it was `given`."""
    if mode not in _MODES:
        raise ValueError("acceptable mode flags are 'valid', 'same', or 'full'")
    dtype = result_type(x, h)
    if dtype is not None and x.size and h.size:
        if (
            x.ndim == 1
            and x.size * h.size <= _FEW
            and method == "auto"
            and (mode != "same" or len(x) >= len(h))
        ):
            tell(lambda: "NumPy's convolve: few numbers")
            return np.convolve(x, h, mode)
        y = _part(x, h, dtype, mode, range(x.ndim), method)
        if y is not None:
            return y
    return hand_over(theirs, _OTHER, x if other is None else other, given, mode, method)


def _part(x, h, dtype, mode, axes, method="auto"):
    """The part of a convolution along `axes` that `mode` says, in `dtype`; None if they are too many."""
    starts, sizes = [0] * x.ndim, [0] * x.ndim
    for a in axes:
        starts[a], sizes[a] = region(mode, x.shape[a], h.shape[a])
    if dtype.kind in "fc":
        x, h = as_parts(dtype, x, h)
    y = product(x, h, starts, sizes, axes, method)
    # Of bools, whether there is any product; of narrower integers, sums that wrap.
    return None if y is None else y.astype(dtype, order="C", copy=False)


def _along(op, theirs, in1, in2, mode, axes):
    x, h = unmasked(op, in1, in2)
    if x.ndim != h.ndim:
        raise ValueError("in1 and in2 should have the same dimensionality")
    if not x.ndim or not x.size or not h.size or mode not in _MODES:
        return hand_over(theirs, "nothing to convolve", x, h, mode, axes)
    # Integers are transformed in float64.
    dtype = np.result_type(*(np.float64 if a.dtype.kind in "iub" else a.dtype for a in (x, h)))
    if result_type(x, h) is None or dtype.char == "e":
        return hand_over(theirs, _OTHER, x, h, mode, axes)
    along = _axes(x.ndim, axes)
    # Where one of the arrays has a single element, it is broadcast.
    along = None if along is None else [a for a in along if x.shape[a] != 1 and h.shape[a] != 1]
    fits = along and all(
        x.shape[a] == h.shape[a] or 1 in (x.shape[a], h.shape[a]) for a in range(x.ndim) if a not in along
    )  # fmt: skip
    if mode == "valid" and fits:
        if all(h.shape[a] >= x.shape[a] for a in along) and any(h.shape[a] > x.shape[a] for a in along):
            x, h = h, x
        fits = all(x.shape[a] >= h.shape[a] for a in along)
    if not fits:
        return hand_over(theirs, "nothing to convolve along", x, h, mode, axes)
    shape = x.shape
    y = _part(x, h, dtype, mode, along)
    if y is None:
        return hand_over(theirs, _OTHER, x, h, mode, axes)
    if mode == "same" and y.shape != shape:
        y = y[tuple(slice((m - n) // 2, (m - n) // 2 + n) for m, n in zip(y.shape, shape))].copy()
    return y


def _axes(ndim, axes):
    """`axes` as a list of numbers from 0 on; None if they are none of these."""
    if axes is None:
        return list(range(ndim))
    try:
        axes = [operator.index(axes)] if np.isscalar(axes) else list(map(operator.index, axes))
    except TypeError:
        return None
    if (
        not axes
        or len({a % ndim for a in axes}) != len(axes)
        or any(not -ndim <= a < ndim for a in axes)
    ):
        return None
    return [a % ndim for a in axes]
