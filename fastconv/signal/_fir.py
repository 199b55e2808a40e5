"""FIR filters along an axis, also between changes of the sampling rate."""

from math import prod

import numpy as np
from scipy.signal import lfilter as scipy_lfilter, upfirdn as scipy_upfirdn

from .. import conv
from .._scipy import hand_over, tell_choice, unmasked
from ._engine import FLOATS

# Filters of all phases are one convolution if they multiply no more than so many times what they need.
_WASTE = 1.5
# Products, of a whole call and of one phase, that are worth a call to the engine.
_FEW, _MANY = 1 << 13, 1 << 18
# So many signals side by side are channels for one filter; more, or for several, they are rows of an image.
_CHANNELS = 32


def lfilter(b, a, x, axis=-1, zi=None):
    """Filter along an axis, as `scipy.signal.lfilter`; FIR filters by the engine, others by SciPy.

    Parameters
    ----------
    b, a : array_like of one axis
        Numerator and denominator; with one number in `a`, a FIR filter.
    x : array_like
        Of any number of axes.
    axis : int
    zi : array_like, optional
        State before the first sample, ``len(b) - 1`` along `axis`.

    Returns
    -------
    y : ndarray of the shape of `x`
    zf : ndarray
        State after the last sample; only with `zi`.

    Raises
    ------
    ValueError, NotImplementedError
        As SciPy does.
    TypeError
        For an array with masked elements.

    Examples
    --------
    >>> from fastconv import signal
    >>> signal.lfilter([0.5, 0.5], 1, [1.0, 3.0, 5.0, 7.0])
    array([0.5, 2. , 4. , 6. ])
    """
    given = b, a, x
    b, a, x = unmasked("lfilter", b, a, x)
    b, a = np.atleast_1d(b, a)
    zi = None if zi is None else np.asarray(zi)
    arrays = (b, a, x) if zi is None else (b, a, x, zi)
    if b.ndim != 1 or a.ndim != 1 or len(a) != 1 or not b.size or not x.ndim:
        return hand_over(scipy_lfilter, "a filter with feedback", *given, axis, zi)
    try:
        dtype = np.result_type(*arrays)
    except TypeError:
        dtype = np.dtype(object)
    if dtype.char not in FLOATS or not x.size or not -x.ndim <= axis < x.ndim:
        return hand_over(scipy_lfilter, f"arrays of {dtype}", *given, axis, zi)
    b = np.asarray(b, dtype) / a.astype(dtype)[0]
    x = np.asarray(x, dtype)
    axis %= x.ndim
    if zi is None:
        return _filtered(b, x, axis, len(b) - 1, x.shape[axis])
    state = (*x.shape[:axis], len(b) - 1, *x.shape[axis + 1 :])
    fits = zi.ndim == x.ndim and all(
        n == m or (n == 1 and i != axis) for i, (n, m) in enumerate(zip(zi.shape, state))
    )
    if not fits:
        return hand_over(scipy_lfilter, "a state that does not fit", *given, axis, zi)
    full = _filtered(b, x, axis, len(b) - 1, x.shape[axis] + len(b) - 1)
    at = (slice(None),) * axis
    full[(*at, slice(len(b) - 1))] += zi
    return full[(*at, slice(x.shape[axis]))], full[(*at, slice(x.shape[axis], None))]


