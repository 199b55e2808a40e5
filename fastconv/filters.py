"""Classic image filters as NumPy arrays, to be used as kernels of convolution.

Convolution here is cross-correlation, so the kernels are laid out as `scipy.ndimage` correlates
them. A kernel has one axis per spatial axis and no channels: ``sobel()[None, None]`` is a weight
for `conv2d` with one channel in and one out.
"""

from functools import reduce
from math import isfinite, prod
from numbers import Real

import numpy as np

from ._core.arguments import as_int, as_ints
from ._core.dtypes import row_of
from ._core.sizes import check_total

__all__ = [
    "box",
    "gaussian",
    "horizontal_edge",
    "laplace",
    "prewitt",
    "scharr",
    "sobel",
    "vertical_edge",
]


def sobel(axis=-1, ndim=2, *, dtype=np.float32):
    """First derivative along `axis`, smoothed by (1, 2, 1) along the other axes.

    Parameters
    ----------
    axis : int
        The axis to derive along; the last one (left to right) by default.
    ndim : {1, 2, 3}
        Number of axes.
    dtype : dtype
        Of the result. The weights are integers and not normalised.

    Returns
    -------
    ndarray of shape (3,) * ndim

    Raises
    ------
    ValueError
        If `axis` or `ndim` is out of range.
    TypeError
        If `dtype` is not supported or cannot hold the weights.

    Notes
    -----
    I. Sobel and G. Feldman, "A 3x3 isotropic gradient operator for image processing", Stanford
    Artificial Intelligence Project (1968). Signs and scale are those of `scipy.ndimage.sobel`.

    Examples
    --------
    >>> from fastconv.filters import sobel
    >>> sobel()
    array([[-1.,  0.,  1.],
           [-2.,  0.,  2.],
           [-1.,  0.,  1.]], dtype=float32)
    """
    return _derivative("sobel", (1, 2, 1), axis, ndim, dtype)


def scharr(axis=-1, ndim=2, *, dtype=np.float32):
    """First derivative along `axis`, smoothed by (3, 10, 3) along the other axes.

    Closer to rotation invariance than `sobel`. Parameters and errors are those of `sobel`; to
    estimate the derivative itself, divide by 32 in 2-D.

    Returns
    -------
    ndarray of shape (3,) * ndim

    Notes
    -----
    H. Scharr, "Optimal operators in digital image processing", dissertation, Heidelberg (2000).

    Examples
    --------
    >>> from fastconv.filters import scharr
    >>> scharr()
    array([[ -3.,   0.,   3.],
           [-10.,   0.,  10.],
           [ -3.,   0.,   3.]], dtype=float32)
    """
    return _derivative("scharr", (3, 10, 3), axis, ndim, dtype)


def prewitt(axis=-1, ndim=2, *, dtype=np.float32):
    """First derivative along `axis`, summed over three elements along the other axes.

    Parameters and errors are those of `sobel`.

    Returns
    -------
    ndarray of shape (3,) * ndim

    Notes
    -----
    J. M. S. Prewitt, "Object enhancement and extraction", in Picture Processing and
    Psychopictorics (1970). Signs and scale are those of `scipy.ndimage.prewitt`.

    Examples
    --------
    >>> from fastconv.filters import prewitt
    >>> prewitt(axis=0)
    array([[-1., -1., -1.],
           [ 0.,  0.,  0.],
           [ 1.,  1.,  1.]], dtype=float32)
    """
    return _derivative("prewitt", (1, 1, 1), axis, ndim, dtype)


def laplace(ndim=2, *, dtype=np.float32):
    """Sum of the second differences (1, -2, 1) along all axes.

    Parameters
    ----------
    ndim : {1, 2, 3}
        Number of axes.
    dtype : dtype
        Of the result. The weights are integers.

    Returns
    -------
    ndarray of shape (3,) * ndim

    Raises
    ------
    ValueError, TypeError
        As `sobel`.

    Notes
    -----
    The five-point stencil (in 2-D) of the Laplace operator, as in `scipy.ndimage.laplace`.

    Examples
    --------
    >>> from fastconv.filters import laplace
    >>> laplace()
    array([[ 0.,  1.,  0.],
           [ 1., -4.,  1.],
           [ 0.,  1.,  0.]], dtype=float32)
    """
    ndim = _axes("laplace", ndim)
    weights = np.zeros((3,) * ndim, np.int64)
    for axis in range(ndim):
        weights[(1,) * axis + (slice(None),) + (1,) * (ndim - axis - 1)] += (1, -2, 1)
    return _cast("laplace", weights, dtype)


