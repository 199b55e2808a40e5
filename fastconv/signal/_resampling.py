"""Changes of the sampling rate."""

import math
import operator

import numpy as np
from scipy.signal import decimate as scipy_decimate, dlti, firwin, resample_poly as scipy_resample_poly

from .._scipy import hand_over, unmasked
from ._engine import FLOATS
from ._fir import upfirdn

_BACKGROUNDS = {"mean": np.mean, "median": np.median, "minimum": np.min, "maximum": np.max}


def resample_poly(x, up, down, axis=0, window=("kaiser", 5.0), padtype="constant", cval=None):
    """Resample by ``up / down``, as `scipy.signal.resample_poly`.

    Parameters
    ----------
    x : array_like
        Of any number of axes.
    up, down : int
        Factors of the sampling rate.
    axis : int
    window : str, tuple or array_like
        Of the low-pass filter, or its coefficients.
    padtype : str
        What is beyond the ends: "constant", "mean", "median", "minimum" or "maximum"; others by SciPy.
    cval : number, optional
        For "constant"; others than zero by SciPy.

    Returns
    -------
    ndarray

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
    >>> signal.resample_poly(np.ones(60), 2, 3)[18:22].round(2)
    array([1., 1., 1., 1.])
    """
    (x,) = unmasked("resample_poly", x)
    ours = x.dtype.char in FLOATS and x.ndim and x.size and up == int(up) >= 1 and down == int(down) >= 1
    ours = ours and ((padtype in _BACKGROUNDS and cval is None) or (padtype == "constant" and not cval))
    given = isinstance(window, (list, np.ndarray))
    if not ours or (given and np.ndim(window) != 1):
        return hand_over(
            scipy_resample_poly, "another dtype, or other than numbers beyond the ends", x, up, down, axis,
            window, padtype, cval,
        )  # fmt: skip
    common = math.gcd(int(up), int(down))
    up, down = int(up) // common, int(down) // common
    if up == down == 1:
        return x.copy()
    h = np.array(window) if given else _low_pass(max(up, down), window, x.dtype)
    half = (len(h) - 1) // 2
    h = h * up
    # Zeros before the filter, so that its middle falls on a sample that is kept.
    ahead = down - half % down
    skipped = (half + ahead) // down
    samples = x.shape[axis]
    wanted = -(-samples * up // down)
    after = max((skipped + wanted - 1) * down + 1 - ((samples - 1) * up + ahead + len(h)), 0)
    h = np.concatenate([np.zeros(ahead, h.dtype), h, np.zeros(after, h.dtype)])
    background = None
    if padtype in _BACKGROUNDS:
        background = _BACKGROUNDS[padtype](x, axis=axis, keepdims=True)
        x = x - background
    y = upfirdn(h, x, up, down, axis)
    at = [slice(None)] * x.ndim
    at[axis] = slice(skipped, skipped + wanted)
    y = y[tuple(at)]
    if background is not None:
        y += background
    return y


def decimate(x, q, n=None, ftype="iir", axis=-1, zero_phase=True):
    """Every `q`-th sample after a low-pass filter, as `scipy.signal.decimate`; FIR filters by the engine.

    Parameters
    ----------
    x : array_like
        Of any number of axes.
    q : int
        Factor of the sampling rate.
    n : int, optional
        Order of the filter.
    ftype : {"iir", "fir"} or dlti
        Others than "fir" by SciPy.
    axis : int
    zero_phase : bool
        Make up for the filter's delay.

    Returns
    -------
    ndarray

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
    >>> signal.decimate(np.arange(100.0), 10, ftype="fir").shape
    (10,)
    """
    (x,) = unmasked("decimate", x)
    b = _fir(x, q, n, ftype) if x.ndim and x.size else None
    if b is None:
        return hand_over(scipy_decimate, "a filter with feedback", x, q, n, ftype, axis, zero_phase)
    q = operator.index(q)
    if zero_phase:
        return resample_poly(x, 1, q, axis=axis, window=b)
    y = upfirdn(b, x, 1, q, axis)
    at = [slice(None)] * x.ndim
    at[axis] = slice(-(-x.shape[axis] // q))
    return y[tuple(at)]


def _fir(x, q, n, ftype):
    """The coefficients of a FIR filter; None for another one."""
    if isinstance(ftype, dlti):
        if len(ftype.to_zpk().poles):
            return None
        system = ftype.to_tf()
        return system.num / system.den
    if not isinstance(ftype, str) or ftype != "fir":
        return None
    q = operator.index(q)
    n = 20 * q if n is None else operator.index(n)
    wide = not np.issubdtype(x.dtype, np.inexact) or x.dtype == np.float16
    return np.asarray(firwin(n + 1, 1.0 / q, window="hamming"), np.float64 if wide else x.dtype)


def _low_pass(rate, window, dtype):
    return firwin(20 * rate + 1, 1.0 / rate, window=window).astype(dtype)