def upfirdn(h, x, up=1, down=1, axis=-1, mode="constant", cval=0):
    """Zeros between samples, a FIR filter, and every few of its results, as `scipy.signal.upfirdn`.

    Parameters
    ----------
    h : array_like of one axis
        The filter.
    x : array_like
        Of any number of axes.
    up, down : int
        Factors of the sampling rate.
    axis : int
    mode, cval
        What is beyond the ends; others than zeros are left to SciPy.

    Returns
    -------
    ndarray
        Only the products with samples, and those of results that are kept, are computed.

    Raises
    ------
    ValueError
        As SciPy does.
    TypeError
        For an array with masked elements.

    Examples
    --------
    >>> from fastconv import signal
    >>> signal.upfirdn([1, 1, 1], [1, 2, 3], up=3)
    array([1., 1., 1., 2., 2., 2., 3., 3., 3.])
    """
    if h.__class__ is x.__class__ is np.ndarray and x.size * h.size <= _FEW:
        return hand_over(scipy_upfirdn, "few numbers", h, x, up, down, axis, mode, cval)
    h, x = unmasked("upfirdn", h, x)
    dtype = np.result_type(h.dtype, x.dtype, np.float32)
    plain = mode == "constant" and not cval and h.ndim == 1 and h.size and x.size and x.ndim
    if (
        not plain
        or dtype.char not in FLOATS
        or int(up) < 1
        or int(down) < 1
        or not -x.ndim <= axis < x.ndim
    ):
        return hand_over(
            scipy_upfirdn,
            "other than zeros beyond the ends, or another dtype",
            h,
            x,
            up,
            down,
            axis,
            mode,
            cval,
        )
    up, down, axis = int(up), int(down), axis % x.ndim
    h, x = np.asarray(h, dtype), np.asarray(x, dtype)
    size = ((x.shape[axis] - 1) * up + len(h) - 1) // down + 1
    if up == 1:
        return _filtered(h, x, axis, len(h) - 1, size, down)
    # Result r + q up is the filter h[phase::up] on the samples up to first + q down.
    first, phase = np.divmod(np.arange(up) * down, up)
    taps = -(-len(h) // up)
    together = taps + first[-1] <= _WASTE * taps
    if not together and x.size * taps <= _MANY * down:
        return hand_over(
            scipy_upfirdn, "few numbers in each of many phases", h, x, up, down, axis, mode, cval
        )
    y = np.zeros((*x.shape[:axis], -(-size // up) * up, *x.shape[axis + 1 :]), dtype)
    folded = y.reshape(prod(x.shape[:axis]), -1, up, prod(x.shape[axis + 1 :]))
    signals = x.reshape(len(folded), 1, x.shape[axis], folded.shape[3])
    rounds = folded.shape[1]
    if together:
        kernels = np.zeros((up, taps + first[-1]), dtype)
        for r in range(up):
            part = h[phase[r] :: up][::-1]
            kernels[r, first[r] + taps - len(part) : first[r] + taps] = part
        found = _sums(signals, kernels, taps - 1, rounds, down)
        folded[...] = found.transpose(0, 2, 1, 3)
    else:
        for r in range(up):
            part = h[phase[r] :: up][::-1]
            if len(part):
                folded[:, :, r] = _sums(signals, part[None], len(part) - 1 - first[r], rounds, down)[
                    :, 0
                ]
    at = (slice(None),) * axis
    return np.ascontiguousarray(y[(*at, slice(size))])


def _filtered(h, x, axis, before, size, step=1):
    """`size` results, `step` samples apart, of a filter along an axis that has `before` zeros before it."""
    signals = x.reshape(prod(x.shape[:axis]), 1, x.shape[axis], prod(x.shape[axis + 1 :]))
    y = _sums(signals, h[None, ::-1], before, size, step)
    return y.reshape(*x.shape[:axis], size, *x.shape[axis + 1 :])


def _sums(signals, kernels, before, size, step):
    """Correlations of ``(batch, 1, samples, others)`` with every kernel: ``(batch, kernel, size, others)``."""
    after = (size - 1) * step + kernels.shape[1] - signals.shape[2] - before
    options = dict(stride=step, padding=((before, after),))
    others = signals.shape[3]
    if others == 1:
        run, signals, weight = conv.conv1d, signals[..., 0], kernels[:, None]
    elif others <= _CHANNELS and len(kernels) == 1:
        run, signals = conv.conv1d, signals[:, 0]
        weight = np.broadcast_to(kernels, (others, 1, kernels.shape[1]))
        options.update(groups=others, data_format="channels_last")
    else:
        run, weight = conv.conv2d, kernels[:, None, :, None]
        options = dict(stride=(step, 1), padding=((before, after), (0, 0)))
    tell_choice(run, signals, weight, options)
    y = run(signals, weight, **options)
    if y.ndim == 4:
        return y
    return y[..., None] if others == 1 else y[:, None]
