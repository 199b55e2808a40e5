"""Convolution and correlation of images, with something beyond their border."""

import numpy as np
from scipy.signal import convolve2d as scipy_convolve2d, correlate2d as scipy_correlate2d

from .._scipy import INTEGERS, hand_over, unmasked
from ._convolution import _in_order
from ._engine import FLOATS, as_parts, product, region, result_type

# SciPy's names of what is beyond the border -> ours.
# Products that cost less than a call to the engine.
_FEW, _CHEAP = 1024, "few numbers"
_BOUNDARIES = {
    "fill": "constant",
    "wrap": "circular",
    "circular": "circular",
    "symm": "symmetric",
    "symmetric": "symmetric",
}


def convolve2d(in1, in2, mode="full", boundary="fill", fillvalue=0):
    """Convolution of two images, as `scipy.signal.convolve2d`.

    Parameters
    ----------
    in1, in2 : array_like of two axes
    mode : {"full", "valid", "same"}
        As in `convolve`.
    boundary : {"fill", "wrap", "symm"}
        What is beyond the border of `in1`: `fillvalue`, the image once more, or its mirror image.
    fillvalue : number

    Returns
    -------
    ndarray of two axes, of the common dtype

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
    >>> signal.convolve2d(np.eye(3), np.ones((2, 2)), mode="same", boundary="symm")
    array([[4., 2., 0.],
           [2., 2., 1.],
           [0., 1., 2.]])
    """
    if in1.__class__ is in2.__class__ is np.ndarray and in1.size * in2.size <= _FEW:
        return hand_over(scipy_convolve2d, _CHEAP, in1, in2, mode, boundary, fillvalue)
    x, h = unmasked("convolve2d", in1, in2)
    if not x.ndim == h.ndim == 2:
        raise ValueError("convolve2d inputs must both be 2-D arrays")
    x, h = _in_order(x, h, mode)
    return _bordered(scipy_convolve2d, x, h, h, mode, boundary, fillvalue)


def correlate2d(in1, in2, mode="full", boundary="fill", fillvalue=0):
    """Correlation of two images, as `scipy.signal.correlate2d`; a complex `in2` is conjugated.

    Parameters, results and errors are those of `convolve2d`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv import signal
    >>> signal.correlate2d(np.eye(3), [[1, 2]], mode="same")
    array([[1., 0., 0.],
           [2., 1., 0.],
           [0., 2., 1.]])
    """
    if in1.__class__ is in2.__class__ is np.ndarray and in1.size * in2.size <= _FEW:
        return hand_over(scipy_correlate2d, _CHEAP, in1, in2, mode, boundary, fillvalue)
    x, h = unmasked("correlate2d", in1, in2)
    if not x.ndim == h.ndim == 2:
        raise ValueError("correlate2d inputs must both be 2-D arrays")
    larger, smaller = _in_order(x, h, mode)
    reversed_ = smaller[::-1, ::-1].conj()
    y = _bordered(scipy_correlate2d, larger, reversed_, smaller, mode, boundary, fillvalue)
    return y[::-1, ::-1] if larger is h and larger is not x else y


def _bordered(theirs, x, h, given, mode, boundary, fillvalue):
    dtype = result_type(x, h)
    fill = np.asarray(fillvalue)
    if dtype is None or dtype.char not in FLOATS + INTEGERS:
        return hand_over(
            theirs, "dtypes that the engine has no way for", x, given, mode, boundary, fillvalue
        )
    if (
        mode not in ("full", "valid", "same")
        or boundary not in _BOUNDARIES
        or fill.size != 1
        or not x.size
        or not h.size
    ):
        return hand_over(theirs, "no arguments for the engine", x, given, mode, boundary, fillvalue)
    ours = _BOUNDARIES[boundary]
    if ours == "constant" and (mode == "valid" or not fill.any()):
        ours = "zeros"
    if ours == "constant" and fill.dtype.kind == "c" and dtype.kind != "c":
        return hand_over(
            theirs, "a complex number around real ones", x, given, mode, boundary, fillvalue
        )
    starts, sizes = zip(*(region(mode, n, k) for n, k in zip(x.shape, h.shape)))
    if mode == "same" and theirs is scipy_correlate2d:
        # Its kernel came reversed: the middle of an even one is the other element.
        starts = tuple(k // 2 for k in h.shape)
    around = 0
    if ours == "constant":
        with np.errstate(all="ignore"):
            around = fill.astype(dtype).ravel()[0].item()
        x = x.astype(dtype)  # which holds what is around
    if dtype.kind in "fc":
        x, h = as_parts(dtype, x, h)
    y = product(x, h, starts, sizes, (0, 1), mode=ours, value=around)
    if y is None:
        return hand_over(theirs, "sums beyond 64 bits", x, given, mode, boundary, fillvalue)
    return y.astype(dtype, order="C", copy=False)