def gaussian(sigma, *, radius=None, truncate=4.0, ndim=2, dtype=np.float32):
    """Sampled normal distribution, scaled so that the weights add up to 1.

    Parameters
    ----------
    sigma : float or sequence of float
        Standard deviation in elements, one for all axes or one per axis.
    radius : int or tuple of int, optional
        Elements on each side of the centre; by default ``int(truncate * sigma + 0.5)``.
    truncate : float
        Where to cut the tails, in standard deviations.
    ndim : {1, 2, 3}
        Number of axes.
    dtype : dtype
        Of the result, floating or complex.

    Returns
    -------
    ndarray with ``2 * radius + 1`` elements along each axis

    Raises
    ------
    ValueError
        If a number is out of range.
    TypeError
        If `dtype` is not supported or an integer.

    Notes
    -----
    The same weights as in `scipy.ndimage.gaussian_filter`, as an outer product over the axes.

    Examples
    --------
    >>> from fastconv.filters import gaussian
    >>> gaussian(0.5, radius=1, ndim=1).round(3)
    array([0.107, 0.787, 0.107], dtype=float32)
    >>> gaussian(1.0).shape
    (9, 9)
    """
    op = "gaussian"
    ndim = _axes(op, ndim)
    sigmas = _positive(op, "sigma", sigma, ndim)
    if radius is None:
        (truncate,) = _positive(op, "truncate", truncate, 1)
        radius = tuple(int(truncate * s + 0.5) for s in sigmas)
    radius = as_ints(op, "radius", radius, ndim, 0)
    check_total(op, "the filter", tuple(2 * r + 1 for r in radius), 8)
    return _cast(op, reduce(np.multiply.outer, map(_bell, sigmas, radius)), dtype)


def box(size, ndim=2, *, dtype=np.float32):
    """Mean over a window: every weight is ``1 / prod(size)``.

    Parameters
    ----------
    size : int or tuple of int
        Elements along all axes, or along each one.
    ndim : {1, 2, 3}
        Number of axes.
    dtype : dtype
        Of the result, floating or complex.

    Returns
    -------
    ndarray of shape `size`

    Raises
    ------
    ValueError, TypeError
        As `gaussian`.

    Notes
    -----
    The weights of `scipy.ndimage.uniform_filter`.

    Examples
    --------
    >>> from fastconv.filters import box
    >>> box(2)
    array([[0.25, 0.25],
           [0.25, 0.25]], dtype=float32)
    """
    ndim = _axes("box", ndim)
    size = as_ints("box", "size", size, ndim, 1)
    check_total("box", "the filter", size, 8)
    return _cast("box", np.full(size, 1 / prod(size)), dtype)


def vertical_edge(*, dtype=np.float32):
    """The textbook detector of vertical edges: positive where the left is brighter.

    The opposite sign of ``prewitt()``.

    Returns
    -------
    ndarray of shape (3, 3)

    Notes
    -----
    The example of A. Ng, "Convolutional Neural Networks" (deeplearning.ai, 2017): on an image with
    10 in its left and 0 in its right half, every row of the result is 0, 30, 30, 0.

    Examples
    --------
    >>> from fastconv.filters import vertical_edge
    >>> vertical_edge()
    array([[ 1.,  0., -1.],
           [ 1.,  0., -1.],
           [ 1.,  0., -1.]], dtype=float32)
    """
    return _cast("vertical_edge", np.array([[1, 0, -1]] * 3), dtype)


def horizontal_edge(*, dtype=np.float32):
    """The textbook detector of horizontal edges: positive where the top is brighter.

    The transpose of `vertical_edge`, from the same source.

    Returns
    -------
    ndarray of shape (3, 3)

    Examples
    --------
    >>> from fastconv.filters import horizontal_edge
    >>> horizontal_edge()
    array([[ 1.,  1.,  1.],
           [ 0.,  0.,  0.],
           [-1., -1., -1.]], dtype=float32)
    """
    return _cast("horizontal_edge", np.array([[1] * 3, [0] * 3, [-1] * 3]), dtype)


def _derivative(op, smoothing, axis, ndim, dtype):
    """Outer product of (-1, 0, 1) along `axis` and `smoothing` along the others."""
    ndim = _axes(op, ndim)
    axis = as_int(op, "axis", axis)
    if not -ndim <= axis < ndim:
        raise ValueError(f"{op}: axis {axis} is out of range for {ndim} axes")
    factors = [np.array(smoothing)] * ndim
    factors[axis] = np.array([-1, 0, 1])
    return _cast(op, reduce(np.multiply.outer, factors), dtype)


def _bell(sigma, radius):
    # A tiny sigma sends the exponent to minus infinity, where exp is 0 as it should be.
    with np.errstate(over="ignore"):
        weights = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    return weights / weights.sum()


def _axes(op, ndim):
    ndim = as_int(op, "ndim", ndim)
    if not 1 <= ndim <= 3:
        raise ValueError(f"{op}: ndim must be 1, 2 or 3, got {ndim}")
    return ndim


def _positive(op, name, value, count):
    """`value` as `count` positive floats, from one number or `count` of them."""
    values = list(value) if np.iterable(value) and not isinstance(value, str) else [value]
    if len(values) not in (1, count):
        raise ValueError(f"{op}: {name} needs one number or {count}, got {value!r}")
    for number in values:
        if isinstance(number, bool) or not isinstance(number, Real):
            raise TypeError(f"{op}: {name} must be a number, got {value!r}")
        if not (isfinite(number) and number > 0):
            raise ValueError(f"{op}: {name} must be positive and finite, got {value!r}")
    return [float(number) for number in values] * (count // len(values))


def _cast(op, weights, dtype):
    """`weights` in `dtype`, refused where an integer dtype would change them."""
    dtype = np.dtype(dtype)
    if row_of(op, dtype, name="dtype").family == "integer":
        if weights.dtype.kind == "f" or (dtype.kind == "u" and weights.min() < 0):
            raise TypeError(f"{op}: {dtype} cannot hold the weights of this filter")
    return weights.astype(dtype)
